"""The operations that a harness names; where it names none, the five of our contract, with hostile arguments."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.compare import hostile
from conformance.compare.operation import WHOLE, Operation, OperationsError, earlier_ids
from conformance.guard import guarded
from taskstore import TaskCreateRequest, TaskStatus

_names = st.text(max_size=20) | st.sampled_from(["", "*", "a:b", "\x00", "\n", "null", "7", "𝄞 文字", "\\", "é"])
_texts = _names | st.sampled_from(["\ud800", "\ud83d\ude00", hostile.Text("text"), b"bytes", 7])
_statuses = st.sampled_from(TaskStatus) | st.sampled_from(["pending", "done", "", None, 7])
_progresses = (
    st.floats(0, 100)
    | st.integers(0, 100)
    | st.sampled_from([-1, 100.5, 101, 1e300, float("nan"), float("-inf"), True, "50", "half", 10**400])
)
_page_numbers = st.integers(0, 5) | st.sampled_from([-1, -(10**30), 1.0, 2.5, True, "10", float("nan")])
_ids = earlier_ids(_names | st.sampled_from(["task_*", "\ud800", "x" * 100_000, 7, None]))
_request: Any = TaskCreateRequest
_requests = (
    st.builds(_request, video_ids=st.lists(_names, min_size=1, max_size=2))
    | st.builds(_request, video_ids=st.just(("v",)), config=st.none() | st.fixed_dictionaries({"a": hostile.values()}))
    | st.builds(_request, video_ids=st.just(("v",)), webhook_url=_names)
)
_facts: Any = {
    "ids": ("task_id", "next"),
    "times": ("created_at", "updated_at", "completed_at"),
}  # `next` has an id in it
CONTRACT = (
    Operation("create_task", "create_task", {"request": _requests}, writes=WHOLE, **_facts),
    Operation("get_task", "get_task", {"task_id": _ids}, reads="task_id", **_facts),
    Operation(
        "list_tasks",
        "list_tasks",
        optional={"status": _statuses, "limit": _page_numbers, "offset": _page_numbers},
        reads=WHOLE,
        **_facts,
    ),
    Operation(
        "update_task_status",
        "update_task_status",
        {"task_id": _ids, "status": _statuses},
        {
            "progress": _progresses,
            **dict.fromkeys(("current_step", "result_url", "error_message", "error_traceback"), _texts),
        },
        writes="task_id",
        **_facts,
    ),
    Operation("cancel_task", "cancel_task", {"task_id": _ids}, writes="task_id", **_facts),
)


def operations_of(harness: Any, name: str) -> dict[str, Operation]:
    """The operations that a harness names in its hook `operations`, checked; without it, those of a task store.

    Raises:
        OperationsError: if they cannot be used.
        HarnessFailedError: if the hook raises.
    """
    if not hasattr(harness, "operations"):
        return {operation.name: operation for operation in CONTRACT}
    if not callable(harness.operations):
        raise OperationsError(f"{name}: operations is no method, def operations(self)")
    hook: Any = guarded(harness)
    operations = {operation.name: operation for operation in hook.operations()}
    if not operations:
        raise OperationsError(f"{name}: operations() is empty")
    for operation in operations.values():
        for role in (*operation.entry, *operation.positional, operation.lifetime):
            if role not in (None, *operation.strategies):
                raise OperationsError(f"{name}: operation {operation.name!r}: {role!r} is none of its arguments")
    return operations
