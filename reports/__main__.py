"""`python -m reports`: JSON files in, a page out, with a summary and the data.

Exit status: 0; 1 if the gate fails (the page is there all the same); 2 if a file cannot be read or written.
"""

# ruff: noqa: T201  a command line prints

import argparse
import os
import sys
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from benchmarks.document import Benchmark
from benchmarks.studies.document import Studies
from conformance.files import FileError, read_file
from conformance.results import document
from reports.analyse.application import read_application
from reports.analyse.parity import DESIGNS, Comparison
from reports.analyse.report import Report, make_report, read_report
from reports.render.pages import write_pages
from reports.render.publish import publish
from statements.document import StatementResults, read_document

OUT = Path("reports/out")
STUDIES = OUT / "studies.json"
PUBLISHED = Path("reports/published/report.json")
R = TypeVar("R", bound=BaseModel)


def main(arguments: list[str] | None = None) -> int:
    """Make the report, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=sys.modules["reports"].__doc__)
    parser.add_argument("--conformance", type=Path, default=OUT / "conformance.json", metavar="FILE")
    parser.add_argument(
        "--compared", type=Path, default=OUT, metavar="DIR", help="where {documented,ours,statements}.json are"
    )
    parser.add_argument("--benchmark", type=Path, default=OUT / "benchmark.json", metavar="FILE")
    parser.add_argument("--studies", type=Path, metavar="FILE", help=f"default: {STUDIES}, if it is there")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="draw a report.json again, from nothing else")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR")
    parser.add_argument(
        "--publish", metavar="README", type=Path, help="put the summary between the marks in README too"
    )
    options = parser.parse_args(arguments)
    try:
        report = _read(options)
        page = write_pages(report, options.out)
        if options.publish:
            publish(report, options.publish)
        elif PUBLISHED.exists() and not _is_of_published_store(report):
            print("note: the published figures are of another version of the store; --publish README.md renews them")
    except FileError as fault:
        print(fault, file=sys.stderr)
        return 2
    except OSError as fault:
        print(f"{fault.filename or options.out}: {fault.strerror}", file=sys.stderr)
        return 2
    except Exception as fault:
        if not options.from_json:
            raise
        print(f"{options.from_json}: its parts do not fit together: {type(fault).__name__}", file=sys.stderr)
        return 2
    for what in (*report.incomplete, *(f"gate: {breach}" for breach in report.breaches)):
        print(what, file=sys.stderr)
    print(page)
    return 1 if report.breaches else 0


def _read(options: argparse.Namespace) -> Report:
    if options.from_json:
        return read_report(options.from_json)
    results = document.read(options.conformance)
    comparisons = {}
    for design in DESIGNS:
        file = options.compared / f"{design}.json"
        comparisons[design] = read(file, Comparison, "the JSON of `compare`")
    studies = None
    file = options.studies or STUDIES
    if options.studies or file.exists():
        studies = read(file, Studies, "the JSON of the studies")
    return make_report(
        read_document(),
        results,
        comparisons,
        read(options.benchmark, Benchmark, "the JSON of the benchmarks"),
        read(options.compared / "statements.json", StatementResults, "the results of the statements"),
        application=read_application(),
        studies=studies,
        needs_container=os.environ.get("CONFORMANCE_REQUIRE_CONTAINER") == "1",
    )


def _is_of_published_store(report: Report) -> bool:
    name = "Fingerprint of the store"
    try:
        return report.environment.get(name) == read_report(PUBLISHED).environment.get(name)
    except FileError:  # an earlier version of this project wrote it
        return False


def read(path: Path, kind: type[R], description: str) -> R:
    """Read a document in the one form that its writer defines.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_file(path, kind.model_validate_json, description)


if __name__ == "__main__":
    sys.exit(main())
