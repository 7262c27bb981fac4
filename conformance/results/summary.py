"""The end of a run: what is accepted, what was not decided, and what to fix first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from conformance.results import show
from conformance.results.document import Effect, Failure, Result, Results
from conformance.tasks.spec.requirements import REQUIREMENTS, Level
from conformance.terminal import BOLD, FAINT, GREEN, RED, YELLOW, Screen
from conformance.text import on_one_line

_MOST = 20
_ACCEPTED = {"known": "known failures", "missing-hook": "hooks that are declared missing"}
_EFFECTS = {
    "data": "lost or wrong data",
    "type": "wrong types",
    "message": "exceptions, settings, costs",
}
_FAMILIES = ("ATOM", "DUR", "SHARE", "EXP", "LIST", "VAL", "LIFE", "ID", "MAINT", "FAIL", "API", "MODE", "COST")
"""Prefixes of requirements, the worst first where the effect is the same."""


@dataclass(frozen=True)
class Said:
    """The results, and what is said of them."""

    results: Results
    stale: Sequence[str]
    """Known failures that are none any more."""
    undecided: Sequence[Result]
    """What makes the run incomplete."""
    failed: str
    """How many tests failed, in the words of pytest."""


@dataclass(frozen=True)
class Broken:
    """A requirement that is broken on a backend, and what shows it."""

    number: str
    result: Result
    failure: Failure

    @property
    def badness(self) -> tuple[bool, int, int, int]:
        """Sorts the worst first."""
        effect = get_args(Effect).index(self.failure.effect)
        return (
            not self.result.is_failure,
            effect,
            _FAMILIES.index(self.number.partition("-")[0]),
            len(self.failure.script),
        )

    def line(self, screen: Screen) -> str:
        """The requirement on one line."""
        label = f"  {self.number:<9}{self.failure.name:<12}  "
        return screen.brief(label, self.failure.expected, self.failure.came)


def summary(said: Said, again: Callable[[str], str], screen: Screen) -> Iterator[str]:
    """Yield the lines of the summary. `again` gives the command that plays something again on a backend."""
    yield from _accepted(said, screen)
    yield from _open(said, screen)
    broken = sorted(_broken(said.results.results), key=lambda entry: entry.badness)
    musts = [entry for entry in broken if entry.result.is_failure]
    shoulds = [entry for entry in broken if not entry.result.is_failure]
    for about in said.results.backends:
        for effect, title in _EFFECTS.items():
            here = [entry for entry in musts if (entry.result.backend, entry.failure.effect) == (about.name, effect)]
            yield from _listed(f"{about.name}: MUSTs, {title}", here, screen, RED)
        here = [entry for entry in shoulds if entry.result.backend == about.name]
        yield from _listed(f"{about.name}: SHOULDs", here, screen, YELLOW)
    yield screen.paint(f"seed {said.results.suite.seed}; --seed N draws other scenarios", FAINT)
    if broken:
        counts = f"{_counted(musts, 'MUST')} and {_counted(shoulds, 'SHOULD')} broken, in tests: {said.failed}"
        yield screen.paint(counts, BOLD)
    elif any(result.verdict == "pass" for result in said.results.results):
        yield screen.paint("no MUST and no SHOULD is broken", GREEN)
    if len(broken) > 1:
        first = broken[0]
        yield from ("", screen.paint("Fix this first:", RED, BOLD))
        yield from show.block(first.failure, screen, again(first.result.backend))


def _broken(results: Iterable[Result]) -> Iterator[Broken]:
    """Yield each requirement once: those that a failure breaks first, and MUSTs that only failures of SHOULDs show."""
    failed = [result for result in results if result.failure]
    failed.sort(key=lambda result: (not result.is_nearest, not result.test.startswith("requirement_")))
    seen: dict[tuple[str, str], Result] = {}
    for result in failed:
        musts = [number for number in result.requirements if REQUIREMENTS[number].level is Level.MUST]
        number = [*musts, *result.requirements][0]
        is_counted = result.is_failure or (result.expected and result.expected.kind == "should")
        if not result.failure or not is_counted or (number, result.backend) in seen:
            continue
        cause = seen.get((result.failure.requirements[0], result.backend))
        if result.is_nearest or (result.is_failure and not (cause and cause.is_failure)):
            seen[number, result.backend] = result
            yield Broken(number, result, result.failure)


def _listed(title: str, broken: Sequence[Broken], screen: Screen, style: int) -> Iterator[str]:
    if broken:
        yield screen.paint(f"{title}: expected → came", style, BOLD)
        yield from (entry.line(screen) for entry in broken)


def _accepted(said: Said, screen: Screen) -> Iterator[str]:
    for kind, title in _ACCEPTED.items():
        lines = []
        for result in said.results.results:
            if result.expected and result.expected.kind == kind:
                why = f"{result.expected.reason} {result.expected.link}".strip()
                lines.append(f"  {why}" if result.hooks else f"  {result.test} [{result.backend}]: {why}")
        if lines:
            yield screen.paint(title, BOLD)
            yield from show.listed(lines, _MOST)
    if said.stale:
        yield screen.paint("known failures that are none any more; take them out of the file", RED, BOLD)
        yield from (f"  {entry}" for entry in said.stale)


def _open(said: Said, screen: Screen) -> Iterator[str]:
    if said.undecided:
        yield screen.paint("incomplete: some applicable requirements were not decided", YELLOW, BOLD)
        reasons = Counter(map(_why, said.undecided)).most_common()
        lines = [f"  {number} {'test' if number == 1 else 'tests'}: {why}" for why, number in reasons]
        yield from show.listed(lines, _MOST)
    elif not any(result.verdict in ("pass", "fail") for result in said.results.results):
        yield "nothing was decided: nothing that was selected applies"


def _counted(entries: Sequence[Broken], name: str) -> str:
    return f"{len(entries)} {name}{'' if len(entries) == 1 else 's'}"


def _why(result: Result) -> str:
    if result.hooks and "adapter" not in result.hooks:  # of an adapter the reason says what to do
        return f"the harness has no hook {', '.join(result.hooks)}"
    return on_one_line(f"{result.verdict}: {result.reason}")
