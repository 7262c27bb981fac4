"""Which calls are timed: those of a task store, or the operations that a harness names for `compare`."""

from __future__ import annotations

from conformance.harness import Harness
from conformance.measure import tasks
from conformance.measure.timing import Workload


def workload_of(harness: Harness, name: str) -> Workload:
    """Choose what is timed of a harness's store. A harness of a task store may have a faster way to fill it, `fill`.

    Raises:
        OperationsError: if the operations that it names cannot be used, or none of them fills the store.
        HarnessFailedError: if the harness raises.
    """
    if hasattr(harness, "operations"):
        from conformance.measure.operations import workload_of_operations  # Hypothesis takes half a second

        return workload_of_operations(harness, name)
    return Workload(getattr(harness, "fill", tasks.fill), tasks.works)
