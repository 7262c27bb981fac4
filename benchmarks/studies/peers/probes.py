"""What a peer does and does not do, found by trying it. A time is worth what it buys.

"no" was seen; "yes" was not seen to be otherwise, once: a race that loses an update by chance may not have lost one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from benchmarks.studies.document import ISOLATION, Trait
from benchmarks.studies.filling import new_config
from benchmarks.studies.peers.libraries import NotOfferedError, Opener, Peer

Probe = Callable[[Peer], Awaitable[tuple[bool, str]]]
PAIRS = 20


async def probe(open_peer: Opener) -> tuple[Trait, ...]:
    """Ask every question."""
    async with open_peer() as peer:
        return tuple([await _ask(question, ask, peer) for question, ask in QUESTIONS.items()])


async def _ask(question: str, ask: Probe, peer: Peer) -> Trait:
    try:
        kept, seen = await ask(peer)
    except NotOfferedError as missing:
        return Trait(question=question, answer="not offered", seen=str(missing))
    return Trait(question=question, answer="yes" if kept else "no", seen=seen)


async def _lists(peer: Peer) -> tuple[bool, str]:
    ids = [await peer.create({}) for _ in range(5)]
    newest, total = await peer.list(3)
    return newest == ids[:1:-1] and total == len(ids), f"asked for 3 of {len(ids)}: {len(newest)}, total {total}"


async def _keeps_what_was_put(peer: Peer) -> tuple[bool, str]:
    config = new_config()
    task_id = await peer.create(config)
    config["clip_seconds"].append("changed by the caller")
    kept = peer.look(await peer.get(task_id))["clip_seconds"] == new_config()["clip_seconds"]
    return kept, "a list that was given is changed afterwards"


async def _keeps_what_was_got(peer: Peer) -> tuple[bool, str]:
    task_id = await peer.create(new_config())
    peer.look(await peer.get(task_id))["clip_seconds"].append("changed by the caller")
    kept = peer.look(await peer.get(task_id))["clip_seconds"] == new_config()["clip_seconds"]
    return kept, "a list that was got is changed afterwards"


async def _loses_no_update(peer: Peer) -> tuple[bool, str]:
    ids = [await peer.create({}) for _ in range(PAIRS)]
    changes: tuple[dict[str, object], ...] = ({"progress": 50.0}, {"current_step": "cutting"})
    await asyncio.gather(*(peer.update(one, "analyzing", **change) for one in ids for change in changes))
    tasks = [await peer.get(one) for one in ids]
    whole = sum(peer.field(one, "progress") == 50.0 and peer.field(one, "current_step") == "cutting" for one in tasks)  # noqa: PLR2004
    return whole == PAIRS, f"{whole} of {PAIRS} tasks kept both of two updates made at once"


QUESTIONS: Mapping[str, Probe] = {
    "lists the newest, with a total": _lists,
    ISOLATION[0]: _keeps_what_was_put,
    ISOLATION[1]: _keeps_what_was_got,
    "loses no concurrent update": _loses_no_update,
}
