"""`python -m statements`: hold the document's statements against stores, and show what came."""

# ruff: noqa: T201  a command line prints

import argparse
import sys
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from conformance.files import CommandFailedError, write_file
from conformance.results.fingerprint import fingerprint
from statements.document import Behaviour, CheckResult, StatementResults, read_document
from statements.play import play_store

STORES = ("documented-memory", "documented-redis", "memory", "embedded")
SYMBOLS = {"pass": "✓", "fail": "✗", "not-testable": "?"}


def main(arguments: list[str] | None = None) -> int:
    """Play the checks, print what came, and return the exit status: 2 for what cannot be used, else 0."""
    parser = argparse.ArgumentParser("python -m statements", description=__doc__)
    parser.add_argument("claims", nargs="*", metavar="ID", help="a statement or reading, such as D24; default: all")
    parser.add_argument("--store", action="append", metavar="NAME", help=f"default: {', '.join(STORES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    options = parser.parse_args(arguments)
    try:
        claims = _select(options.claims)
        names = dict.fromkeys(name for claim in claims for name in claim.checks)
        stores = options.store or STORES
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:  # two stores at once: they wait for servers
            played = list(pool.map(partial(play_store, list(names)), stores))
        results = [result for _, found in played for result in found]
        for claim in claims:
            print(*_show(claim, results), sep="\n")
        if options.json:
            servers = {store: server for store, (server, _) in zip(stores, played, strict=True)}
            found = StatementResults(fingerprint=fingerprint(), servers=servers, results=tuple(results))
            write_file(options.json, found.model_dump_json(by_alias=True, indent=1) + "\n")
    except CommandFailedError as fault:
        print(fault, file=sys.stderr)
        return 2
    return 0


def _select(ids: Collection[str]) -> list[Behaviour]:
    """Find the statements and readings with these ids, or all, as far as checks decide them."""
    document = read_document()
    claims = [claim for claim in (*document.claim, *document.reading) if isinstance(claim, Behaviour)]
    unknown = set(ids) - {claim.id for claim in claims}
    if unknown:
        raise CommandFailedError(f"no check decides {', '.join(sorted(unknown))}")
    return [claim for claim in claims if not ids or claim.id in ids]


def _show(claim: Behaviour, results: Collection[CheckResult]) -> Iterator[str]:
    """Give the lines about a claim."""
    yield f"{claim.id} {claim.quotation}"
    yield f"    {claim.sentence['en']}"
    for name, expected in claim.checks.items():
        for result in results:
            if result.check == name:
                yield f"  {SYMBOLS[result.verdict]} {result.store}: {name}"
                yield f"      expected  {expected['en']}"
                yield f"      came      {result.came or 'as expected'}"


if __name__ == "__main__":
    sys.exit(main())
