"""The judge: which states of the model explain all results so far, and what it is about a result that none explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, TypeAlias

from conformance.engine.finding import Signature
from conformance.engine.scenario import Call
from conformance.harness import HookMissingError
from conformance.tasks.observe import differences
from conformance.tasks.spec.model import FIELDS, Invocation, Outcome, Raised, Record, State, Symbol, step

_ENOUGH = 16
"""Ends of calls at the same time that are kept."""
_CROWD = 40
"""Of more calls at the same time the first order is taken: what they leave must not depend on it."""
_STEPS_EACH = 5
"""Of the search for an order of a crowd, for each call: most are explained in the order of their making."""
_MOST_STEPS = 10**5
"""Of the search for an order: some seconds, for a store that is wrong."""
CANCELLED, SILENT = Raised("CancelledError"), Raised("no answer in time")
_SHORT = 12
"""So long are the values that tell two findings apart."""


@dataclass(slots=True, eq=False)
class Made:
    """A call that was made, and what came of it in the model's words."""

    call: Call
    invocation: Invocation
    observed: Any = CANCELLED
    answer: Any = None
    """The object or the exception of the store itself."""
    is_closed: bool = False
    """Whether its instance had been closed before."""
    lacks: HookMissingError | None = None
    """What the adapter has no place for: then the call was not made."""
    has_failed: bool = False
    """Whether it has no result that the model could explain."""
    may_have_happened: bool = False
    """Whether a write that failed may take effect."""
    outcome: Outcome | None = None
    """The outcome of the model that explains it."""


Candidate: TypeAlias = tuple[State, tuple[Made, ...]]
"""A state that the store may be in, and the calls without a reply that may still take effect."""


class Judge:
    """What is believed of the tasks of one place."""

    def __init__(self, lifetime: timedelta | None, learned: AbstractSet[Signature]) -> None:
        self._lifetime, self._learned = lifetime, learned
        self.forget()

    def forget(self) -> None:
        """Believe that there is no task."""
        self._candidates: list[Candidate] = [(State(self._lifetime), ())]

    def explain(self, made: Sequence[Made], *, is_over: bool = False) -> bool:
        """Keep the states after calls at the same time, one for each order that explains all results, if there is one.

        Those that have failed have no result, and may take effect then, never, or later unless `is_over`.
        """
        answered, lost = [one for one in made if not one.has_failed], [one for one in made if one.may_have_happened]
        enough, steps = (_ENOUGH, _MOST_STEPS) if len(made) <= _CROWD else (1, _STEPS_EACH * len(made))
        found: list[Candidate] = []
        for state, pending in self._candidates:
            ends = self._ends(state, answered, (*pending, *lost), steps, is_over=is_over)
            found += islice(ends, None if is_over else enough)
        self._candidates = list(dict.fromkeys(found)) or self._candidates
        return bool(found)

    def _ends(
        self, start: State, made: Sequence[Made], pending: Sequence[Made], steps: int, *, is_over: bool
    ) -> Iterator[Candidate]:
        """The search of Wing and Gong, "Testing and verifying concurrent objects" (1993), with Lowe's memory.

        An order is made call by call, as long as the results are allowed. The same calls that lead to the same state
        are never tried twice.
        """
        every, answered = (*sorted(made, key=_moment), *pending), (1 << len(made)) - 1
        seen: set[tuple[int, State]] = set()

        def following(done: int, state: State) -> Iterator[tuple[int, State]]:
            nonlocal steps
            for place, one in enumerate(every):
                if steps > 0 and not done >> place & 1:
                    steps -= 1
                    for reached in self._after(state, one):
                        yield done | 1 << place, reached

        path = [iter([(0, start)])]
        while path:
            for done, state in path[-1]:
                if (done, state) in seen:
                    continue
                seen.add((done, state))
                if is_end := done & answered == answered:
                    left = () if is_over else (one for place, one in enumerate(every) if not done >> place & 1)
                    yield state, tuple(left)
                if is_over or not is_end:
                    path.append(following(done, state))
                    break
            else:
                path.pop()

    def _after(self, state: State, made: Made) -> Iterator[State]:
        """The states that a call may leave. If it failed and changes nothing, it is as if it had never happened."""
        compared = self._compared(state, made)
        fitting = [outcome for outcome, names in compared if made.has_failed or not names]
        if fitting:
            made.outcome = min(fitting, key=lambda one: one.written is not None)
        for outcome in fitting:
            reached, record = outcome.state, outcome.written
            if record is not None:
                reached = reached.with_task(record if made.has_failed else made.observed, made.invocation.at)
            if not made.has_failed or reached != state:
                yield reached
        for outcome, names in [] if fitting else compared:
            if signature(made, outcome, names) in self._learned and (adopted := _adopted(outcome, made)):
                made.outcome = outcome
                yield adopted

    def _compared(self, state: State, made: Made) -> list[tuple[Outcome, tuple[str, ...]]]:
        """The outcomes that are allowed, and in which fields the result differs from each."""
        state = bind(state, made.observed)
        if made.is_closed:
            allowed = [Outcome(Raised("StoreNotOpen"), state, ("API-03",))]
        elif made.invocation.operation == "purge" and state.unseen:  # it depends on a time that nobody knows yet
            allowed = []
        else:
            allowed = step(state, made.invocation)
        return [(one, differences(one.result, made.observed)) for one in allowed]

    def nearest(self, made: Made) -> tuple[Outcome, tuple[str, ...]] | None:
        """The outcome that a result is nearest to, and the fields in which it differs. None if nobody can tell."""
        if made.invocation.operation == "purge" and any(state.unseen or lost for state, lost in self._candidates):
            return None
        compared = [one for state, _ in self._candidates for one in self._compared(state, made)]
        return min(compared, key=lambda one: ("" in one[1], len(one[1])), default=None)


