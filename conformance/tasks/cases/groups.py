"""The groups, each a test: it plays its scenarios on a backend, and shows what it found when it ends.

Those with the shortest scenarios come first. What they found about a requirement is added up at the end of the run.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import repeat

from conformance.engine.finding import Coverage
from conformance.engine.group import Group
from conformance.engine.kinds import Scenarios
from conformance.engine.orders.network import arena_of
from conformance.engine.scenario import Scenario
from conformance.guard import guarded
from conformance.tasks.case import Backend, NotTestable, Run, is_selected, only_own_verdicts
from conformance.tasks.contract import TaskContract
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.tasks.tables import arguments, combinations, failures, lifetimes, places, races
from conformance.tasks.tables.tasks import simple

_SPARSE = 7
"""At depth smoke one in this number of the scenarios about the same requirements is played.

An odd number: tables alternate between one instance and two, and both are played then.
"""
_AT_ONCE = 8
_REPEATED = 10
"""How often a scenario is played that was named."""
_TABLES = {"arguments": arguments, "places": places, "lifetimes": lifetimes, "races": races}
_FAILURES = {"failures": failures.CONNECTIONS, "servers": failures.SERVERS, "deaths": failures.DEATHS}
_ORDERED = ("races", "deaths")
"""Groups that are played in every order, where they can be."""
GROUPS = (*_TABLES, "combinations", *_FAILURES)
_BY_CASES = (
    "API-02 LIST-11 EXP-04 EXP-08 FAIL-04 FAIL-09 COST-01 COST-02 COST-04 COST-05 "
    "MODE-01 MODE-03 MODE-05 MODE-06 MODE-07 MODE-08 MODE-17"
)
GROUPED = tuple(number for number in REQUIREMENTS if number not in _BY_CASES)
"""The requirements that groups decide, together. Cases decide the others, and some of these too."""


def _named(name: str, scenarios: Iterable[Scenario]) -> Scenarios:
    for number, scenario in enumerate(scenarios):
        yield replace(scenario, name=f"{name}-{number}")


def _chosen(backend: Backend, name: str, scenarios: Iterable[Scenario]) -> Scenarios:
    """Yield scenarios under names that do not depend on which of them are played.

    One that was named is repeated: each time it ends with its first finding.
    """
    is_named = backend.only and {*GROUPED}.isdisjoint(backend.only)
    passed: Counter[tuple[str, ...]] = Counter()
    for scenario in _named(name, scenarios):
        is_played = backend.depth != "smoke" or passed[scenario.about] % _SPARSE == 0
        passed[scenario.about] += 1
        if is_named:
            if scenario.name in backend.only:
                yield from repeat(scenario, _REPEATED)
        elif is_played:
            yield scenario


async def play_group(name: str, backend: Backend, coverage: Coverage) -> None:
    """Play a group on a backend. What it finds goes to the coverage."""
    harness = guarded(backend.harness)
    has = harness.capabilities
    arena = arena_of(harness) if name in _ORDERED else None
    group = Group(TaskContract(has), harness, coverage, arena)
    if name == "combinations":
        scenarios = combinations.scenarios(in_a_row=3 if backend.depth == "full" else 2)
    elif name in _FAILURES:
        scenarios = failures.scenarios(_FAILURES[name], has)
    else:
        scenarios = _TABLES[name].scenarios()
    chosen = _chosen(backend, name, scenarios)
    for scenario in _named("simple", simple()):
        while await group.play_one(scenario):  # it ends with its first finding
            pass
    at_once = _AT_ONCE if name == "failures" else 1
    await group.play(chosen, at_once)


def group_of(scenario: str) -> str:
    """Return the group that plays a scenario of this name."""
    name = scenario.rpartition("-")[0]
    return "arguments" if name == "simple" else name


def _test(name: str) -> Run:
    def run(conformance_backend: Backend) -> None:
        backend = conformance_backend
        if backend.broken:
            raise NotTestable(backend.broken)
        wanted = frozenset(backend.only if backend.stops_early else ())
        coverage = backend.coverages[name] = Coverage(wanted=wanted)
        make_loop = asyncio.SelectorEventLoop if name in _ORDERED else None
        with only_own_verdicts(), asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(play_group(name, backend, coverage))
        for reason, count in coverage.by_chance.items():
            print(f"races in no chosen order, or deaths not played: {count} ({reason})")  # noqa: T201  pytest shows it
        if coverage.silent > 1:
            backend.broken = "two calls did not return: the run does not wait for others"
        for signature, finding in [*coverage.findings.items()]:
            if not is_selected(backend.only, finding.scenario.name, finding.requirements):
                del coverage.findings[signature]

    run.__name__ = run.__qualname__ = f"test_{name}"
    run.__doc__ = f"Scenarios of the group {name}."
    return run


for _name in GROUPS:
    globals()[f"test_{_name}"] = _test(_name)
