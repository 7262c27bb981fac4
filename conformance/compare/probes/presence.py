"""Whether an entry is still there for a second instance, after reopening, and after time has passed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.compare.document import Finding
from conformance.compare.probes.bench import Bench, Place, Reads, unchanged
from conformance.compare.sequences.side import Side
from conformance.compare.sequences.steps import Call
from conformance.harness import Capability, HookMissingError

SPANS = (timedelta(hours=1), timedelta(days=2), timedelta(days=8), timedelta(days=400))
_DECLARED = {"instance": Capability.SHARED, "reopening": Capability.PERSISTENT}
_NOTHING_EXPIRED = "no entry expired when `advance` let time pass: name the argument `lifetime=`, or drop the hook"
Presence: TypeAlias = dict[str, bool]
"""By each read that shows the entry where it was made: whether it shows it later too."""


@dataclass
class _Probe:
    kind: str
    when: str
    maker: Call
    look: Callable[[Place, Call], Awaitable[Presence]]


async def probe_presence(bench: Bench) -> AsyncIterator[Finding]:
    """Make an entry in both stores, and find the reads that show it later in one of them only."""
    plain, lifetimes = bench.vocabulary.make(), [*_lifetimes(bench)]
    probes = [
        _Probe("instance", "for a second instance", plain, _in_a_second_instance),
        _Probe("reopening", "after reopening", plain, _after_reopening),
        *(_after(span, call) for span in SPANS for call in (plain, *(call for call, _ in lifetimes[:1]))),
        *(_after(span, call) for call, seconds in lifetimes for span in _around(seconds)),
    ]
    expired = []
    for probe in probes:
        if probe.kind in bench.kinds or (seen := await _look_in_both(bench, probe)) is None:
            continue
        if probe.kind == "expiry":
            expired.append(not all(still for presence in seen for still in presence.values()))
        if finding := _difference(bench, probe, *seen):
            yield finding
    if expired and not any(expired) and not any(note.startswith("expiry ") for note in bench.notes):
        bench.gaps.append(_NOTHING_EXPIRED)


async def _look_in_both(bench: Bench, probe: _Probe) -> list[Presence] | None:
    seen = []
    for index in range(2):
        try:
            async with bench.place(index) as place:
                seen.append(await probe.look(place, probe.maker))
        except HookMissingError as missing:
            bench.note(probe.kind, index, missing)
            return None
    return seen


def _difference(bench: Bench, probe: _Probe, first: Presence, second: Presence) -> Finding | None:
    differing = [name for name in first if name in second and first[name] != second[name]]
    if not differing:
        return None
    has = 0 if first[differing[0]] else 1
    words = f"{probe.when} it is there in {bench.stores[has].name}, and not in {bench.stores[1 - has].name}"
    capability = _DECLARED.get(probe.kind)
    declaring = [capability in store.harness.capabilities for store in (bench.stores[has], bench.stores[1 - has])]
    if capability and declaring == [True, False]:
        bench.declared.append(f"{words}: only {bench.stores[has].name} declares Capability.{capability.name}")
        return None
    return bench.finding(probe.kind, words, differing, made_by=probe.maker)


async def _make(place: Place, side: Side, maker: Call) -> Reads:
    """Make an entry, and return what those reads give that show it."""
    before = await place.reads(side)
    await place.make(side, maker)
    after = await place.reads(side)
    return {name: after[name] for name, is_same in unchanged(before, after).items() if not is_same}


async def _in_a_second_instance(place: Place, maker: Call) -> Presence:
    async with place.open() as one, place.open() as other:
        return unchanged(await _make(place, one, maker), await place.reads(other))


async def _after_reopening(place: Place, maker: Call) -> Presence:
    async with place.open() as side:
        made = await _make(place, side, maker)
    async with place.open() as side:
        return unchanged(made, await place.reads(side))


def _after(span: timedelta, maker: Call) -> _Probe:
    async def look(place: Place, maker: Call) -> Presence:
        async with place.open() as side:
            made = await _make(place, side, maker)
            place.store.harness.advance(place.namespace, span)
            return unchanged(made, await place.reads(side))

    return _Probe("expiry", f"after {_in_words(span)}", maker, look)


def _lifetimes(bench: Bench) -> Iterator[tuple[Call, float]]:
    """Calls that make an entry with a lifetime, one for each class of lifetimes, and its seconds."""
    vocabulary, maker = bench.vocabulary, bench.vocabulary.maker.name
    if argument := vocabulary.operations[maker].lifetime:
        for value in vocabulary.pools[maker, argument].representatives(1):
            if 0 < (seconds := _seconds(value)) < SPANS[-1].total_seconds():
                yield vocabulary.plain(maker, **{argument: value}), seconds


def _around(seconds: float) -> Iterator[timedelta]:
    """Times a little before and after a lifetime ends.

    The margin is half of a fraction of a second: a store that keeps whole seconds has lost the entry by then.
    """
    margin = (seconds % 1 or min(seconds, 60) / 4) / 2
    yield from (timedelta(seconds=seconds + distance) for distance in (-margin, margin))


def _seconds(lifetime: Any) -> float:
    """A lifetime in seconds; 0 if it is none."""
    seconds = lifetime.total_seconds() if isinstance(lifetime, timedelta) else lifetime
    return seconds if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) else 0


def _in_words(span: timedelta) -> str:
    if span.days:
        return f"{span.days} days"
    return f"{span.total_seconds():g} s" if span.total_seconds() % 3600 else f"{span.seconds // 3600} h"
