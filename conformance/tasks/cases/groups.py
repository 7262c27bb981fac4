"""The groups, each a test: it plays its scenarios on a backend, and shows what it found when it ends.

Those with the shortest scenarios come first. What they found about a requirement is added up at the end of the run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import chain, repeat
from random import Random
from typing import Any

import pytest

from conformance.engine.finding import Tally
from conformance.engine.group import play_one
from conformance.engine.scenario import Scenario
from conformance.harness import Harness
from conformance.tasks.case import Backend, NotTestable, is_selected, only_own_verdicts
from conformance.tasks.contract import TaskContract, play
from conformance.tasks.random_scenarios import RandomTasks
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.tasks.tables import failures
from conformance.tasks.tables.tasks import SIMPLE

_WALKS = {"smoke": 8, "default": 35, "full": 1_500}
"""Random scenarios of each of the groups that play them."""
_SPARSE = 8
"""At depth smoke one in this number of the scenarios about the same requirements is played."""
_WALKED = 4
_REPEATED = 10
"""How often a scenario is played that was named."""
_SIMPLE = "simple"
"""The name of the scenarios that every group of a table begins with."""


async def _walked(
    number: int, harness: Harness, tally: Tally, seed: int, depth: str, only: Collection[str] = ()
) -> None:
    contract = TaskContract(harness.capabilities)
    for place in range(_WALKS[depth]):
        draw = partial(RandomTasks, Random(f"{seed * _WALKED + number}-{place}"))  # noqa: S311  it guards no secret
        scenario = Scenario(name=f"random_{number + 1}-{place}")
        if not only or scenario.name in only:
            await play_one(contract, harness, scenario, tally, draw)


async def _tabled(
    name: str, harness: Harness, tally: Tally, _seed: int, depth: str, only: Collection[str] = ()
) -> None:
    scenarios = import_module(f"conformance.tasks.tables.{name}").scenarios(depth)
    await play(harness, chain(_simple(), _chosen(_named(name, scenarios), depth, only)), tally)


async def _failures(harness: Harness, tally: Tally, _seed: int, depth: str, only: Collection[str] = ()) -> None:
    is_full, has = depth == "full", harness.capabilities
    together = sorted(failures.CONNECTIONS, key=lambda row: row.seconds)  # the slow ones come first
    connections = chain.from_iterable(failures.scenarios_of(row, has, is_full=is_full) for row in together)
    servers = chain.from_iterable(failures.scenarios_of(row, has) for row in failures.SERVERS)
    await play(harness, _simple(), tally)
    await play(harness, _chosen(_named("failures", connections), depth, only), tally, at_once=8)
    await play(harness, _chosen(_named("servers", servers), depth, only), tally)


def _named(name: str, scenarios: Iterable[Scenario]) -> Iterator[Scenario]:
    """Yield the scenarios under names that do not depend on which of them are played."""
    for number, scenario in enumerate(scenarios):
        yield replace(scenario, name=f"{name}-{number}")


def _simple() -> Iterator[Scenario]:
    return _named(_SIMPLE, SIMPLE.scenarios())


def _chosen(scenarios: Iterable[Scenario], depth: str, only: Collection[str]) -> Iterator[Scenario]:
    """Yield the scenarios that are played. One that is named is repeated: each time it ends with its first finding."""
    passed: Counter[Any] = Counter()
    for scenario in scenarios:
        is_played = depth != "smoke" or passed[scenario.about] % _SPARSE == 0
        passed[scenario.about] += 1
        if only:
            yield from repeat(scenario, _REPEATED if scenario.name in only else 0)
        elif is_played:
            yield scenario


GROUPS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    **{name: partial(_tabled, name) for name in ("arguments", "places", "lifetimes", "races")},
    "failures": _failures,
    **{f"random_{number + 1}": partial(_walked, number) for number in range(_WALKED)},
}
"""By name, what plays a group: on a harness, for a tally, with a seed, at a depth, maybe only some scenarios."""
_ELSEWHERE = {_SIMPLE: "arguments", "servers": "failures"}
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


def group_of(scenario: str) -> str:
    """Return the group that plays a scenario of this name."""
    name = scenario.rpartition("-")[0]
    return _ELSEWHERE.get(name, name)


def _test(name: str) -> Callable[[Backend], None]:
    def run(conformance_backend: Backend) -> None:
        backend = conformance_backend
        if backend.broken:
            raise NotTestable(backend.broken)
        tally = backend.tallies[name] = Tally()
        named = [] if set(GROUPED) & {*backend.only} else backend.only
        with only_own_verdicts():
            asyncio.run(GROUPS[name](backend.harness, tally, backend.seed, backend.depth, named))
        for number in backend.unjudged:
            tally.withdraw(number)
        for signature, finding in [*tally.findings.items()]:
            if not is_selected(backend.only, finding.scenario.name, finding.requirements):
                del tally.findings[signature]
        if tally.findings:
            raise pytest.fail.Exception(f"{len(tally.findings)} findings", pytrace=False)

    run.__name__ = run.__qualname__ = f"test_{name}"
    run.__doc__ = f"Scenarios of the group {name}."
    return run


globals().update({f"test_{name}": _test(name) for name in GROUPS})
