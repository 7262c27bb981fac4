"""What a peer does and does not do, found by trying it. A time is worth what it buys.

"no" was seen; "yes" was not seen to be otherwise, once: a race that loses an update by chance may not have lost one.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal

from benchmarks.studies.filling import new_config
from benchmarks.studies.peers.adapters import LIFETIME, NotOfferedError, Peer

Answer = Literal["yes", "no", "not offered"]

Probe = Callable[[Peer], Awaitable[tuple[bool, str]]]

SHORT_LIFETIME = 1
"""Seconds: the shortest lifetime that all take who take one."""
PAIRS = 20
WITHIN_SECONDS = 3.0
HARD_VALUES = {"empty": [], "one": 1, "one point": 1.0, "many digits": 12_345_678_901_234_567_890, "none": None}


@dataclass(frozen=True)
class Trait:
    """One question to a peer, its answer, and what was seen."""

    question: str
    answer: Answer
    seen: str


async def probe(open_peer: Callable[[int], AbstractAsyncContextManager[Peer]]) -> list[Trait]:
    """Ask every question; `open_peer` takes a lifetime in seconds, and gives an empty peer the first time."""
    async with open_peer(LIFETIME) as peer:
        traits = [await _ask(question, ask, peer) for question, ask in QUESTIONS.items()]
    async with open_peer(SHORT_LIFETIME) as peer:
        return [*traits, await _ask("lets tasks expire", _expires, peer)]


async def _ask(question: str, ask: Probe, peer: Peer) -> Trait:
    try:
        kept, seen = await ask(peer)
    except NotOfferedError as missing:
        return Trait(question, "not offered", str(missing))
    return Trait(question, "yes" if kept else "no", seen)


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


async def _keeps_types(peer: Peer) -> tuple[bool, str]:
    try:
        task_id = await peer.create(dict(HARD_VALUES))
        found = peer.look(await peer.get(task_id))
    except Exception as fault:  # noqa: BLE001  any refusal is an answer
        return False, f"raised {type(fault).__name__}"
    changed = [name for name, value in HARD_VALUES.items() if repr(found.get(name)) != repr(value)]
    return not changed, f"came back changed: {', '.join(changed)}" if changed else "all came back equal, in type too"


async def _loses_no_update(peer: Peer) -> tuple[bool, str]:
    ids = [await peer.create({}) for _ in range(PAIRS)]
    changes: tuple[dict[str, object], ...] = ({"progress": 50.0}, {"current_step": "cutting"})
    await asyncio.gather(*(peer.update(one, "analyzing", **change) for one in ids for change in changes))
    tasks = [await peer.get(one) for one in ids]
    whole = sum(peer.field(one, "progress") == 50.0 and peer.field(one, "current_step") == "cutting" for one in tasks)  # noqa: PLR2004
    return whole == PAIRS, f"{whole} of {PAIRS} tasks kept both of two updates made at once"


async def _refuses(peer: Peer) -> tuple[bool, str]:
    task_id = await peer.create({})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning refuses nothing
            await peer.update(task_id, "no-such-status")
    except Exception as fault:  # noqa: BLE001  any refusal is an answer
        return True, f"raised {type(fault).__name__}"
    return False, "the status no-such-status was taken"


async def _expires(peer: Peer) -> tuple[bool, str]:
    task_id = await peer.create({})
    await peer.get(task_id)
    await peer.outlive(SHORT_LIFETIME)
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            while True:
                await peer.get(task_id)
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False, "it is there after its lifetime"
    except Exception as fault:  # noqa: BLE001  each library has its own way to say that a task is gone
        return True, f"gone after its lifetime: {type(fault).__name__}"


QUESTIONS: dict[str, Probe] = {
    "lists the newest, with a total": _lists,
    "keeps a value that its giver changes": _keeps_what_was_put,
    "keeps a value that its reader changes": _keeps_what_was_got,
    "keeps values in their types": _keeps_types,
    "loses no concurrent update": _loses_no_update,
    "refuses a status that does not exist": _refuses,
}
