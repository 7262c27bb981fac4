"""The contract of task stores, as the engine takes it: what is right, and what a wrong result breaks."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from conformance.engine.contract import Contract, Entry, Name, Outcome, Raised, Symbol
from conformance.engine.mutation import MARK
from conformance.engine.scenario import Call
from conformance.harness import Capability
from conformance.tasks import observe
from conformance.tasks.calls import OPERATIONS, get, listing
from conformance.tasks.checks import TaskChecks
from conformance.tasks.outages import classify
from conformance.tasks.spec.model import LIFETIME, TEXTS, TIMES, Page, Record, State, step
from conformance.text import source
from taskstore import TaskStatus, TaskStoreError

_FIELDS = {
    "task_id": ("ID-02",),
    "metadata": ("VAL-01",),
    **dict.fromkeys(TIMES, ("LIFE-17",)),
    "records": ("LIST-01",),
    "total": ("LIST-03",),
    "limit": ("LIST-06",),
    "offset": ("LIST-06",),
    "following": ("LIST-13",),
    "argument": ("API-05",),
}
"""By field the requirements about it, whatever operation returns it."""
_GIVEN = frozenset({"progress", *TEXTS})
"""The fields that an update gives besides the status."""
_AT_THE_END = {"completed": {"progress"}, "failed": {*TEXTS[2:]}}
"""Those of them that a final status decides."""
_REFUSED = {
    "task": ("VAL-06",),
    "progress": ("LIFE-13",),
    **dict.fromkeys((*TEXTS, "webhook_url", "video_ids"), ("VAL-09",)),
}
"""By argument the requirements about it, if it is refused and is right; of others the outcome tells."""

_OF_LIFETIME = {"create_task": "EXP-06", "restore": "MAINT-02"}
"""By write the requirement about how long it lets a task live; of others it is that they renew its lifetime."""
_MOMENT = timedelta(minutes=1)
"""In which a scenario makes its calls, if it lets no time pass."""


def _with_values(state: State, records: Iterable[Record], takes: Callable[[Any, Any], bool]) -> State:
    """Return the state with those values of the records that are to be taken."""
    for record in records:
        key = record.task_id
        if key not in state.tasks:
            key = next((unseen for unseen in state.unseen if unseen.startswith("\0")), key)
        if key in state.tasks:
            known, at = state.tasks[key]
            pairs = zip(known, record, strict=True)
            seen = Record(*(came if takes(wanted, came) else wanted for wanted, came in pairs))
            if seen != known:
                state = state.without({key} - {seen.task_id}, "").with_task(seen, at)
    return state


class TaskContract(Contract):
    """The contract of a task store that declares these capabilities."""

    operations = OPERATIONS
    atomic = "ATOM-01"
    closes = "API-04"
    apart = "VAL-02"
    in_failure = "FAIL-13"
    hides = "FAIL-05"
    returns = "LIFE-03"
    pass_in = staticmethod(observe.for_store)
    describe = staticmethod(observe.describe)
    checks = TaskChecks
    classify = staticmethod(classify)

    def __init__(self, capabilities: Collection[Capability]) -> None:
        self._has = capabilities

    # What is right

    def initial(self) -> State:
        return State()

    def step(self, state: State, entry: Entry) -> Sequence[Outcome]:
        if entry.is_closed:
            return [Outcome(Raised("StoreNotOpen"), state, ("API-03",))]
        if entry.call.operation == "purge" and state.unseen:
            return []  # it depends on times that nobody has seen
        return step(state, entry, LIFETIME if Capability.EXPIRING in self._has else None)

    def bind(self, state: State, observed: Any) -> State:
        if not state.unseen:
            return state
        records = [observed] if isinstance(observed, Record) else getattr(observed, "records", ())
        # The others are compared after this.
        return _with_values(state, records, lambda wanted, _: isinstance(wanted, Symbol))

    def adopt(self, state: State, observed: Any) -> State:
        if not isinstance(observed, Record):
            return state
        # The model can go on with another value of the same type, and with any in place of one that was not known.
        return _with_values(
            state, [observed], lambda wanted, came: type(came) is type(wanted) or isinstance(wanted, Symbol | None)
        )

    # Its words

    def observe(self, answer: Any) -> Any:
        return observe.result_of(answer, has_cursor=Capability.CURSOR in self._has)

    def observe_error(self, error: BaseException) -> Raised:
        """Return an exception by its facts. One that is not the contract's is named in full."""
        return observe.raised_of(error) if isinstance(error, TaskStoreError) else super().observe_error(error)

    # Verdicts

    def read_back(self, recent: Mapping[Name, Any]) -> Iterator[Call]:
        """Yield the reads of these tasks, of all tasks, and of those of their statuses."""
        for (task_id,) in recent:
            yield get(task_id)
        yield listing()
        statuses = {getattr(record, "status", "") for record in recent.values()}
        for status in TaskStatus:
            if status in statuses:
                yield listing(status=status)

    def blame(  # noqa: PLR0911  one for each cause
        self,
        entry: Entry,
        outcome: Outcome,
        names: tuple[str, ...],
        write: Entry | None,
        about: tuple[str, ...],
        *,
        is_new: bool,
    ) -> list[str]:
        """Return what must have come before a wrong result, or else what it is `about` and the outcome's requirements.

        No call stays in a script that need not: so time that has passed since the `write`, or a refused one, is a
        cause. A fresh namespace should be empty.
        """
        observed = entry.observed
        if MARK in source(observed):
            return ["VAL-02"]
        is_there = entry.error == "TaskExists" or getattr(
            observed, "total", entry.operation.is_read and not entry.error
        )
        if is_new and is_there:
            return ["LIST-10"] if Capability.SHARED in self._has else ["DUR-03", "SHARE-02"]
        is_foreign = bool(entry.error) and not isinstance(entry.answer, TaskStoreError)
        if write and write.error and (entry.operation.is_read or is_foreign):
            return ["LIFE-14"]
        asked = entry.arguments.get("status")
        if asked and any(record.status != asked for record in getattr(observed, "records", ())):
            return ["LIST-03"]
        if entry.error == "StoreUnavailable":  # while nothing fails
            if Capability.CLUSTER in self._has:
                return ["MODE-18"]
            failures = [number for number in about if number.startswith("FAIL")]
            return failures or [*about] or [*outcome.requirements]
        if "ATOM-01" in outcome.requirements and not entry.error:
            return ["ATOM-01", *outcome.requirements]  # a write has found what is gone
        if {*names} <= {*TIMES}:  # whatever has passed or was tried
            about = ()
        elif write and entry.at.earliest - write.at.latest > _MOMENT and not isinstance(outcome.result, Raised):
            return [self._of_time(entry, outcome.result, write)]
        return [*about, *self._of_outcome(entry, outcome, names, write)]

    def _of_time(self, entry: Entry, expected: Any, write: Entry) -> str:
        """Return the requirement about a result that was right when the write was made."""
        if Capability.EXPIRING not in self._has:
            return "EXP-05"
        is_shorter = len(getattr(entry.observed, "records", ())) < len(getattr(expected, "records", ()))
        is_missing = is_shorter or entry.error == "TaskNotFound"
        return _OF_LIFETIME.get(write.call.operation, "EXP-03") if is_missing else "EXP-01"

    def _of_outcome(self, entry: Entry, outcome: Outcome, names: tuple[str, ...], write: Entry | None) -> list[str]:
        """Return the requirements of the outcome, narrowed by the fields that differ; of a read first the write's."""
        expected = outcome.result
        observed = entry.observed
        is_raised = isinstance(expected, Raised)
        is_repeated = outcome.requirements == ("LIFE-10",)
        changed = write if entry.operation.is_read else entry
        is_given = changed is not None and changed.call.operation == "update_task_status" and {*names} <= _GIVEN
        is_narrow = (is_given or _FIELDS.keys() >= {*names}) and not is_repeated
        found = []
        if "after" in entry.call.arguments and not is_raised:
            found.append("LIST-12")
        if write and write.outcome and entry.operation.is_read:
            if write.call.on != entry.call.on:
                found.append("SHARE-01" if Capability.SHARED in self._has else "SHARE-02")
            if {*names} <= {*TIMES[:2]}:
                found.append("LIFE-03")
            elif not is_narrow and not is_raised:
                found += write.outcome.requirements
        if isinstance(expected, Page) and len(expected.records) != len(getattr(observed, "records", expected.records)):
            found.append("LIST-04")

        if entry.error == "InvalidArgument" and not is_raised:
            return [*found, *_REFUSED.get(str(observed.facts.get("argument")), outcome.requirements)]
        own = _of_update(expected, names) if is_given else _of_fields(entry, expected, names)
        if is_narrow:
            return [*found, *own]
        if is_raised and expected.error == "InvalidArgument" and isinstance(entry.answer, TaskStoreError):
            found.append("API-05")  # the store looked at something else first
        return [*found, *outcome.requirements, *own]


def _of_update(expected: Any, names: Collection[str]) -> Sequence[str]:
    """Return the requirement about fields that an update gives, or that its final status decides."""
    decided = _AT_THE_END.get(getattr(expected, "status", ""), set())
    return ["LIFE-05" if {*names} <= decided else "LIFE-04"]


def _of_fields(entry: Entry, expected: Any, names: tuple[str, ...]) -> Sequence[str]:
    """Return the requirements about the fields that differ, whatever operation returns them."""
    if names == ("completed_at",) and getattr(expected, "completed_at", None):
        return ["LIFE-18" if expected.status == "cancelled" else "LIFE-05"]
    if names == ("following",) and None in (expected.following, entry.observed.following):
        return ["LIST-12"]
    return [number for name in names for number in _FIELDS.get(name, ())]
