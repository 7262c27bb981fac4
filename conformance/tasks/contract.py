"""The contract of task stores, as the engine takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from conformance.engine import group
from conformance.engine.contract import Contract, Entry
from conformance.engine.finding import Tally
from conformance.engine.mutation import mutate
from conformance.engine.outcome import Invocation, Outcome, Raised, Symbol
from conformance.engine.scenario import Call, Scenario
from conformance.harness import Capability, Harness
from conformance.operations.operation import WHOLE, Operation
from conformance.tasks import observe
from conformance.tasks.blame import blame
from conformance.tasks.calls import get, listing, needs_of
from conformance.tasks.checks import TaskChecks
from conformance.tasks.outages import classify
from conformance.tasks.spec.model import FIELDS, LIFETIME, READS, STATUSES, Record, Result, State, step
from taskstore import TaskStatus, TaskStoreError

_NEEDED = {
    "create_task": ("request",),
    "get_task": ("task_id",),
    "list_tasks": (),
    "update_task_status": ("task_id", "status"),
    "cancel_task": ("task_id",),
    "purge": ("before",),
    "restore": ("task",),
}
"""The arguments that are always given, and whose names a script leaves out."""
_ANY: Any = None
OPERATIONS = {
    name: Operation(
        name,
        name,
        arguments=dict.fromkeys(needed, _ANY),
        positional=needed,
        reads=WHOLE if name in READS else None,
    )
    for name, needed in _NEEDED.items()
}
_SHORT = 12
"""So long are the values that tell two findings apart."""
_TELLING = ("argument", "status")
"""The facts of exceptions that tell two findings apart."""


class TaskContract(Contract):
    """The contract of a task store that declares these capabilities."""

    operations = OPERATIONS
    answers = "API-02"
    is_atomic = "ATOM-01"
    closes = "API-04"
    is_apart = "VAL-02"
    leaves_nothing = "FAIL-13"
    direct = "API-05"

    def __init__(self, capabilities: Collection[Capability]) -> None:
        self._lifetime = LIFETIME if Capability.EXPIRING in capabilities else None
        self._is_shared = Capability.SHARED in capabilities
        self._has_cursor = Capability.CURSOR in capabilities

    def initial(self) -> State:
        return State(self._lifetime)

    def step(self, state: State, call: Invocation) -> Sequence[Outcome]:
        if call.is_closed:
            return [Outcome(Raised("StoreNotOpen"), state, ("API-03",))]
        return step(state, call) if self.is_known(call, state, is_pending=False) else []

    # Values that the store chooses

    def bind(self, state: State, observed: Any) -> State:
        for record in _records(observed):
            for key in state.unseen:
                waiting, at = state.tasks[key]
                is_new = isinstance(waiting.task_id, Symbol) and state.get(str(record.task_id)) is None
                if is_new or record.task_id == key:
                    seen = {
                        name: getattr(record, name) for name in FIELDS if isinstance(getattr(waiting, name), Symbol)
                    }
                    state = state.without({key}).with_task(waiting._replace(**seen), at)
                    break
        return state

    def reach(self, outcome: Outcome, entry: Entry) -> State:
        state: State = outcome.state
        if outcome.written is None:
            return state
        return state.with_task(outcome.written if entry.has_failed else entry.observed, entry.invocation.at)

    def adopt(self, outcome: Outcome, entry: Entry) -> State | None:
        expected, observed = outcome.result, entry.observed
        state: State = outcome.state
        if not isinstance(expected, Record) or not isinstance(observed, Record):
            return state if type(expected) is type(observed) else None
        if not isinstance(expected.task_id, Symbol) and expected.task_id != observed.task_id:
            return None
        alike: dict[str, Any] = {
            name: value
            for name, value, wanted in zip(FIELDS, observed, expected, strict=True)
            if type(value) is type(wanted) or isinstance(wanted, Symbol | None)
        }
        at = entry.invocation.at if outcome.written else state.tasks[str(observed.task_id)][1]
        return state.with_task(expected._replace(**alike), at)

    def is_known(self, call: Invocation, state: State, *, is_pending: bool) -> bool:
        """Whether a purge is told by times that somebody has seen."""
        return call.operation != "purge" or not (state.unseen or is_pending)

    def moment(self, observed: Any) -> str:
        """Return the time of the last write that a result shows. A wrong store may have any value there."""
        return max((str(record.updated_at) for record in _records(observed)), default="")

    # Calls and results

    async def invoke(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        """Call an operation, which has to be a coroutine function, with the names of its arguments."""
        return await getattr(store, operation.name)(**given)

    pass_in = staticmethod(observe.for_store)
    differences = staticmethod(observe.differences)
    describe = staticmethod(observe.describe)

    def observe(self, answer: Any) -> Result | str:
        return observe.result_of(answer, has_cursor=self._has_cursor)

    def observe_error(self, error: BaseException) -> Raised:
        """Return an exception by its facts. One that is not the contract's is named in full."""
        return observe.raised_of(error) if isinstance(error, TaskStoreError) else super().observe_error(error)

    def kind(self, value: Any, names: tuple[str, ...] = ()) -> Any:
        if isinstance(value, Record):
            return tuple(self.kind(getattr(value, name)) for name in names if name)
        if isinstance(value, Raised):
            return value.error, tuple(fact for fact in value.facts if fact[0] in _TELLING)
        is_short = value is None or (isinstance(value, str | float | int) and len(str(value)) <= _SHORT)
        return value if is_short else type(value).__name__

    def is_late(self, observed: Any) -> bool:
        return ("failure_kind", "timeout") in getattr(observed, "facts", ())

    def mutate(self, given: Mapping[str, Any]) -> None:
        mutate(getattr(given.get("request"), "config", None))

    needs = staticmethod(needs_of)

    def named(self, entry: Entry) -> str | None:
        given = entry.invocation.arguments
        own = getattr(entry.observed, "task_id", None)
        task_id = own or given.get("task_id") or getattr(given.get("task"), "task_id", None)
        return task_id if isinstance(task_id, str) else None

    def labelled(self, entry: Entry) -> Any:
        """Return the task, or its id if the call has failed."""
        if isinstance(entry.observed, Record):
            return entry.observed
        given = entry.invocation.arguments
        task_id = given.get("task_id") or getattr(given.get("task"), "task_id", None)
        return SimpleNamespace(task_id=task_id) if entry.has_failed and task_id else None

    def read_back(self, recent: Mapping[Any, Any]) -> Iterator[Call]:
        """Yield the reads of these tasks, of all tasks, and of those of their statuses."""
        records = [record for record in recent.values() if isinstance(record, Record)]
        statuses = {record.status for record in records if record.status in STATUSES}
        yield from map(get, recent)
        yield listing()
        for status in sorted(statuses):
            yield listing(status=TaskStatus(status))

    # Verdicts

    checks = TaskChecks
    classify = staticmethod(classify)

    def lacking(self, operation: str, hook: str) -> str:
        if "calls" not in hook:
            return "LIFE-02"
        return {"create_task": "VAL-01", "list_tasks": "LIST-06"}.get(operation, "LIFE-04")

    def blame(
        self, entry: Entry, outcome: Outcome, names: tuple[str, ...], write: Entry | None, *, is_new: bool
    ) -> list[str]:
        return blame(entry, outcome, names, write, is_shared=self._is_shared, is_new=is_new)


def _records(observed: Any) -> Sequence[Record]:
    return [observed] if isinstance(observed, Record) else getattr(observed, "records", ())


async def play(harness: Harness, scenarios: Iterable[Scenario], tally: Tally, *, at_once: int = 1) -> None:
    """Play scenarios of tasks on a store."""
    await group.play(TaskContract(harness.capabilities), harness, scenarios, tally, at_once=at_once)
