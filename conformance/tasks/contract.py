"""The contract of task stores, as the engine takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from conformance.engine import group
from conformance.engine.arena import Arena
from conformance.engine.contract import Contract, Entry, Name, Requirements
from conformance.engine.finding import Coverage, Finding, complaint
from conformance.engine.outcome import Invocation, Outcome, Raised, Symbol
from conformance.engine.scenario import Call, Scenario
from conformance.harness import Capability, Harness, HookMissingError
from conformance.tasks import observe
from conformance.tasks.blame import blame
from conformance.tasks.calls import OPERATIONS, get, listing
from conformance.tasks.checks import TaskChecks
from conformance.tasks.outages import classify
from conformance.tasks.spec.model import FIELDS, LIFETIME, STATUSES, Record, State, step
from taskstore import TaskStatus, TaskStoreError

_LACKING = {"create_task": "VAL-01", "list_tasks": "LIST-06"}
"""By operation what is broken without a place for one of its arguments."""


class TaskContract(Contract):
    """The contract of a task store that declares these capabilities."""

    operations = OPERATIONS
    requirements = Requirements(
        answers="API-02",
        atomic="ATOM-01",
        closes="API-04",
        apart="VAL-02",
        leaves_nothing="FAIL-13",
    )

    def __init__(self, capabilities: Collection[Capability]) -> None:
        self._lifetime = LIFETIME if Capability.EXPIRING in capabilities else None
        self._is_shared = Capability.SHARED in capabilities
        self._has_cursor = Capability.CURSOR in capabilities

    # What is right

    def initial(self) -> State:
        return State()

    def step(self, state: State, call: Invocation) -> Sequence[Outcome]:
        if call.is_closed:
            return [Outcome(Raised("StoreNotOpen"), state, ("API-03",))]
        if call.operation == "purge" and state.unseen:
            return []  # it depends on times that nobody has seen
        return step(state, call, self._lifetime)

    def bind(self, state: State, observed: Any) -> State:
        if not state.unseen:
            return state
        for record in _records(observed):
            key = _key_of(record, state)
            if key in state.unseen:
                waiting, at = state.tasks[key]
                if key != record.task_id:
                    state = state.without({key}, "")
                state = state.with_task(_seen(waiting, record), at)
        return state

    def adopt(self, state: State, expected: Any, observed: Any) -> Iterable[State]:
        """Yield the state with the values that were observed, as far as the model can go on with their types."""
        if not isinstance(expected, Record) or not isinstance(observed, Record):
            return super().adopt(state, expected, observed)
        state = self.bind(state, observed)
        if observed.task_id not in state.tasks:
            return []
        columns = zip(FIELDS, observed, expected, strict=True)
        alike: dict[str, Any] = {
            name: value
            for name, value, wanted in columns
            if type(value) is type(wanted) or isinstance(wanted, Symbol | None)
        }
        _, at = state.tasks[str(observed.task_id)]
        return [state.with_task(expected._replace(**alike), at)]

    # Its words

    pass_in = staticmethod(observe.for_store)
    describe = staticmethod(observe.describe)

    def observe(self, answer: Any) -> Any:
        return observe.result_of(answer, has_cursor=self._has_cursor)

    def observe_error(self, error: BaseException) -> Raised:
        """Return an exception by its facts. One that is not the contract's is named in full."""
        return observe.raised_of(error) if isinstance(error, TaskStoreError) else super().observe_error(error)

    # Verdicts

    checks = TaskChecks
    classify = staticmethod(classify)

    def read_back(self, recent: Mapping[Name, Any]) -> Iterator[Call]:
        """Yield the reads of these tasks, of all tasks, and of those of their statuses."""
        for (task_id,) in recent:
            yield get(task_id)
        yield listing()
        statuses = {record.status for record in recent.values() if isinstance(record, Record)}
        for status in sorted(statuses.intersection(STATUSES)):
            yield listing(status=TaskStatus(status))

    def lacking(self, entry: Entry, lack: HookMissingError) -> Finding:
        number = _LACKING.get(entry.call.operation, "LIFE-04") if "calls" in lack.hook else "LIFE-02"
        return complaint(number, "a store that has this status, or argument", lack.hook, "adapter")

    def blame(
        self, entry: Entry, outcome: Outcome, names: tuple[str, ...], write: Entry | None, *, is_new: bool
    ) -> list[str]:
        return blame(entry, outcome, names, write, is_shared=self._is_shared, is_new=is_new)


def _records(observed: Any) -> Sequence[Record]:
    return [observed] if isinstance(observed, Record) else getattr(observed, "records", ())


def _key_of(record: Record, state: State) -> str:
    """Return the key in a state of a task that is seen: its id or, if that is new, of one whose id is not known yet."""
    known = str(record.task_id)
    if known in state.tasks:
        return known
    return next((key for key in state.unseen if isinstance(state.tasks[key][0].task_id, Symbol)), known)


def _seen(waiting: Record, record: Record) -> Record:
    """Return a task that was written with the values that the store has chosen."""
    values = {name: getattr(record, name) for name in FIELDS if isinstance(getattr(waiting, name), Symbol)}
    return waiting._replace(**values)


async def play(
    harness: Harness, scenarios: Iterable[Scenario], coverage: Coverage, *, at_once: int = 1, arena: Arena | None = None
) -> None:
    """Play scenarios of tasks on a store."""
    await group.play(TaskContract(harness.capabilities), harness, scenarios, coverage, at_once=at_once, arena=arena)
