"""A block: a process of its own that times all operations of all stores once, in a random order.

Calls of one process are not independent: a process is fast or slow for as long as it lives, by its hash seed, say, and
by how its memory lies. So each process gives one value, and an interval is drawn from those.
"""

import asyncio
import gc
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import repeat
from random import Random
from time import monotonic

from conformance.backends.registry import find_backend
from conformance.guard import guarded
from conformance.harness import Harness
from conformance.measure import tasks
from conformance.measure.timing import Effort, Timed, time_calls
from conformance.process import PROGRESS, in_new_process

Block = dict[tuple[str, str, int], Timed]
"""By store, operation and number of entries."""
Figures = Mapping[tuple[str, str, int], Sequence[Timed]]
"""The same of all blocks."""
Plan = Mapping[int, Collection[str]]
"""Which operations are timed among how many entries; where none is named, all are."""
PING = "ping"
"""The shortest round trip that the store's client can make, where the harness has that hook."""


def time_blocks(
    stores: Sequence[str], plan: Plan, effort: Effort, blocks: int, seed: int, tell: Callable[[str], object]
) -> Figures:
    """Time so many blocks, and tell before each how long it and the others will take.

    Raises:
        CommandFailedError: if one failed.
    """
    started = monotonic()
    timed = defaultdict(list)
    left = ""
    for number in range(1, blocks + 1):
        tell(f"block {number} of {blocks}{left}")
        block = in_new_process(time_block, stores, plan, effort, f"{seed} {number}")
        for key, calls in block.items():
            timed[key].append(calls)
        each = (monotonic() - started) / number
        left = f", about {each * (blocks - number):.0f} s left"
    return dict(sorted(timed.items()))


def time_block(stores: Sequence[str], plan: Plan, effort: Effort, seed: str) -> Block:
    """Time operations of stores, named as for `conformance run --store`, with so many entries each."""
    random = Random(seed)  # noqa: S311  an order that can be repeated, not a secret
    timed: Block = {}
    for name in random.sample(stores, len(stores)):
        harness = find_backend(name)()
        with harness.running():
            for entries in random.sample([*plan], len(plan)):
                of_store = time_store(harness, entries, effort, random, plan[entries])
                timed |= {(name, operation, entries): seconds for operation, seconds in of_store.items()}
    return timed


def time_store(
    harness: Harness,
    entries: int,
    effort: Effort,
    random: Random,
    only: Collection[str] = (),
) -> dict[str, Timed]:
    """Fill a store, and time its operations, or only these; the one that fills it comes last.

    They are the operations that the harness names for `compare`, else those of a task store. The harness of a task
    store may have a faster way to fill it, `fill`.
    """
    namespace = f"measure-{secrets.token_hex(4)}"

    async def time_operations() -> dict[str, Timed]:
        PROGRESS.begin("open")
        async with harness.open(namespace) as store:
            PROGRESS.begin("a call that fills the store")
            if hasattr(harness, "operations"):
                from conformance.measure.operations import fill_by_operations  # Hypothesis takes half a second

                works = await fill_by_operations(harness, store, entries, random)
            else:
                fill = getattr(harness, "fill", tasks.fill)
                works = tasks.works(store, await fill(store, entries), random)
            if type(harness).ping is not Harness.ping:
                works = {PING: repeat(partial(harness.ping, store)), **works}
            *others, maker = works
            gc.collect()
            timed = {}
            for operation in (*random.sample(others, len(others)), maker):
                if not only or operation in only:
                    PROGRESS.begin(operation)
                    timed[operation] = await time_calls(works[operation], effort)
            PROGRESS.begin("closing")
        return timed

    try:
        return asyncio.run(time_operations())
    finally:
        guarded(harness).discard(namespace)
