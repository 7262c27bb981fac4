"""Check the hooks of a harness before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing changes with time. What is wrong about the store is left to the tests.
"""

import asyncio
from datetime import timedelta
from typing import Any

from conformance.guard import HarnessFailedError
from conformance.harness import Capability, Harness
from conformance.tasks.case import Namespace, run_on
from conformance.tasks.observe import record_of, result_of
from conformance.tasks.view import TaskView
from taskstore import TaskCreateRequest

_HOUR = timedelta(hours=1)
_SLACK = timedelta(minutes=5)
_REQUEST = TaskCreateRequest(video_ids=("calibration",))


class CalibrationError(HarnessFailedError):
    """A hook does not do what it promises."""


def calibrate(harness: Harness) -> None:
    """Check the hooks.

    Raises:
        CalibrationError: for the first hook that does not do what it promises.
        HarnessFailedError: if a hook raises.
    """
    for check in (_remote, _views, _keys, _clock):
        try:
            asyncio.run(run_on(check, Namespace(harness)))
        except HarnessFailedError:
            raise
        except Exception:  # noqa: BLE001, S112  there is no such hook, or the store failed
            continue


def _expect(holds: object, hook: str, otherwise: str) -> None:
    if not holds:
        raise CalibrationError(f"`{hook}` of the harness does not work: {otherwise}")


async def _remote(namespace: Namespace) -> None:
    namespace.harness.url()
    _expect(namespace.has(Capability.REMOTE), "capabilities", "REMOTE is not declared, and there is `url`")


async def _views(store: Any) -> None:
    task = await store.create_task(_REQUEST)
    if not isinstance(task, TaskView):
        return  # what cannot be read is the store's own
    for answer in (task, await store.list_tasks(), await store.cancel_task(task.task_id)):
        read = result_of(answer)
        _expect(not isinstance(read, str), "open", f"its adapter gave {read}")


async def _keys(namespace: Namespace, store: Any) -> None:
    behind = namespace.inspector
    before = behind.keys()
    task_id = (await store.create_task(_REQUEST)).task_id
    _expect(behind.keys() - before, "inspector.keys", "the same keys after a creation")
    is_so = behind.mentions(task_id) and not behind.mentions(f"{task_id}-not")
    _expect(is_so, "inspector.mentions", "no task that is there is mentioned, or one that is not there is")


async def _clock(namespace: Namespace, store: Any) -> None:
    if namespace.has(Capability.EXPIRING):
        return  # a task that is left after its lifetime breaks EXP-01
    older = record_of(await store.create_task(_REQUEST))
    namespace.advance(_HOUR)
    younger = record_of(await store.create_task(_REQUEST))
    if younger.task_id != older.task_id:  # equal ids are ID-01
        is_so = abs(younger.created_at - older.created_at - _HOUR) < _SLACK
        _expect(is_so, "advance", "a task is not an hour younger than one an hour older")
