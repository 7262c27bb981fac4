"""Whether two calls at the same time give what they give one after the other, in one of the two orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import combinations_with_replacement
from typing import TypeAlias

from conformance.compare.document import Finding
from conformance.compare.probes.bench import Bench, same
from conformance.compare.sequences.steps import Call
from conformance.compare.values.mismatch import Outcome
from conformance.compare.values.script import shorten

_MOST_PAIRS = 40
_REPEATS = 3
Pair: TypeAlias = tuple[Call, Call]


async def probe_races(bench: Bench, index: int) -> AsyncIterator[Finding]:
    """Make pairs of calls at the same time, until one comes out as in no order of them."""
    pairs = sorted(combinations_with_replacement(_calls(bench), 2), key=lambda pair: pair[0] == pair[1])
    for pair in pairs[:_MOST_PAIRS]:
        orders = await _in_turn(bench, index, pair)
        if not {call.operation for call in pair} <= bench.awaited:
            continue
        for _ in range(_REPEATS):
            seen = await _play(bench, index, pair, at_once=True)
            if any(same(seen, order) for order in orders):
                continue
            if not await _is_steady(bench, index, pair, orders):
                break
            words = f"two calls at the same time in {bench.stores[index].name} come out as in no order of them"
            lines = _script(bench, pair, seen, orders)
            yield bench.finding("lost update", words, [pair[0].operation], *lines)
            return


def _calls(bench: Bench) -> Iterator[Call]:
    """Calls that change an entry that is there: plain ones, and those with one optional argument."""
    vocabulary = bench.vocabulary
    for name in vocabulary.writes():
        operation = vocabulary.operations[name]
        if operation.entry is None and name == bench.vocabulary.maker.name:  # two entries may be listed in any order
            continue
        yield vocabulary.plain(name)
        for argument in operation.optional if operation.entry is not None else ():
            values = vocabulary.pools[name, argument].values
            yield vocabulary.plain(name, **{argument: next(filter(None, values), values[0])})


async def _in_turn(bench: Bench, index: int, pair: Pair) -> list[list[Outcome]]:
    """What two calls and the reads after them give in either order of the calls."""
    second, first, *reads = await _play(bench, index, pair[::-1], at_once=False)
    return [await _play(bench, index, pair, at_once=False), [first, second, *reads]]


async def _play(bench: Bench, index: int, pair: tuple[Call, ...], *, at_once: bool) -> list[Outcome]:
    async with bench.place(index) as place, place.open() as side:
        await place.make(side)
        if at_once:
            await asyncio.gather(*(place.reads(side) for _ in pair))  # opens the connections that are needed
            results = await asyncio.gather(*(place.call(side, call) for call in pair))
        else:
            results = [await place.call(side, call) for call in pair]
        return [*results, *(await place.reads(side)).values()]


async def _is_steady(bench: Bench, index: int, pair: Pair, orders: list[list[Outcome]]) -> bool:
    """Whether the calls give the same each time when one follows the other. Otherwise the race decides nothing."""
    for _ in range(_REPEATS):
        again = await _in_turn(bench, index, pair)
        if not all(same(*both) for both in zip(again, orders, strict=True)):
            return False
    return True


def _script(bench: Bench, pair: Pair, seen: list[Outcome], orders: list[list[Outcome]]) -> Iterator[str]:
    """The calls, and the first difference from the order that comes nearest."""
    nearest = min(orders, key=lambda order: sum(not same([a], [b]) for a, b in zip(seen, order, strict=True)))
    place = next(at for at, outcome in enumerate(seen) if not same([outcome], [nearest[at]]))
    expected = " or ".join(dict.fromkeys(shorten(order[place].text) for order in orders))
    difference = f"{shorten(seen[place].text)}   one after the other: {expected}"
    gathered = f"await asyncio.gather({', '.join(bench.write(call).removeprefix('await ') for call in pair)})"
    if place < len(pair):
        yield f"({gathered})[{place}]   # {difference}"
    else:
        yield gathered
        read = bench.vocabulary.audits()[place - len(pair)].name
        yield f"{bench.write(bench.vocabulary.plain(read))}   # {difference}"
