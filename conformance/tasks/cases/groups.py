"""The groups, each a test: it plays its scenarios on a backend, and shows what it found when it ends.

Those with the shortest scenarios come first. What they found about a requirement is added up at the end of the run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from random import Random
from typing import Any, TypeAlias

import pytest

from conformance.engine.finding import Coverage
from conformance.engine.group import play_one
from conformance.engine.loom import ChoosingLoop
from conformance.engine.scenario import Scenario
from conformance.engine.stages import arena_of
from conformance.harness import Harness
from conformance.tasks.case import Backend, NotTestable, is_selected, only_own_verdicts
from conformance.tasks.contract import TaskContract, play
from conformance.tasks.random_scenarios import RandomTasks
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.tasks.tables import arguments, failures, lifetimes, places, races
from conformance.tasks.tables.tasks import SIMPLE

_RANDOM = {"smoke": 8, "default": 35, "full": 1_500}
"""Random scenarios of each of the groups that play them."""
_SPARSE = 8
"""At depth smoke one in this number of the scenarios about the same requirements is played."""
_RANDOM_GROUPS = 4
_AT_ONCE = 8
_REPEATED = 10
"""How often a scenario is played that was named."""
_SIMPLE = "simple"
"""The name of the scenarios that every group of a table begins with."""


@dataclass(frozen=True)
class Played:
    """What is played of a group."""

    seed: int = 1
    depth: str = "default"
    only: Collection[str] = ()
    """The names of scenarios, if no others are played."""

    def chosen(self, name: str, scenarios: Iterable[Scenario]) -> Iterator[Scenario]:
        """Yield scenarios under names that do not depend on which of them are played.

        One that was named is repeated: each time it ends with its first finding.
        """
        passed: Counter[Any] = Counter()
        for scenario in _named(name, scenarios):
            is_played = self.depth != "smoke" or passed[scenario.about] % _SPARSE == 0
            passed[scenario.about] += 1
            if self.only:
                yield from repeat(scenario, _REPEATED if scenario.name in self.only else 0)
            elif is_played:
                yield scenario


def _named(name: str, scenarios: Iterable[Scenario]) -> Iterator[Scenario]:
    for number, scenario in enumerate(scenarios):
        yield replace(scenario, name=f"{name}-{number}")


Group: TypeAlias = Callable[[Harness, Coverage, Played], Coroutine[Any, Any, None]]


def _random(number: int) -> Group:
    async def group(harness: Harness, coverage: Coverage, played: Played) -> None:
        contract = TaskContract(harness.capabilities)
        for place in range(_RANDOM[played.depth]):
            scenario = Scenario(name=f"random_{number + 1}-{place}")
            if not played.only or scenario.name in played.only:
                seed = f"{played.seed * _RANDOM_GROUPS + number}-{place}"
                draw = partial(RandomTasks, Random(seed))  # noqa: S311  it guards no secret
                await play_one(contract, harness, scenario, coverage, draw)

    return group


def _table(name: str, scenarios: Callable[[str], Iterable[Scenario]]) -> Group:
    async def group(harness: Harness, coverage: Coverage, played: Played) -> None:
        await play(harness, _named(_SIMPLE, SIMPLE.scenarios()), coverage)
        await play(harness, played.chosen(name, scenarios(played.depth)), coverage)

    return group


async def _races(harness: Harness, coverage: Coverage, played: Played) -> None:
    await play(harness, _named(_SIMPLE, SIMPLE.scenarios()), coverage)
    async with arena_of(harness, lambda: TaskContract(harness.capabilities)) as arena:
        await play(harness, played.chosen("races", races.scenarios(played.depth)), coverage, arena=arena)


async def _failures(harness: Harness, coverage: Coverage, played: Played) -> None:
    has = harness.capabilities
    await play(harness, _named(_SIMPLE, SIMPLE.scenarios()), coverage)

    together: list[Scenario] = []
    for row in sorted(failures.CONNECTIONS, key=lambda row: row.seconds):  # the slow ones come first
        together += failures.scenarios_of(row, has, is_full=played.depth == "full")
    await play(harness, played.chosen("failures", together), coverage, at_once=_AT_ONCE)

    in_turn: list[Scenario] = []
    for row in failures.SERVERS:
        in_turn += failures.scenarios_of(row, has)
    await play(harness, played.chosen("servers", in_turn), coverage)


GROUPS: dict[str, Group] = {
    "arguments": _table("arguments", arguments.scenarios),
    "places": _table("places", places.scenarios),
    "lifetimes": _table("lifetimes", lifetimes.scenarios),
    "races": _races,
    "failures": _failures,
    "random_1": _random(0),
    "random_2": _random(1),
    "random_3": _random(2),
    "random_4": _random(3),
}
"""By name, what plays a group on a harness; what it finds goes to the coverage."""
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
        coverage = backend.coverages[name] = Coverage()
        named = [] if set(GROUPED) & {*backend.only} else backend.only
        make_loop = ChoosingLoop if name == "races" else None
        with only_own_verdicts(), asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(GROUPS[name](backend.harness, coverage, Played(backend.seed, backend.depth, named)))
        for reason, count in coverage.by_chance.items():
            print(f"races in an order that nobody chose: {count} ({reason})")  # noqa: T201  pytest shows it
        if coverage.silent > 1:
            backend.broken = "two calls did not return: the run does not wait for others"
        for number in backend.unjudged:
            coverage.withdraw(number)
        for signature, finding in [*coverage.findings.items()]:
            if not is_selected(backend.only, finding.scenario.name, finding.requirements):
                del coverage.findings[signature]
        if coverage.findings:
            raise pytest.fail.Exception("only what is shown above", pytrace=False)

    run.__name__ = run.__qualname__ = f"test_{name}"
    run.__doc__ = f"Scenarios of the group {name}."
    return run


test_arguments = _test("arguments")
test_places = _test("places")
test_lifetimes = _test("lifetimes")
test_races = _test("races")
test_failures = _test("failures")
test_random_1 = _test("random_1")
test_random_2 = _test("random_2")
test_random_3 = _test("random_3")
test_random_4 = _test("random_4")
