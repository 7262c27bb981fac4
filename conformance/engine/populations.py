"""Stores of many tasks: they are filled by many calls at the same time, and read page by page."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.engine.belief import Possible
from conformance.engine.observe import differences, is_usable
from conformance.engine.run import SceneEndedError, SceneRun
from conformance.engine.scene import Populate, Step, Walk, create, listing
from conformance.spec.model import Call, Page, Record, State, step
from taskstore import TaskStatus

_BATCH = 50


async def populate(run: SceneRun, action: Populate) -> None:
    """Create many tasks, in batches of calls at the same time, then give them their statuses."""
    run.script.note(f"# {action.count} tasks are created, of the statuses {', '.join(action.statuses)}")
    tasks = run.beliefs[0][0].state.tasks.copy()
    for status in (None, *(one for one in dict.fromkeys(action.statuses) if one != "pending")):
        planned = _population(action, status, list(tasks))
        for first in range(0, len(planned), _BATCH):
            batch = planned[first : first + _BATCH]
            results = await asyncio.gather(*(run.call(one, one.arguments) for one in batch))
            for one, (observed, _, at) in zip(batch, results, strict=True):
                model = Call(one.operation, one.arguments, at)
                known = one.arguments.get("task_id")
                before = State(run.lifetime, {known: tasks[known]} if known is not None else {})
                (outcome, *_) = step(before, model)
                names = differences(outcome.result, observed)
                if names:
                    run.disagree(one, one.arguments, outcome, observed, names, before)
                if not isinstance(observed, Record) or not is_usable(observed):
                    raise SceneEndedError
                tasks[str(observed.task_id)] = observed, at
                if known is None:
                    run.checks.written(one, outcome, observed, run.passed)
    run.beliefs[0] = [Possible(State(run.lifetime, tasks))]
    run.tally.exercised.update(("LIFE-01", "ATOM-01"))


def _population(action: Populate, status: str | None, ids: list[str]) -> list[Step]:
    if status is None:
        return [create("", **_request(number)) for number in range(action.count)]
    wanted = action.statuses
    chosen = [(number, one) for number, one in enumerate(ids) if wanted[number % len(wanted)] == status]
    return [
        Step("update_task_status", {"task_id": one, "status": TaskStatus(status), "current_step": f" Step\t{number}"})
        for number, one in chosen
    ]


def _request(number: int) -> dict[str, Any]:
    """The fields of a request. Every seventh has all of them, so that far pages are compared in each."""
    full = {"webhook_url": f" Hook\u00e9 {number} ", "config": {"B": [number, 0.5, " e\u0301 "], "a": {}}}
    return {"video_ids": (f" V{number} ", "v", "v"), **(full if number % 7 == 0 else {})}


async def walk(run: SceneRun, action: Walk) -> None:
    """Read all pages of a listing; each is compared."""
    status = None if action.status is None else TaskStatus(action.status)
    arguments: dict[str, Any] = {"limit": action.limit, **({} if status is None else {"status": status})}
    how = "cursor" if action.by_cursor else "offset"
    run.script.note(f"# all pages of {action.limit} by {how}, status {action.status}")
    expected = len(run.beliefs[0][0].state.tasks)
    about = ("LIST-12",) if action.by_cursor else ("LIST-04",)
    offset = 0
    for _ in range(expected // action.limit + 3):
        planned = listing(on=action.on, about=about, **arguments)
        observed, raw, at = await run.call(planned, arguments)
        await run.compare(planned, arguments, observed, raw, at)
        if not isinstance(observed, Page) or not observed.records:
            break
        if action.by_cursor:
            if observed.following is None:
                break
            arguments["after"] = observed.following
        else:
            offset += action.limit
            arguments["offset"] = offset
