"""`conformance mutants`: runs mutants on what must catch them and controls on every case, and sums up."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import ExitStack
from fnmatch import fnmatchcase
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from conformance.cases import find_cases
from conformance.files import write_file
from conformance.harness import Harness
from conformance.mutants import trial
from conformance.mutants.document import Control, Defence, Made, MutantsDocument, Sample, Written
from conformance.mutants.mutant import On
from conformance.mutants.operators import draw
from conformance.mutants.operators.chosen import CHOSEN
from conformance.mutants.operators.judge import Trial, play_alone, play_stacked
from conformance.mutants.stages import Stage, stages
from conformance.mutants.unbreakable import UNBREAKABLE
from conformance.mutants.written import CONTROLS, MUTANTS
from conformance.processes import process_pool
from conformance.results.fingerprint import fingerprint
from conformance.spec.requirements import REQUIREMENTS, Level

SURVIVORS = Path(__file__).with_name("survivors.toml")
SUBJECTS = tuple(On)
_OF_SERVERS = ("failure", "connection", "opening")
"""Chapters about servers that fail, which no control changes and which take most of the time."""
_AT_ONCE = 8


def run(seed: int, sample: int | None, jobs: int, file: Path | None = None) -> int:
    """Run everything, with so many drawn faults or all of them, and return 0 only if nothing is left unexplained."""
    print(f"seed {seed}", flush=True)
    document = judge(seed, draw.every(seed) if sample is None else draw.draw(seed, sample), jobs)
    if file is not None:
        write_file(file, document.model_dump_json(indent=1, by_alias=True) + "\n")
    return summarize(document)


def judge(seed: int, sample: draw.Sample, jobs: int) -> MutantsDocument:
    """Run mutants, controls and faults, shared out among processes."""
    begun, made_of = time.monotonic(), fingerprint()
    chosen = [Trial(one.fault, on, one.breaks, one.source) for one in CHOSEN for on in one.on]
    drawn = [Trial(fault, SUBJECTS[place % len(SUBJECTS)]) for place, fault in enumerate(sample.faults)]
    trials = [*chosen, *drawn]
    with process_pool(jobs) as pool:
        parts = [trials[start : start + _AT_ONCE] for start in range(0, len(trials), _AT_ONCE)]
        begun_on = [one for part in pool.map(_play_alone, parts, [seed] * len(parts)) for one in part]
        killed = [one for one in begun_on if one.requirements]
        left = {on: [one for one in begun_on if one.subject == on and not one.requirements] for on in SUBJECTS}
        stacks = [pool.submit(_play_stacked, several, seed) for several in left.values() if several]
        controls = [pool.submit(run_control, place, seed) for place in range(len(CONTROLS))]
        written = [pool.submit(run_written, place, seed) for place in range(len(MUTANTS))]
        _show_progress([*stacks, *controls, *written])
        judged = killed + [one for stack in stacks for one in stack.result()]
        known = reasons()
        made = tuple(sorted((describe(one, known, drawn=not one.wanted) for one in judged), key=_place))
        by_hand = tuple(one.result() for one in written)
        return MutantsDocument(
            version="conformance-mutants/2",
            fingerprint=made_of,
            seconds=round(time.monotonic() - begun, 1),
            written=by_hand,
            controls=tuple(one.result() for one in controls),
            sample=Sample(seed=seed, faults=len(sample.faults), left_out=sample.left_out),
            made=made,
            defences=tuple(defences(by_hand, made)),
        )


def _show_progress(running: Sequence[Future[Any]]) -> None:
    for number, _ in enumerate(as_completed(running), 1):
        if number % 25 == 0:
            print(f"{number} of {len(running)} parts are done", flush=True)


def _place(one: Made) -> tuple[bool, str, str]:
    return one.drawn, one.subject, one.fault


def describe(one: Trial, known: Sequence[tuple[str, str]], *, drawn: bool) -> Made:
    """A fault as the document has it."""
    killed = bool(one.requirements) and not one.has_crashed
    name = f"{one.subject}: {one.fault}"
    reason = f"crash: {one.words}" if one.has_crashed else one.reason
    return Made(
        fault=str(one.fault),
        operator=one.fault.operator,
        subject=one.subject,
        mode=On(one.subject).mode,
        drawn=drawn,
        wanted=one.wanted,
        source=one.source,
        reached=one.reached,
        changed=one.changed,
        killed=killed,
        requirements=one.requirements if killed else (),
        scene=one.scene,
        reason=reason,
        known="" if killed else next((why for pattern, why in known if fnmatchcase(name, pattern)), ""),
    )


_STAGES: list[Stage] = []


def _stage() -> Stage:
    """What sets up subjects in this process, until it ends."""
    if not _STAGES:
        stack = ExitStack()
        _STAGES.append(stack.enter_context(stages()))
        Finalize(None, stack.close, exitpriority=1)  # a pool's process does not run what `atexit` knows
    return _STAGES[0]


def _right(subject: str) -> Harness:
    return _stage()(On(subject), None)


def _play_alone(trials: list[Trial], seed: int) -> list[Trial]:
    for one in trials:
        play_alone(one, _right(one.subject), seed)
    return trials


def _play_stacked(trials: list[Trial], seed: int) -> list[Trial]:
    play_stacked(trials, _right(trials[0].subject), seed)
    return trials


def run_written(place: int, seed: int) -> Written:
    """Run a mutant that is written by hand on its cases."""
    mutant, begun = MUTANTS[place], time.monotonic()
    reason = trial.why_it_survived(mutant, _stage()(mutant.on, mutant.kind), seed)
    return Written(
        name=mutant.name,
        doc=mutant.doc,
        requirements=mutant.breaks,
        cases=mutant.caught_by,
        subject=mutant.on,
        mode=mutant.on.mode,
        source=mutant.source,
        killed=not reason,
        reason=reason,
        seconds=round(time.monotonic() - begun, 3),
    )


def run_control(place: int, seed: int) -> Control:
    """Run a control on the suite but for the tables of failures."""
    (kind, on), begun = CONTROLS[place], time.monotonic()
    harness = _stage()(on, kind)
    tour = trial.tour_on(harness, seed)
    cases = {name: case for name, case in find_cases().items() if name.partition(".")[0] not in _OF_SERVERS}
    outcomes = {name: trial.run(case, harness, tour) for name, case in cases.items()}
    wrong = [
        f"{name}: {one.verdict} {one.reason}" for name, one in outcomes.items() if one.verdict in ("fail", "crash")
    ]
    if not any(one.verdict == "pass" for one in outcomes.values()):
        wrong.append("no case passed")
    return Control(
        name=kind.__name__,
        subject=on,
        passed=not wrong,
        reason="; ".join(wrong),
        seconds=round(time.monotonic() - begun, 3),
    )


def reasons(path: Path = SURVIVORS) -> list[tuple[str, str]]:
    """The survivors that have a reason: a pattern of `fnmatch` for subject and fault, and the reason."""
    return [(one["pattern"], one["reason"]) for one in tomllib.loads(path.read_text("utf-8")).get("survivor", [])]


def defences(written: Sequence[Written], made: Sequence[Made]) -> Iterator[Defence]:
    """What defends each MUST in each mode."""
    for number in (one.id for one in REQUIREMENTS.values() if one.level is Level.MUST):
        for mode in ("memory", "redis"):
            names = tuple(one.name for one in written if one.killed and one.mode == mode and number in one.requirements)
            count = sum(one.killed and one.mode == mode and number in one.requirements for one in made)
            reason = "" if names or count else UNBREAKABLE.get((number, mode), "")
            yield Defence(requirement=number, mode=mode, written=names, made=count, reason=reason)


def summarize(document: MutantsDocument) -> int:
    """Print the totals and the survivors, and return the exit status."""
    written, made, controls = document.written, document.made, document.controls
    survivors = [one for one in written if not one.killed]
    left = [one for one in made if not one.killed]
    failed = [one for one in controls if not one.passed]
    open_to = [one for one in document.defences if not (one.written or one.made or one.reason)]
    print(f"written by hand: {len(written) - len(survivors)} of {len(written)} killed by their cases")
    for title, several in (("chosen", [m for m in made if not m.drawn]), ("drawn", [m for m in made if m.drawn])):
        print(f"faults of operators, {title}: {_counts(several)}")
    for subject in SUBJECTS:
        print(f"  drawn, {subject}: {_counts([one for one in made if one.drawn and one.subject == subject])}")
    drawn = Counter(one.operator for one in made if one.drawn)
    dead = Counter(one.operator for one in made if one.drawn and one.killed)
    print("killed by operator:", ", ".join(f"{name} {dead[name]} of {drawn[name]}" for name in sorted(drawn)))
    print(f"controls: {len(controls) - len(failed)} of {len(controls)} passed")
    print(f"seconds: {document.seconds:.0f} (--seed {document.sample.seed})")
    for one in survivors:
        print(f"survivor: {one.name} on {one.subject}: {one.reason}")
    for fault in left:
        wanted = f" ({fault.wanted})" if fault.wanted else ""
        print(f"survivor: {fault.subject}: {fault.fault}{wanted}: {fault.reason}{fault.known and f'; {fault.known}'}")
    for control in failed:
        print(f"control failed: {control.name} on {control.subject}: {control.reason}")
    for gap in open_to:
        print(f"nothing defends {gap.requirement} in {gap.mode} mode")
    return 1 if survivors or failed or open_to or any(not one.known for one in left) else 0


def _counts(several: Sequence[Made]) -> str:
    reached, changed, killed = (sum(getattr(one, name) for one in several) for name in ("reached", "changed", "killed"))
    return f"{len(several)}, {reached} reached, {changed} changed something, {killed} killed"
