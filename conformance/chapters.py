"""The chapters: what is played on a subject, each a test of its own. Those with the shortest scenarios come first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from itertools import chain

from conformance.core.chapter import play, play_one
from conformance.core.finding import Tally
from conformance.core.scenario import Scenario
from conformance.harness import Harness
from conformance.tables.tasks import plain
from conformance.walk import walks

DEPTHS = ("smoke", "default", "full")
_WALKS = {"smoke": 10, "default": 35, "full": 1_500}
"""Random scenarios of each of the chapters that play them."""
_WALKED = 4
_TABLES = ("arguments", "places", "lifetimes", "races")


def _walked(number: int, harness: Harness, tally: Tally, seed: int, depth: str) -> None:
    async def run() -> None:
        for walk in walks(harness, seed * _WALKED + number, _WALKS[depth]):
            await play_one(harness, Scenario(), tally, walk)

    asyncio.run(run())


def _tabled(name: str, harness: Harness, tally: Tally, _seed: int, depth: str) -> None:
    scenarios: Callable[[str], Iterable[Scenario]] = import_module(f"conformance.tables.{name}").scenarios
    asyncio.run(play(harness, chain(plain(), scenarios(depth)), tally))


def _failures(harness: Harness, tally: Tally, _seed: int, depth: str) -> None:
    from conformance.tables import failures

    is_full, has = depth == "full", harness.capabilities
    together = sorted(failures.CONNECTIONS, key=lambda row: row.seconds)  # the slow ones come first

    async def run() -> None:
        scenarios = [one for row in together for one in failures.scenarios_of(row, has, is_full=is_full)]
        await play(harness, plain(), tally)
        await play(harness, scenarios, tally, at_once=8)
        await play(harness, (one for row in failures.SERVERS for one in failures.scenarios_of(row, has)), tally)

    asyncio.run(run())


Chapter = Callable[[Harness, Tally, int, str], None]
"""Plays a chapter on a subject, with a seed and at a depth; what it finds goes to the tally."""

CHAPTERS: dict[str, Chapter] = {
    **{name: partial(_tabled, name) for name in _TABLES},
    "failures": _failures,
    **{f"random_{number + 1}": partial(_walked, number) for number in range(_WALKED)},
}
CHAPTERED = (
    *("API-02", "API-03", "API-04", "API-05", "VAL-01", "VAL-02", "VAL-05", "VAL-06", "VAL-09", "VAL-10"),
    *("LIFE-01", "LIFE-02", "LIFE-03", "LIFE-04", "LIFE-05", "LIFE-09", "LIFE-10", "LIFE-13", "LIFE-14", "LIFE-17"),
    *("LIFE-18", "ATOM-01", "ATOM-02", "ATOM-06", "LIST-01", "LIST-03", "LIST-04", "LIST-06", "LIST-12", "LIST-13"),
    *("EXP-01", "EXP-03", "EXP-05", "ID-01", "ID-02", "ID-03", "ID-06", "DUR-01", "DUR-03", "SHARE-01", "SHARE-02"),
    *("MAINT-01", "MAINT-02", "MAINT-04", "FAIL-01", "FAIL-06", "FAIL-11", "FAIL-13", "FAIL-14", "FAIL-17", "MODE-18"),
)
"""The requirements that chapters decide, together. Cases decide others, and some of these too."""
