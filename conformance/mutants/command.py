"""Every mutant against its cases, every control against all cases, and which mutants survive."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from conformance.cases import find_cases
from conformance.fingerprint import fingerprint
from conformance.harness import Harness
from conformance.mutants import trial
from conformance.mutants.beyond import BEYOND
from conformance.mutants.chapters import MUTANTS
from conformance.mutants.controls import CONTROLS
from conformance.mutants.mutant import Mutant, On
from conformance.mutants.stages import stages
from conformance.mutants.unbreakable import UNBREAKABLE
from conformance.requirements import REQUIREMENTS, Level
from conformance.subjects.servers import end_with_parent

SCHEMA = "conformance-mutants/1"
_OF_SERVERS = ("failure", "connection")
"""Chapters about servers that fail, which no control changes and which take most of the time."""
Stage = Callable[[On, Callable[..., Any]], Harness]


def run(seed: int, jobs: int, *, matrix: bool = False, file: Path | None = None) -> int:
    """Run mutants and controls, and return 0 only if every mutant is caught and every control passes."""
    begun, made_of = time.monotonic(), fingerprint()
    mutants, beyond, controls = run_all(seed, jobs, matrix=matrix)
    missing = uncovered()
    outcome = {
        "schema": SCHEMA,
        "fingerprint": made_of,
        "seed": seed,
        "mutants": mutants,
        "beyond": beyond,
        "controls": controls,
        "uncovered": missing,
    }
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(outcome, indent=1, ensure_ascii=False), "utf-8")
    return summarize(mutants, beyond, controls, missing, seed, time.monotonic() - begun)


def run_all(seed: int, jobs: int, *, matrix: bool = False) -> tuple[list[dict[str, Any]], ...]:
    """Run mutants, those that only the verification catches, and controls, shared out among processes."""
    if jobs == 1:
        shares = [run_share(seed, 0, 1, matrix=matrix)]
    else:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), end_with_parent) as pool:
            running = [pool.submit(run_share, seed, number, jobs, matrix=matrix) for number in range(jobs)]
            shares = [one.result() for one in running]
    outcomes = dict(sorted(place for share in shares for place in share.items()))
    return tuple([outcomes[place] for place in outcomes if place[0] == kind] for kind in range(3))


def run_share(seed: int, number: int, of: int, *, matrix: bool = False) -> dict[tuple[int, int], dict[str, Any]]:
    """Run every `of`-th trial from `number` on; what came out, by its kind and place."""
    trial.without_shrinking()
    with stages() as stage:
        trials: list[list[Callable[[], dict[str, Any]]]] = [
            [partial(run_mutant, one, stage, seed, matrix=matrix) for one in MUTANTS],
            [partial(run_beyond, one, stage, seed) for one in BEYOND],
            [partial(run_control, kind, on, stage, seed) for kind, on in CONTROLS],
        ]
        return {
            (kind, place): run
            for kind, several in enumerate(trials)
            for place, one in enumerate(several)
            if place % of == number
            for run in [one()]
        }


def run_beyond(mutant: Mutant, stage: Stage, seed: int) -> dict[str, Any]:
    """Run a mutant on every case, none of which may catch it, and on its part of the verification, which has to."""
    begun = time.monotonic()
    reason = trial.judge_beyond(mutant, stage(mutant.on, mutant.kind), seed)
    print(
        f"{'SURVIVED' if reason else 'killed  '} {mutant.name} on {mutant.on}, by the verification alone",
        reason,
        flush=True,
    )
    return {
        "name": mutant.name,
        "doc": mutant.doc,
        "part": mutant.caught_by[0],
        "subject": mutant.on,
        "source": mutant.source,
        "killed": not reason,
        "reason": reason,
        "seconds": round(time.monotonic() - begun, 3),
    }


def run_mutant(mutant: Mutant, stage: Stage, seed: int, *, matrix: bool = False) -> dict[str, Any]:
    """Run a mutant on its cases, or on all, print what came out, and return it."""
    begun = time.monotonic()
    cases = find_cases()
    harness = stage(mutant.on, mutant.kind)
    outcomes = {
        name: trial.play_until_found(mutant.breaks, harness, seed)
        if name == trial.TOUR
        else trial.run(cases[name], harness, seed)
        for name in mutant.caught_by
    }
    reason = trial.judge(mutant, outcomes)
    print(f"{'SURVIVED' if reason else 'killed  '} {mutant.name} on {mutant.on}", reason, flush=True)
    outcome = {
        "name": mutant.name,
        "doc": mutant.doc,
        "requirements": list(mutant.breaks),
        "cases": list(mutant.caught_by),
        "subject": mutant.on,
        "mode": mutant.on.mode,
        "source": mutant.source,
        "killed": not reason,
        "reason": reason,
        "seconds": round(time.monotonic() - begun, 3),
    }
    if matrix:
        others = cases.keys() - set(mutant.caught_by)
        also = [name for name in sorted(others) if trial.run(cases[name], harness, seed).verdict == "fail"]
        outcome["also"] = also
        print("         also caught by", ", ".join(also) or "nothing", flush=True)
    return outcome


def run_control(kind: type[Any], on: On, stage: Stage, seed: int) -> dict[str, Any]:
    """Run a control on the suite but for the tables of failures, print what came out, and return it."""
    begun = time.monotonic()
    harness = stage(on, kind)
    tour = trial.tour_on(harness, seed)
    cases = {name: case for name, case in find_cases().items() if name.partition(".")[0] not in _OF_SERVERS}
    outcomes = {name: trial.run(case, harness, seed, tour) for name, case in cases.items()}
    wrong = [
        f"{name}: {out.verdict} {out.reason}" for name, out in outcomes.items() if out.verdict in ("fail", "crash")
    ]
    if not any(out.verdict == "pass" for out in outcomes.values()):
        wrong.append("no case passed")
    print(f"{'FAILED  ' if wrong else 'passed  '} control {kind.__name__} on {on}", "; ".join(wrong), flush=True)
    return {
        "name": kind.__name__,
        "subject": on,
        "passed": not wrong,
        "reason": "; ".join(wrong),
        "seconds": round(time.monotonic() - begun, 3),
    }


def uncovered() -> list[dict[str, str]]:
    """The MUSTs that no mutant breaks in one of the modes, each with the reason, or an empty one."""
    broken = {(requirement, mutant.on.mode) for mutant in MUTANTS for requirement in mutant.breaks}
    return [
        {"requirement": requirement.id, "mode": mode, "reason": UNBREAKABLE.get((requirement.id, mode), "")}
        for requirement in REQUIREMENTS.values()
        for mode in ("memory", "redis")
        if requirement.level is Level.MUST and (requirement.id, mode) not in broken
    ]


def summarize(
    mutants: list[dict[str, Any]],
    beyond: list[dict[str, Any]],
    controls: list[dict[str, Any]],
    missing: list[dict[str, str]],
    seed: int,
    seconds: float,
) -> int:
    """Print the totals and the survivors, and return the exit status."""
    must = {requirement.id for requirement in REQUIREMENTS.values() if requirement.level is Level.MUST}
    broken = {requirement for mutant in mutants if mutant["killed"] for requirement in mutant["requirements"]}
    survivors = [mutant for mutant in [*mutants, *beyond] if not mutant["killed"]]
    passed = sum(control["passed"] for control in controls)
    unexplained = [f"{gap['requirement']} in {gap['mode']} mode" for gap in missing if not gap["reason"]]
    print()
    cases = {case for mutant in mutants if mutant["killed"] for case in mutant["cases"]}
    faults = {mutant["name"] for mutant in mutants}
    print(f"requirements (MUST): {len(must & broken)} of {len(must)} covered; not:", *sorted(must - broken) or ["none"])
    print(f"modes: {len(missing)} MUSTs have no mutant in one of the two, {len(unexplained)} of them without a reason")
    print(f"cases: {len(cases)} of {len(find_cases())} catch a mutant")
    print(f"mutants: {sum(one['killed'] for one in mutants)} of {len(mutants)} killed ({len(faults)} faults)")
    print(f"beyond the cases: {sum(one['killed'] for one in beyond)} of {len(beyond)} killed by the verification")
    print(f"controls: {passed} of {len(controls)} passed")
    print(f"seconds: {seconds:.0f} (--seed {seed})")
    for mutant in survivors:
        print(f"survivor: {mutant['name']} on {mutant['subject']}: {mutant['reason']}")
    for gap in unexplained:
        print(f"no mutant: {gap}")
    return 0 if not survivors and not unexplained and passed == len(controls) and must <= broken else 1
