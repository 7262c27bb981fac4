"""The engine's own reads around a write: what it may change is read before and after it, on every instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conformance.engine.blame import Cause
from conformance.engine.run import SceneRun
from conformance.engine.scene import Step, Text, get, listing
from conformance.spec.model import Outcome, Raised, Record
from taskstore import TaskStatus

_AUDITED = 5
_AUDITED_TOGETHER = 20
READS = ("get_task", "list_tasks")
_STATUSES = {status.value for status in TaskStatus}


async def read_before(run: SceneRun, planned: Step, arguments: Mapping[str, Any]) -> None:
    """Read what the first write and a creation under a known id are going to change."""
    if planned.operation in READS or planned.on in run.closed:
        return
    task_id = arguments.get("task_id", getattr(arguments.get("task"), "task_id", None))
    reads = [] if run.has_looked else [listing()]
    if planned.operation in ("create_task", "restore") and isinstance(task_id, str):
        reads.append(get(Text(task_id)))
    run.has_looked = True
    for on in range(run.scene.instances):
        for one in reads if on not in run.closed else ():
            await run.read(replace(one, on=on))


async def read_after(
    run: SceneRun,
    planned: Step,
    arguments: Mapping[str, Any],
    outcome: Outcome,
    observed: Any,
    before: Record | None,
) -> None:
    """Read what a write may have changed, where it was made and on the other instances."""
    run.cause = Cause(planned.operation, arguments, outcome, observed, planned.on, before)
    if isinstance(outcome.result, Raised) and outcome.result.error in ("InvalidArgument", "TaskFinal"):
        run.tally.exercised["LIFE-14"] += 1
    task_id = id_of(arguments, observed)
    statuses = {getattr(one, "status", None) for one in (observed, outcome.result, before)}
    if before is not None and len(statuses & _STATUSES) == 1:
        statuses = set()  # the status is what it was: the listing of all shows the rest
    ids = [task_id] if task_id else list(run.latest)[:_AUDITED] if planned.operation == "purge" else []
    shown = [TaskStatus(one) for one in sorted(one for one in statuses if one in _STATUSES)]
    for on in sorted(range(run.scene.instances), key=lambda one: one != planned.on):
        if on in run.closed:
            continue
        about = () if on == planned.on else ("SHARE-01",) if len(run.beliefs) == 1 else ("SHARE-02",)
        for each in ids:
            await run.read(get(Text(each), on, about))
        await run.read(listing(on=on, about=about))
        for status in shown:
            await run.read(listing(on=on, about=about, status=status))
    run.cause = None


async def read_after_together(run: SceneRun, about: tuple[str, ...]) -> None:
    """Read what calls at the same time may have changed."""
    for on in (one for one in range(run.scene.instances) if one not in run.closed):
        beliefs = run.beliefs[run.side(on)]
        ids = sorted({task_id for one in beliefs for task_id in one.state.tasks if task_id[:1] != "\0"})
        for each in [
            *(get(Text(task_id), on, about) for task_id in ids[:_AUDITED_TOGETHER]),
            listing(on=on, about=about),
        ]:
            await run.read(each)


def id_of(arguments: Mapping[str, Any], observed: Any) -> str:
    """The id that a call is about, or an empty text."""
    places = (
        getattr(observed, "task_id", None),
        arguments.get("task_id"),
        getattr(arguments.get("task"), "task_id", None),
    )
    return next((one for one in places if isinstance(one, str)), "")
