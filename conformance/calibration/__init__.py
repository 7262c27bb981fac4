"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing expires. `CHECKS` is the table of what is tried. Each check ends in what it saw, or in nothing where that was
expected. What is wrong about the store is left to the tests: a store that fails in a check, and one that shares or
keeps its tasks against its declaration, which SHARE-01, SHARE-02, DUR-01 and DUR-03 decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from conformance.calibration import declared, hooks
from conformance.calibration.bench import Bench, CalibrationError, StoreFailedError
from conformance.case import NotTestable
from conformance.harness import Capability, Harness, HookMissingError

_SECONDS = 60
_OF_THE_OBJECT = ("VAL-02", "VAL-10")
"""Requirements about the very objects that a caller gets: can they be changed, and do their times have a zone?"""
_OF_LIVING_ON = ("EXP-03", "EXP-04", "EXP-08")
"""Requirements that cannot be judged if no time passes. EXP-01 fails then, whether store or hook is wrong."""


@dataclass(frozen=True)
class Check:
    """A row of the table: the hook, what is expected of it, and what looks. `needs` and `lacks` are declarations.

    If what is seen may be the store's own doing, nobody can judge the requirements `unjudged`; the rest is tested.
    """

    hook: str
    expected: str
    look: Callable[[Bench], Awaitable[str]]
    needs: tuple[Capability, ...] = ()
    lacks: Capability | None = None
    unjudged: tuple[str, ...] = ()

    def applies_to(self, harness: Harness) -> bool:
        """Whether the subject declares what the check is about."""
        declared = harness.capabilities
        return declared.issuperset(self.needs) and self.lacks not in declared


def calibrate(harness: Harness) -> dict[str, NotTestable]:
    """Try every hook that a harness has, and what it declares, on its running subject.

    Return the requirements that cannot be judged on it, each with the reason.

    Raises:
        CalibrationError: for the first hook or declaration that is not what it says.
        HarnessFailedError: if a store cannot be opened.
    """
    unjudged: dict[str, NotTestable] = {}

    async def run() -> None:
        async with asyncio.timeout(_SECONDS):
            for check in CHECKS:
                if not check.applies_to(harness) or not (seen := await _seen(check.look, harness)):
                    continue
                if not check.unjudged:
                    raise CalibrationError(check.hook, check.expected, seen)
                unjudged.update(dict.fromkeys(check.unjudged, NotTestable(seen, (check.hook,))))

    asyncio.run(run())
    return unjudged


async def _seen(look: Callable[[Bench], Awaitable[str]], harness: Harness) -> str:
    try:
        async with AsyncExitStack() as stack:
            return await look(Bench(harness, stack))
    except (HookMissingError, StoreFailedError):
        return ""


CHECKS = (
    Check(
        "adapter",
        "each field of a new task and of a page can be read, and its status is one of ours",
        declared.read_by_adapter,
    ),
    Check(
        "capabilities",
        "with MAINTENANCE, the store has `purge` and `restore`",
        declared.methods,
        (Capability.MAINTENANCE,),
    ),
    Check(
        "capabilities", "with CALLER_IDS, `create_task` takes `task_id`", declared.caller_ids, (Capability.CALLER_IDS,)
    ),
    Check("capabilities", "with CURSOR, `list_tasks` takes `after`", declared.cursor, (Capability.CURSOR,)),
    Check("open", "a task is seen in its own namespace only", declared.apart),
    Check("discard", "a task is gone afterwards", declared.discarded, (Capability.SHARED,)),
    Check(
        "open_at",
        "at `url` it sees a task that a store of `open` wrote",
        declared.opened_elsewhere,
        (Capability.SHARED, Capability.REMOTE),
    ),
    Check("inspector.keys", "a creation adds a key", hooks.keys),
    Check("inspector.mentions", "it finds the id of a task, and no other", hooks.mentions),
    Check("inspector.raw", "bytes, which an update changes", hooks.raw),
    Check("inspector.requests", "it grows by 1, its own request, when nobody calls", hooks.requests_of_none),
    Check("inspector.requests", f"it grows by at least {hooks.CALLS} in {hooks.CALLS} creations", hooks.requests),
    Check("inspector.lifetime_ms", "with EXPIRING, a task has a lifetime", hooks.lifetime, (Capability.EXPIRING,)),
    Check(
        "advance",
        "after more than a lifetime a task is gone, or some time moves",
        hooks.expires,
        (Capability.EXPIRING,),
        unjudged=_OF_LIVING_ON,
    ),
    Check("inspector.lifetime_ms", "in an hour it shrinks by an hour", hooks.lifetime_passes, (Capability.EXPIRING,)),
    Check(
        "advance",
        "a task is younger by an hour than one that was created an hour earlier",
        hooks.time_passes,
        lacks=Capability.EXPIRING,
    ),
    Check(
        "advance",
        "once its namespace is discarded, a new task in another one has the time of now",
        hooks.time_is_put_back,
    ),
    Check("adapter", "results are the objects that the store returns", declared.made_anew, unjudged=_OF_THE_OBJECT),
)
