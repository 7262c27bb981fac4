"""`conformance compare A B`: find what two stores do differently."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter

from conformance.backends.registry import find_backend, find_maker, shown_name
from conformance.commands.scripts import read_scripts, write_scripts
from conformance.compare.child import Comparison
from conformance.compare.report import Line, Report, accepting
from conformance.files import CommandFailedError, writable, write_file
from conformance.harness import Harness
from conformance.known import read
from conformance.process import in_new_process
from conformance.text import bold

DESCRIPTION = (
    "Give two stores the same calls, and print every difference as a short script, one for each operation and kind. "
    "With one store: make calls at the same time in every order, and print what no sequence of them explains."
)
EPILOG = """\
examples:
  conformance compare documented-memory documented-redis
  conformance compare mystore:Memory mystore:Redis --known known.toml
  conformance compare mystore:Redis

exit status:
  0  no difference but known ones, and everything was exercised
  1  differences, or orders that nothing explains
  2  wrong usage, operations that cannot be used, or a file that cannot be read or written
  6  no new difference, but not everything was exercised, or a known difference no longer shows
  7  a store could not be set up, or the harness crashed
  8  a store ended the process, or does not return; what was found so far is printed
  130  interrupted"""

OPTIONS = {
    "one": {"metavar": "A", "help": "a class or function of a store, or a harness as for `run`"},
    "other": {"metavar": "B", "nargs": "?", "help": "another; without it the first is its own judge"},
    "--only": {"metavar": "RACE", "default": "", "help": "of one store, only this race"},
    "--schedule": {"metavar": "ORDER", "default": "", "help": "of that race, only this order"},
    "--full": {"action": "store_true", "help": "of one store, three calls at the same time too"},
    "--known": {"metavar": "FILE", "type": Path, "help": "accepted differences (TOML), which do not fail"},
    "--all": {"action": "store_true", "help": "show the script of every new line, not one for each group"},
    "--write-scripts": {
        "metavar": "DIR",
        "type": Path,
        "help": "write each new line, but for races and deaths, as a program there; those there are played first",
    },
    "--skip": {"metavar": "METHOD", "action": "append", "default": [], "help": "leave out a method of two stores"},
    "--write-harness": {
        "metavar": "FILE",
        "type": writable,
        "help": "write what was found out about two stores, to correct and keep",
    },
    "--write-known": {"metavar": "FILE", "type": writable, "help": "write what is found as accepted differences"},
    "--json": {"metavar": "FILE", "type": writable, "help": "write the report to FILE"},
}
_WIDTH = 78
_SECONDS = 28.0
"""For two stores without harnesses: to find out about them, and to compare them, which has at least half of it."""


def main(options: argparse.Namespace) -> int:
    """Compare two stores, or race the calls of one, and return the exit status."""
    names = [*filter(None, (options.one, options.other))]
    known = read(options.known) if options.known else {}
    if options.known and not options.known.exists():
        print(f"{options.known}: there is no such file, so no difference is accepted", file=sys.stderr)
    first = read_scripts(options.write_scripts) if options.write_scripts else []
    more = {"only": options.only, "schedule": options.schedule, "is_full": options.full}
    if options.other:
        if any(more.values()):
            raise CommandFailedError("--only, --schedule and --full are for one store")
        more = {}
    began = perf_counter()
    harnesses, left_out = _harnesses(options, *names)
    if options.other and all(map(find_maker, names)):
        more = {"until": max(began + _SECONDS, perf_counter() + _SECONDS / 2)}
    stores = zip(map(_short, names), harnesses, strict=True)
    tell = _teller(shows_all=options.all or not options.other)
    report = Comparison(*stores, known=known, tell=tell, **more).run(first)
    report.gaps.update(left_out)

    print(*_summary(report), sep="\n", flush=True)
    if options.json:
        write_file(options.json, as_json(report))
    if options.write_known:
        write_file(options.write_known, accepting(report.every_line))
    if options.write_scripts:
        made = [make() for make in harnesses]
        write_scripts(options.write_scripts, report.new, dict(zip(names, made, strict=True)))
    return report.status


def _harnesses(options: argparse.Namespace, *names: str) -> tuple[Sequence[Callable[[], Harness]], Sequence[str]]:
    """Return what makes the harnesses of the stores, and what is not compared.

    Where they have none, what was found out about them is printed.
    """
    if not all(map(find_maker, names)):
        if options.skip or options.write_harness:
            raise CommandFailedError("--skip and --write-harness are for stores without a harness: change `operations`")
        return [*map(find_backend, names)], ()
    if options.write_scripts:
        raise CommandFailedError("scripts open harnesses: write these with --write-harness, and compare them")
    from conformance.infer.pair import found_out, harnesses_in

    table, left_out, file = in_new_process(found_out, [names[0], names[-1]], options.skip, method="fork")
    print(*table, "", sep="\n", flush=True)
    harnesses = harnesses_in(file)[-len(names) :]
    if options.write_harness:
        write_file(options.write_harness, file)
    return harnesses, left_out


def _teller(*, shows_all: bool) -> Callable[[object], None]:
    """Return what prints the first new line of a group, or each, and on a terminal shows that the search goes on.

    Of lines that no caller would see the first of each kind is printed.
    """
    shown = set[object]()

    def tell(told: object) -> None:
        match told:
            case str(text) if sys.stderr.isatty():
                print(f"\r\x1b[K{text[:_WIDTH]}\r", end="", file=sys.stderr, flush=True)
            case Line(reason="") if shows_all or told.shown_with not in shown:
                shown.add(told.shown_with)
                title, *script = told.lines
                print(bold(title), *script, "", sep="\n", flush=True)

    return tell


def _summary(report: Report) -> Iterator[str]:
    """Yield the groups, what was not exercised, and how it ended."""
    for group in report.groups:
        first = group[0]
        why = f", known: {first.reason}" if first.reason else ""
        yield f"{first.group}: {len(group)} line{'s' * (len(group) > 1)}{why}"
    yield from sorted(report.failures or report.gaps | report.notes)
    new = len(report.new)
    counts = f"{new} new and {len(report.every_line) - new} known lines"
    where = f"between {' and '.join(report.stores)} in {report.sequences} sequences"
    if len(report.stores) == 1:
        where = f"of {report.stores[0]}"
    unsure = ", and not everything was exercised: this is no pass" if report.gaps or report.failures else ""
    yield f"{counts} {where}{unsure}"


def as_json(report: Report) -> str:
    """Return the report as JSON: with each group as its first line, and all that it shows."""
    findings = [asdict(group[0]) | {"shows": {line.text for line in group}} for group in report.groups]
    told = asdict(replace(report, known={}, operations={**report.operations})) | {
        "status": report.status,
        "findings": findings,
    }
    return json.dumps(told, indent=1, default=sorted) + "\n"


def _short(name: str) -> str:
    """Return a name that leaves room on the line: the class of `module:class`."""
    return shown_name(name) if "://" in name else name.rpartition(":")[2]
