"""The operations that are compared where a harness names none: the five of our contract, with hostile arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from conformance.compare.operations import hostile
from conformance.compare.operations import strategies as ours
from conformance.compare.operations.operation import WHOLE, Operation, earlier_ids
from taskstore import TaskCreateRequest, TaskStatus

_statuses = st.sampled_from(TaskStatus) | st.sampled_from(["pending", "done", "", None, 7])
_page_numbers = st.integers(0, 5) | ours.not_page_numbers
_texts = ours.texts | st.sampled_from(["\ud800", "\ud83d\ude00", hostile.Text("text"), b"bytes", 7])
_progresses = ours.progresses | ours.not_progresses | st.sampled_from(["half", 10**400])
_ids = earlier_ids(ours.unknown_ids | st.sampled_from([7, None]))
_requests = (
    st.builds(
        TaskCreateRequest,
        video_ids=st.lists(ours.texts, min_size=1, max_size=2),
        config=st.none() | ours.json_objects,
    )
    | st.builds(
        TaskCreateRequest,
        video_ids=st.just(("v",)),
        config=st.sampled_from([{"a": value} for value in ("text", *hostile.OTHER_VALUES)]),
    )
    | st.builds(
        TaskCreateRequest,
        video_ids=st.just(("v",)),
        webhook_url=ours.texts,
    )
)


def _operation(
    name: str,
    arguments: Mapping[str, st.SearchStrategy[Any]],
    optional: Mapping[str, st.SearchStrategy[Any]],
    *,
    writes: str | None = None,
    reads: str | None = None,
) -> Operation:
    return Operation(
        name,
        name,
        arguments,
        optional,
        ids=("task_id", "next"),  # a cursor has an id in it, and stands for the same place on both sides
        times=("created_at", "updated_at", "completed_at"),
        writes=writes,
        reads=reads,
    )


CONTRACT = (
    _operation("create_task", {"request": _requests}, {}, writes=WHOLE),
    _operation("get_task", {"task_id": _ids}, {}, reads="task_id"),
    _operation("list_tasks", {}, {"status": _statuses, "limit": _page_numbers, "offset": _page_numbers}, reads=WHOLE),
    _operation(
        "update_task_status",
        {"task_id": _ids, "status": _statuses},
        {
            "progress": _progresses,
            "current_step": _texts,
            "result_url": _texts,
            "error_message": _texts,
            "error_traceback": _texts,
        },
        writes="task_id",
    ),
    _operation("cancel_task", {"task_id": _ids}, {}, writes="task_id"),
)
