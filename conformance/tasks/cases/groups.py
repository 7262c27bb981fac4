"""The groups, each a test: it plays its scenarios on a backend, and shows what it found when it ends.

Those with the shortest scenarios come first. What they found about a requirement is added up at the end of the run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from importlib import import_module
from itertools import chain
from random import Random
from typing import Any

import pytest

from conformance.engine.finding import Finding, Signature, Tally
from conformance.engine.group import play_one
from conformance.engine.scenario import Scenario
from conformance.harness import Harness
from conformance.tasks.case import Backend, NotTestable, only_own_verdicts
from conformance.tasks.contract import TaskContract, play
from conformance.tasks.random_scenarios import RandomTasks
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.tasks.tables import failures
from conformance.tasks.tables.tasks import SIMPLE
from conformance.text import cut

_WALKS = {"smoke": 8, "default": 35, "full": 1_500}
"""Random scenarios of each of the groups that play them."""
_SPARSE = 8
"""At depth smoke one in this number of the scenarios about the same requirements is played."""
_WALKED = 4
_WIDTH, _LONGEST = 100, 400
_MOST_LINES, _MOST_OTHERS = 60, 5


async def _walked(number: int, harness: Harness, tally: Tally, seed: int, depth: str) -> None:
    contract = TaskContract(harness.capabilities)
    for place in range(_WALKS[depth]):
        draw = partial(RandomTasks, Random(f"{seed * _WALKED + number}-{place}"))  # noqa: S311  it guards no secret
        await play_one(contract, harness, Scenario(), tally, draw)


async def _tabled(name: str, harness: Harness, tally: Tally, _seed: int, depth: str) -> None:
    scenarios = import_module(f"conformance.tasks.tables.{name}").scenarios(depth)
    await play(harness, chain(SIMPLE.scenarios(), _some(scenarios, depth)), tally)


async def _failures(harness: Harness, tally: Tally, _seed: int, depth: str) -> None:
    is_full, has = depth == "full", harness.capabilities
    together = sorted(failures.CONNECTIONS, key=lambda row: row.seconds)  # the slow ones come first
    scenarios = [one for row in together for one in failures.scenarios_of(row, has, is_full=is_full)]
    in_turn = (one for row in failures.SERVERS for one in failures.scenarios_of(row, has))
    await play(harness, SIMPLE.scenarios(), tally)
    await play(harness, _some(scenarios, depth), tally, at_once=8)
    await play(harness, _some(in_turn, depth), tally)


def _some(scenarios: Iterable[Scenario], depth: str) -> Iterator[Scenario]:
    passed: Counter[Any] = Counter()
    for one in scenarios:
        if depth != "smoke" or passed[one.about] % _SPARSE == 0:
            yield one
        passed[one.about] += 1


GROUPS: dict[str, Callable[[Harness, Tally, int, str], Coroutine[Any, Any, None]]] = {
    **{name: partial(_tabled, name) for name in ("arguments", "places", "lifetimes", "races")},
    "failures": _failures,
    **{f"random_{number + 1}": partial(_walked, number) for number in range(_WALKED)},
}
"""By name, what plays a group on a backend, with a seed and at a depth; what it finds goes to the tally."""
_BY_CASES = (
    "LIST-10",
    "LIST-11",
    "EXP-04",
    "EXP-06",
    "EXP-07",
    "EXP-08",
    "SHARE-03",
    "FAIL-04",
    "FAIL-05",
    "FAIL-09",
    "MODE-01",
    "MODE-03",
    "MODE-05",
    "MODE-06",
    "MODE-07",
    "MODE-08",
    "MODE-11",
    "MODE-12",
    "MODE-15",
    "MODE-17",
    "COST-01",
    "COST-02",
    "COST-04",
    "COST-05",
)
GROUPED = tuple(number for number in REQUIREMENTS if number not in _BY_CASES)
"""The requirements that groups decide, together. Cases decide the others, and some of these too."""


def _test(name: str) -> Callable[[Backend], None]:
    def run(conformance_backend: Backend) -> None:
        backend = conformance_backend
        if backend.broken:
            raise NotTestable(backend.broken)
        before = {signature for tally in backend.tallies.values() for signature in tally.findings}
        tally = backend.tallies[name] = Tally()
        with only_own_verdicts():
            asyncio.run(GROUPS[name](backend.harness, tally, backend.seed, backend.depth))
        for number in backend.unjudged:
            tally.withdraw(number)
        if tally.findings:
            raise pytest.fail.Exception(reported(tally, before), pytrace=False)

    run.__name__ = run.__qualname__ = f"test_{name}"
    run.__doc__ = f"Scenarios of the group {name}."
    return run


def reported(tally: Tally, before: AbstractSet[Signature]) -> str:
    """Return the new findings of a group: for each requirement the first in full, the others as lines."""
    found = sorted(tally.findings.values(), key=lambda one: (not one.is_simple, len(one.scenario.actions)))
    new = [one for one in found if one.signature not in before]
    texts = []
    for number in dict.fromkeys(one.requirements[0] for one in new):
        first, *others = [one for one in new if one.requirements[0] == number]
        lines = [*dict.fromkeys(cut(f"also expected {one.expected}; came {one.actual}", _WIDTH) for one in others)]
        more = [f"and {len(lines) - _MOST_OTHERS} more"] if len(lines) > _MOST_OTHERS else []
        texts.append("\n".join([shown(first, tally.seen[first.signature]), *lines[:_MOST_OTHERS], *more]))
    if len(new) < len(found):
        texts.append(f"{len(found) - len(new)} findings shown above recurred here.")
    return "\n\n".join(texts)


def shown(finding: Finding, times: int = 1) -> str:
    """A finding for people: what it breaks, what came and what was expected, and how to see it."""
    first, *others = finding.requirements
    also = f"; also {', '.join(others)}" if others else ""
    lines = [f"    {line}" for line in finding.lines]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES // 2 : -_MOST_LINES // 2] = [f"    …  # {len(lines) - _MOST_LINES} more lines"]
    title = f"{first} ({REQUIREMENTS[first].level}{also}): {REQUIREMENTS[first].text}"
    text = [
        f"expected {finding.expected}",
        f"came     {finding.actual}",
        *lines,
        *([f"The same shows in {times - 1} more scenarios."] if times > 1 else []),
    ]
    return "\n".join([cut(title, _WIDTH), *(cut(line, _LONGEST) for line in text)])


globals().update({f"test_{name}": _test(name) for name in GROUPS})
