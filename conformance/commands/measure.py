"""`conformance measure`: how fast a store is, and whether that is what a document says."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from conformance.commands.options import CommandFailedError, output_file
from conformance.compare.operation import OperationsError
from conformance.files import write_file
from conformance.guard import HarnessFailedError
from conformance.subjects.registry import UnknownSubjectError, find_subject, shown_name

DESCRIPTION = "Measure the operations of a store, and judge the claims of a document about them."
EPILOG = """\
examples:
  conformance measure --store mystore:MyStore
  conformance measure --store mystore:MyStore --claims claims.toml --page measured.html
  conformance measure --store mystore:MyStore --budget budget.toml

A budget is a file of claims that have to hold, without a margin. A claim that does not hold fails nothing.
It needs the extra `measure`.

exit status:
  0  measured; every budget is kept
  1  a budget is exceeded: the whole interval lies beyond it
  2  wrong usage, or a file, a store or its operations cannot be used
  3  a process that measures ended
  5  the measurements are too noisy, or too few, to decide a budget
  130  interrupted; what the blocks before say is printed and written"""
EXCEEDED, ENDED, UNDECIDED = 1, 3, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="a store, as `conformance run --store` takes it")
    parser.add_argument("--claims", metavar="FILE", type=Path, help="what a document states (TOML)")
    parser.add_argument("--budget", metavar="FILE", type=Path, help="claims that have to hold (TOML)")
    parser.add_argument("--entries", metavar="N", type=int, action="append", default=[], help="entries in the store")
    parser.add_argument("--seconds", type=float, default=0.05, help="of an operation in a block (%(default)s)")
    parser.add_argument("--blocks", type=int, help="processes (default: as many as intervals need, nine or more)")
    parser.add_argument("--seed", type=int, default=0, help="of the order (%(default)s)")
    parser.add_argument("--json", metavar="FILE", type=output_file, help="write the JSON of pytest-benchmark to FILE")
    parser.add_argument(
        "--page", metavar="FILE", type=output_file, help="write a page to FILE, and a Chinese one beside it"
    )


def main(options: argparse.Namespace) -> int:
    """Measure, print what came out, and return the exit status."""
    if options.seconds <= 0 or min(options.entries, default=1) < 1 or (options.blocks or 1) < 1:
        raise CommandFailedError("--seconds, --entries, --blocks: positive numbers")
    if find_spec("pytest_benchmark") is None:
        raise CommandFailedError("pytest-benchmark is not installed: pip install 'taskstore[measure]'")
    try:
        return _measure(options)
    except (UnknownSubjectError, OperationsError, HarnessFailedError) as fault:
        raise CommandFailedError(str(fault)) from fault


def _measure(options: argparse.Namespace) -> int:
    from conformance.measure import page, run
    from conformance.measure.blocks import BlockFailedError
    from conformance.measure.claims import in_language, read_claims
    from conformance.measure.operations import workload_of
    from conformance.measure.timing import Effort

    harness = find_subject(options.store)()
    workload = workload_of(harness, options.store)
    documents = [read_claims(file) if file else None for file in (options.claims, options.budget)]
    stated, limits = (document.claim if document else () for document in documents)
    about = run.judge_claims([*stated, *limits], [], harness)
    if left := len(stated) + len(limits) - len(about):
        print(f"{left} claims are about another mode, or of a kind that is not measured", file=sys.stderr)
    if limits and len(run.judge_claims(limits, [], harness)) < len(limits):
        raise CommandFailedError(
            f"{options.budget}: each claim of a budget has to be about a latency or throughput here"
        )
    count = len(about)
    effort = Effort(rounds=200, seconds=options.seconds, fewest_single=100)
    plan = run.plan_of(options.store, [*stated, *limits], options.entries, effort, options.seed)
    blocks = options.blocks or run.blocks_for(count)
    try:
        measured, failures, interrupted = run.measure(plan, blocks, partial(_show_progress, blocks))
    except BlockFailedError as fault:
        raise CommandFailedError(f"a process that measures ended: {fault}", ENDED) from None
    figures = run.figures_of(measured, run.miss_of(count))
    growth = run.exponents_of(figures, run.miss_of(count))
    judged = run.judge_claims(stated, figures, harness)
    kept = run.judge_claims(limits, figures, harness, margin=0.0)
    shown = ([*judged, *kept], figures, growth, workload.left_out)
    print(*page.text_of(*shown), sep="\n")
    if options.json:
        write_file(options.json, json.dumps(measured) + "\n")
    for file, language in _pages(options.page):
        texts = [in_language(document.document.title, language) for document in documents if document]
        write_file(file, page.page_of(shown_name(options.store), "; ".join(texts), *shown, language))
    if interrupted:
        raise KeyboardInterrupt
    if failures:
        raise CommandFailedError(f"a block failed:\n{failures[0]}", ENDED)
    verdicts = {one.verdict for one in kept}
    return EXCEEDED if "slower" in verdicts else 0 if verdicts <= {"confirmed", "faster"} else UNDECIDED


def _show_progress(blocks: int, number: int) -> None:
    if sys.stderr.isatty():
        print(f"block {number + 1} of {blocks}", file=sys.stderr)


def _pages(file: Path | None) -> list[tuple[Path, str]]:
    """The files of the page with their languages: the one that was named, and a Chinese one beside it."""
    return [(file, "en"), (file.with_suffix(f".zh{file.suffix}"), "zh")] if file else []