def _moment(made: Made) -> str:
    """The time of the last write that a result shows, as text: a wrong store may have any value there."""
    return max((str(one.updated_at) for one in _records(made.observed)), default="")


def _records(observed: Any) -> Sequence[Record]:
    return [observed] if isinstance(observed, Record) else getattr(observed, "records", ())


def bind(state: State, observed: Any) -> State:
    """Give tasks that nobody has seen yet the ids and times that a result shows."""
    for record in _records(observed):
        for key in state.unseen:
            waiting, at = state.tasks[key]
            is_new = isinstance(waiting.task_id, Symbol) and state.get(str(record.task_id)) is None
            if is_new or record.task_id == key:
                seen = {name: getattr(record, name) for name in FIELDS if isinstance(getattr(waiting, name), Symbol)}
                state = state.without({key}).with_task(waiting._replace(**seen), at)
                break
    return state


def _adopted(outcome: Outcome, made: Made) -> State | None:
    """The state to go on from after a result that was learned, if there is one."""
    expected, observed, state = outcome.result, made.observed, outcome.state
    if not isinstance(expected, Record) or not isinstance(observed, Record):
        return state if type(expected) is type(observed) else None
    if not isinstance(expected.task_id, Symbol) and expected.task_id != observed.task_id:
        return None
    alike: dict[str, Any] = {
        name: one
        for name, one, wanted in zip(FIELDS, observed, expected, strict=True)
        if type(one) is type(wanted) or isinstance(wanted, Symbol | None)
    }
    at = made.invocation.at if outcome.written else state.tasks[str(observed.task_id)][1]
    return state.with_task(expected._replace(**alike), at)


def signature(made: Made, outcome: Outcome, names: tuple[str, ...]) -> Signature:
    """What findings of one cause have in common: in which fields what came in place of what."""
    return made.call.operation, names, _kind(outcome.result, names), _kind(made.observed, names)


def _kind(value: Any, names: tuple[str, ...] = ()) -> Any:
    """Of a result its kind; of its fields the value, where it is short."""
    if isinstance(value, Record):
        return tuple(_kind(getattr(value, name)) for name in names if name)
    if isinstance(value, Raised):
        return value.error, tuple(one for one in value.facts if one[0] in ("argument", "status"))
    is_short = value is None or (isinstance(value, str | float | int) and len(str(value)) <= _SHORT)
    return value if is_short else type(value).__name__
