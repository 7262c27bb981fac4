"""`conformance measure`: how fast a store is, and whether that is what a document says."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path

from conformance.commands.options import CommandFailedError, output_file
from conformance.files import write_file
from conformance.subjects.registry import UnknownSubjectError, find_subject

DESCRIPTION = "Measure the operations of a store, and judge the claims of a document about them."
EPILOG = """\
examples:
  conformance measure --store mystore:MyStore
  conformance measure --store mystore:MyStore --claims claims.toml
  conformance measure --store mystore:MyStore --budget budget.toml

A budget is a file of claims that have to hold, without a margin. A claim that does not hold fails nothing.

exit status:
  0  measured; every budget is kept
  1  a budget is exceeded: the whole interval lies beyond it
  2  wrong usage, or a file, a store or its operations cannot be used
  3  a process that measures failed
  5  the measurements are too noisy, or too few, to decide a budget
  130  interrupted"""
EXCEEDED, FAILED, UNDECIDED = 1, 3, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="a store, as `conformance run --store` takes it")
    parser.add_argument("--claims", metavar="FILE", type=Path, help="what a document states (TOML)")
    parser.add_argument("--budget", metavar="FILE", type=Path, help="claims that have to hold (TOML)")
    parser.add_argument("--entries", metavar="N", type=int, action="append", default=[], help="entries in the store")
    parser.add_argument("--seconds", type=float, default=0.05, help="of an operation in a block (%(default)s)")
    parser.add_argument("--blocks", type=int, help="processes (default: as many as intervals need, nine or more)")
    parser.add_argument("--json", metavar="FILE", type=output_file, help="write JSON in the form of pytest-benchmark")


def main(options: argparse.Namespace) -> int:
    """Measure, print what came out, and return the exit status."""
    from conformance.compare.operation import OperationsError
    from conformance.guard import HarnessFailedError
    from conformance.measure.block import BlockFailedError

    if options.seconds <= 0 or min(options.entries, default=1) < 1 or (options.blocks or 1) < 1:
        raise CommandFailedError("--seconds, --entries, --blocks: positive numbers")
    if options.json and find_spec("pytest_benchmark") is None:
        raise CommandFailedError("--json needs pytest-benchmark: pip install pytest-benchmark")
    try:
        return _measure(options)
    except (UnknownSubjectError, OperationsError, HarnessFailedError) as fault:
        raise CommandFailedError(str(fault)) from fault
    except BlockFailedError as fault:
        raise CommandFailedError(f"a process that measures failed: {fault}", FAILED) from None


def _measure(options: argparse.Namespace) -> int:
    from conformance.measure.block import Plan, in_new_process, time_block
    from conformance.measure.claims import in_language, read_claims
    from conformance.measure.estimate import MARGIN, blocks_for, miss_of
    from conformance.measure.figures import figures_of, judge_claim, judged_here, lines_of
    from conformance.measure.timing import Effort
    from conformance.measure.workload import workload_of

    harness = find_subject(options.store)()
    workload = workload_of(harness, options.store)
    stated, limits = (read_claims(file).claim if file else () for file in (options.claims, options.budget))
    claims, budgets = judged_here(stated, harness.mode), judged_here(limits, harness.mode)
    if len(budgets) < len(limits):
        raise CommandFailedError(f"{options.budget}: a budget has claims about latency here, no others")
    if left := len(stated) - len(claims):
        print(f"{left} claims are about another mode, or of a kind that is not measured", file=sys.stderr)
    count = len(claims) + len(budgets)
    sizes = options.entries or [size for one in (*claims, *budgets) for size in one.entries] or (100, 1_000, 10_000)
    plan = Plan((options.store,), tuple(sorted({*sizes})), Effort(seconds=options.seconds))
    blocks = []
    for number in range(wanted := options.blocks or blocks_for(count)):
        print(f"block {number + 1} of {wanted}", file=sys.stderr)
        blocks.append(in_new_process(time_block, plan, number))
    figures, miss = figures_of(blocks), miss_of(count)
    print(*lines_of(figures, miss), sep="\n")
    for name in workload.left_out:
        print(f"{name} was not timed: it takes only the name of an entry, and may remove it")
    for judged, margin in ((claims, MARGIN), (budgets, 0.0)):
        verdicts = set()
        for claim in judged:
            verdict, notes = judge_claim(claim, figures, miss, margin)
            print(f"{claim.id} {verdict}: {in_language(claim.sentence, 'en')}", *notes, sep="\n    ")
            verdicts.add(verdict)
    if options.json:
        from conformance.measure.export import document_of

        write_file(options.json, json.dumps(document_of(blocks)) + "\n")
    # They are those of the budgets.
    return EXCEEDED if "slower" in verdicts else 0 if verdicts <= {"confirmed", "faster"} else UNDECIDED
