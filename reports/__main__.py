"""`python -m reports`: two JSON files in, three pages out.

Exit status: 0; 1 if the gate fails (the pages are there all the same); 2 if a file cannot be read or written.
"""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports.inputs import InputError, read_benchmark, read_conformance
from reports.pages import publish, write_pages
from reports.report import make_report

OUT = Path("reports/out")


def main(arguments: list[str] | None = None) -> int:
    """Make the report, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=sys.modules["reports"].__doc__)
    parser.add_argument("--conformance", type=Path, default=OUT / "conformance.json", metavar="FILE")
    parser.add_argument("--benchmark", type=Path, default=OUT / "benchmark.json", metavar="FILE")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR")
    parser.add_argument(
        "--publish", metavar="README", type=Path, help="put the summary between the marks in README too"
    )
    options = parser.parse_args(arguments)
    try:
        report = make_report(read_conformance(options.conformance), read_benchmark(options.benchmark))
        page = write_pages(report, options.out)
        if options.publish:
            publish(report, options.publish)
    except InputError as fault:
        print(fault, file=sys.stderr)
        return 2
    except OSError as fault:
        print(f"{fault.filename or options.out}: {fault.strerror}", file=sys.stderr)
        return 2
    for breach in report.breaches:
        print(f"gate: {breach}", file=sys.stderr)
    print(page)
    return 1 if report.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
