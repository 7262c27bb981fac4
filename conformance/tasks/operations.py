"""The operations that a harness names; where it names none, the five of our contract, with hostile arguments."""

from functools import partial
from typing import Any

from hypothesis import strategies as st

from conformance.guard import guarded
from conformance.operations import hostile
from conformance.operations.hostile import Text
from conformance.operations.operation import WHOLE, Operation, OperationsError, earlier_ids
from conformance.tasks.spec.model import TEXTS, TIMES
from taskstore import TaskCreateRequest, TaskStatus

_texts = hostile.keys() | st.sampled_from(["\ud83d\ude00", Text("text"), b"bytes", 7])
_statuses = st.sampled_from([*TaskStatus, "pending", "done", "", None, 7])
_progresses = st.floats(0, 100) | st.sampled_from(
    [0, 50, -1, 100.5, 101, 1e300, float("nan"), float("-inf"), True, "50", "half", 10**400]
)
_page_numbers = st.integers(0, 5) | st.sampled_from([-1, -(10**30), 1.0, 2.5, True, "10", float("nan")])
_ids = earlier_ids(hostile.keys() | st.sampled_from(["task_*", "x" * 100_000, 7, None]))
_builds: Any = partial(st.builds, TaskCreateRequest, video_ids=st.just(("v",)))
_requests = (
    _builds(video_ids=st.lists(hostile.keys(), min_size=1, max_size=2))
    | _builds(config=st.none() | st.fixed_dictionaries({"a": hostile.values()}))
    | _builds(webhook_url=hostile.keys())
)
_task: Any = partial(Operation, ids=("task_id", "next"), times=TIMES)  # `next` has an id in it
_pages = {"status": _statuses, "limit": _page_numbers, "offset": _page_numbers}
_notes = dict.fromkeys(TEXTS, _texts)
_one = {"task_id": _ids}
CONTRACT = (
    _task("create_task", "create_task", {"request": _requests}, writes=WHOLE),
    _task("get_task", "get_task", _one, reads="task_id"),
    _task("list_tasks", "list_tasks", optional=_pages, reads=WHOLE),
    _task(
        "update_task_status",
        "update_task_status",
        {**_one, "status": _statuses},
        {"progress": _progresses, **_notes},
        writes="task_id",
    ),
    _task("cancel_task", "cancel_task", _one, writes="task_id"),
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
    operations = {}
    for operation in hook.operations():
        if not isinstance(operation, Operation):
            raise OperationsError(f"{name}: operations() gives {operation!r}, which is no Operation")
        operations[operation.name] = operation
        for role in (*operation.entry, *operation.positional, operation.lifetime):
            if isinstance(role, str) and role not in operation.strategies:
                raise OperationsError(f"{name}: operation {operation.name!r}: {role!r} is none of its arguments")
    if not operations:
        raise OperationsError(f"{name}: operations() is empty")
    return operations
