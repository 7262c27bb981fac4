"""The calls that cancel tasks, which end: no task is cancelled twice."""

from collections.abc import Iterable
from functools import partial

from conformance.measure.timing import Calls
from taskstore import TaskStore


def cancels(store: TaskStore, ids: Iterable[str]) -> Calls:
    """Make the calls that cancel these tasks, each once."""
    return (partial(store.cancel_task, task_id) for task_id in ids)
