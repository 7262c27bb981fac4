"""`python -m reports`: JSON files in, a page out, with a summary and the data.

Exit status: 0; 1 if the gate fails (the page is there all the same); 2 if a file cannot be read or written.
"""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.document import Benchmark
from benchmarks.studies.document import Studies
from conformance.files import FileError
from conformance.measure.claims import AUTO_CLIP, read_claims
from conformance.results.document import Results
from reports.analyse.report import Report, make_report, read_report
from reports.read import read
from reports.render.pages import write_pages
from reports.render.publish import publish

OUT = Path("reports/out")
STUDIES = OUT / "studies.json"


def main(arguments: list[str] | None = None) -> int:
    """Make the report, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=sys.modules["reports"].__doc__)
    parser.add_argument("--conformance", type=Path, default=OUT / "conformance.json", metavar="FILE")
    parser.add_argument("--benchmark", type=Path, default=OUT / "benchmark.json", metavar="FILE")
    parser.add_argument("--studies", type=Path, metavar="FILE", help=f"default: {STUDIES}, if it is there")
    parser.add_argument("--claims", type=Path, default=AUTO_CLIP, metavar="FILE", help="what the document states")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="draw a report.json again, from nothing else")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR")
    parser.add_argument(
        "--publish", metavar="README", type=Path, help="put the summary between the marks in README too"
    )
    options = parser.parse_args(arguments)
    try:
        page, report = _write(options)
        if options.publish:
            publish(report, options.publish)
    except FileError as fault:
        print(fault, file=sys.stderr)
        return 2
    except OSError as fault:
        print(f"{fault.filename or options.out}: {fault.strerror}", file=sys.stderr)
        return 2
    for breach in report.breaches:
        print(f"gate: {breach}", file=sys.stderr)
    print(page)
    return 1 if report.breaches else 0


def _write(options: argparse.Namespace) -> tuple[Path, Report]:
    """Write the pages.

    Raises:
        FileError: if an input cannot be read, or the parts of a report do not fit together.
    """
    if options.from_json:
        report = read_report(options.from_json)
        return _or_refuse(options.from_json, lambda: write_pages(report, options.out)), report
    studies = options.studies or STUDIES
    made = make_report(
        read_claims(options.claims),
        read(options.conformance, Results),
        read(options.benchmark, Benchmark),
        read(studies, Studies) if options.studies or studies.exists() else None,
    )
    return write_pages(made, options.out), made


def _or_refuse(file: Path, draw: Callable[[], Path]) -> Path:
    """Draw what a file asks for. Each of its parts has the right form; whether they fit together shows only here.

    Raises:
        FileError: if they do not.
    """
    try:
        return draw()
    except (OSError, FileError):
        raise
    except Exception as fault:
        raise FileError(file, f"its parts do not fit together: {type(fault).__name__}: {fault}") from fault


if __name__ == "__main__":
    sys.exit(main())
