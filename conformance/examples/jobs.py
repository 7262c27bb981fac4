"""Jobs of an application, as its stores keep them, and the adapter that points the suite at these stores."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from conformance.tasks.adapter import Adapter, Call, Raise
from taskstore import InvalidArgument, StoreNotOpen, TaskFinal, TaskNotFound, TaskStatus

Job: TypeAlias = dict[str, Any]
_STATES = ("queued", "analyzing", "llm_pass1", "llm_pass2", "clipping", "uploading", "done", "failed", "cancelled")
_LAST = _STATES[-3:]


class JobError(Exception):
    """Something is wrong, and this says what."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class JobOverError(JobError):
    """The job has ended, in this state, and cannot be changed."""


class BadValueError(JobError):
    """The value of this name cannot be stored."""


class ClosedError(Exception):
    """The store is closed."""


def new_job(videos: list[str], options: Any, hook: str | None) -> Job:
    """Make a job."""
    if not videos:
        raise BadValueError("videos")
    job: Job = dict.fromkeys(("result", "error", "trace", "ended"))
    job |= dict.fromkeys(("created", "changed"), _now())
    job |= {"id": f"task_{secrets.token_hex(16)}", "state": "queued", "percent": 0.0, "step": ""}
    return {**job, "videos": videos, "options": options, "hook": hook}


def change_to(state: str, **changes: Any) -> Callable[[Job], Job]:
    """Check a change, and return what makes it of a job."""
    if state not in _STATES:
        raise BadValueError("state")
    if not 0 <= changes.get("percent", 0) <= 100 or (state == "done" and changes.get("percent", 100) != 100):  # noqa: PLR2004
        raise BadValueError("percent")
    if state != "failed" and (wrong := changes.keys() & {"error", "trace"}):
        raise BadValueError(wrong.pop())
    changes |= {"state": state, **({"percent": 100.0} if state == "done" else {})}

    def change(before: Job) -> Job:
        after, now = before | changes, _now()
        if before["state"] not in _LAST:
            return {**after, "changed": now, "ended": now if state in _LAST else None}
        if after != before:
            raise JobOverError(before["state"])
        return before

    return change


def check_page(count: int, start: int) -> None:
    """Check which page is asked for."""
    for name, value, most in (("count", count, 1_000), ("start", start, 10**12)):
        if not 0 <= value <= most:
            raise BadValueError(name)


def _now() -> str:
    """A text whose order is that of time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _time(name: str) -> Callable[[Job], Any]:
    return lambda job: job[name] and datetime.fromisoformat(job[name])


_TEXTS = {"current_step": "step", "result_url": "result", "error_message": "error", "error_traceback": "trace"}
_FIELDS = _TEXTS | {"progress": "percent"}
JOBS = Adapter(
    calls={
        "create_task": Call("submit", "video_ids", options="config", hook="webhook_url"),
        "get_task": Call("fetch", "task_id"),
        "list_tasks": Call("recent", state="status", count="limit", start="offset"),
        "update_task_status": Call("move", "task_id", "status", **{theirs: ours for ours, theirs in _FIELDS.items()}),
        "cancel_task": lambda jobs, task_id: jobs.move(task_id, "cancelled"),
    },
    task=_FIELDS
    | {"task_id": "id", "status": "state", "video_ids": "videos", "config": "options", "webhook_url": "hook"}
    | {"created_at": _time("created"), "updated_at": _time("changed"), "completed_at": _time("ended")},
    page={"tasks": "jobs", "limit": "count", "offset": "start"},
    statuses={TaskStatus.PENDING: "queued", TaskStatus.COMPLETED: "done"},
    raises={
        LookupError: TaskNotFound,
        JobOverError: Raise(TaskFinal, status="what"),
        BadValueError: Raise(InvalidArgument, argument="what"),
        ClosedError: StoreNotOpen,
    },
)
