"""Whether reads say that an entry is not there when its value cannot be read, or when the server fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from conformance.compare.document import Finding
from conformance.compare.probes.bench import Bench, Reads, same, unchanged
from conformance.subjects.proxy import Action, Proxy, Stage


async def probe_foreign_value(bench: Bench, index: int) -> AsyncIterator[Finding]:
    """Overwrite an entry with a value of another type, and read it."""
    async with bench.place(index) as place, place.open() as side:
        unknown = await place.reads(side)
        await place.make(side)
        before = await place.reads(side)
        place.store.harness.inspector(place.namespace).overwrite_with_another_type(place.entry)
        after = await place.reads(side)
    if wrong := [*_denying(unknown, before, after)]:
        words = f"{bench.stores[index].name} takes a value of another type for an entry that is not there"
        yield bench.finding("foreign value", words, wrong)


async def probe_server(bench: Bench, index: int) -> AsyncIterator[Finding]:
    """Read an entry while the server fails in several ways."""
    wrong: dict[str, list[str]] = {}
    for words, fail in _FAILURES.items():
        async with (
            bench.place(index) as place,
            Proxy(place.store.harness.url()) as proxy,
            place.open(proxy.url) as side,
        ):
            unknown = await place.reads(side)
            await place.make(side)
            before = await place.reads(side)
            after = {}
            for name in before:
                await fail(proxy)
                after[name] = await place.call(side, bench.vocabulary.plain(name))
                proxy.release()
        for name in _denying(unknown, before, after):
            wrong.setdefault(name, []).append(words)
    if wrong:
        failures = ", ".join(next(iter(wrong.values())))
        consequence = f"with {failures} {bench.stores[index].name} says that an entry is not there"
        yield bench.finding("server", consequence, [*wrong])


async def _away(proxy: Proxy) -> None:
    await proxy.refuse()
    proxy.break_all(Action.RESET)


async def _cut(proxy: Proxy) -> None:
    proxy.interrupt(Stage.MIDDLE, Action.CUT)


async def _held(proxy: Proxy) -> None:
    proxy.interrupt(Stage.REPLY, Action.HOLD)


_FAILURES = {"its server away": _away, "a reply cut in the middle": _cut, "a reply that does not come": _held}


def _denying(unknown: Reads, before: Reads, after: Reads) -> Iterator[str]:
    """The reads that give what they gave before there was an entry, although there is one."""
    shows_nothing = unchanged(unknown, before)
    for name, outcome in after.items():
        raises_the_same = outcome.raised and outcome.name == unknown[name].name
        if not shows_nothing[name] and (raises_the_same or same([outcome], [unknown[name]])):
            yield name
