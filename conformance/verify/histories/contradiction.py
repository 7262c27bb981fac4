"""A contradiction, made short enough to be read: "let … then …".

A recorded history must not simply lose calls: without the write that it shows, a right answer looks wrong. But it may
lose answers: whatever explains the whole explains what is left if a call may have given anything. So a write is dropped
here only if the rest contradicts itself with that write in it, whatever it gave, and without it; a call that by its own
answer changed nothing (a read, a refusal) if the rest contradicts itself without it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.engine.order import Budget, OutOfBudgetError
from conformance.verify.histories.history import ADVANCE, LIST, LOOK, WRITES, History, Interval
from conformance.verify.histories.judge import (
    ANYTHING,
    STEPS,
    Clocked,
    Judgement,
    Output,
    Specification,
    Verdict,
    judge,
    specification_of,
)
from conformance.verify.shrink import shrink

_MOST_ANSWERS = 6
_STEPS = 5_000
"""The budget of one attempt to leave out calls. An attempt that is not decided leaves out nothing."""
_NAMES = {
    "create_task": "create",
    "get_task": "get",
    "update_task_status": "update",
    "cancel_task": "cancel",
    LIST: "list",
    LOOK: "list, looking for",
    ADVANCE: "every task expires",
}
_DEFAULTS = {"progress": 0, "current_step": ""}


@dataclass(frozen=True)
class Contradiction:
    """The calls of a history that no order explains, and their judgement."""

    history: History
    judgement: Judgement

    @property
    def then(self) -> Interval:
        """The call whose answer came last."""
        return max(self.history.intervals, key=lambda one: one.returned or 0)

    def __str__(self) -> str:
        """The calls in the order in which they were made, and what the last one should have given."""
        ordered = sorted(self.history.intervals, key=lambda one: one is self.then)
        lines = [f"task {self.judgement.task}" if self.judgement.task else "listings"]
        for number, one in enumerate(ordered, start=1):
            word = "then" if one is self.then else "let" if number == 1 else ""
            during = [str(place) for place, other in enumerate(ordered, 1) if other is not one and one.overlaps(other)]
            meanwhile = f"  (while {', '.join(during)})" if during else ""
            lines.append(f"  {word:<4} {number}. {in_words(one)}{meanwhile}")
        return "\n".join([*lines, f"  but {self._but()}"])

    def _but(self) -> str:
        if self.judgement.reason:
            return self.judgement.reason
        possible = possible_answers(self.history, self.then)
        last = len(self.history.intervals)
        if not possible:
            return "no order of these calls explains their answers"
        return f"no order of the others lets {last} give that, but: {' | or: '.join(possible)}"


def shorten(history: History, found: Judgement) -> Contradiction:
    """The fewest calls that contradict each other as those of the judgement do, as far as dropping some leads there."""
    if found.task:
        history = replace(history, intervals=found.calls)
    shortening = _Shortening(history, found)
    kept = shrink(shortening.kept, shortening.attempt, by=lambda one: one.call.client)
    shortest = replace(history, intervals=tuple(kept))
    return Contradiction(shortest, judge(shortest))


class _Shortening:
    """The calls that are kept, and the writes that are dropped but did happen.

    At first it is the shortest beginning of the history that contradicts itself. `then`, whose answer came last in it,
    is always kept. What it could have returned instead must stay among what is possible for it in the whole.
    """

    def __init__(self, history: History, found: Judgement) -> None:
        self._history = history
        self._found = found
        calls = list(history.intervals)
        ends = sorted(one.returned for one in calls if one.returned is not None)
        moment = ends[bisect_left(ends, True, key=lambda end: self._is_contradiction(_beginning(calls, end)))]
        self.kept = _beginning(calls, moment)
        self._then = next(one for one in self.kept if one.returned == moment)
        self._forgotten: list[Interval] = []
        self._right = self._right_answers(self.kept)

    def attempt(self, calls: list[Interval]) -> list[Interval] | None:
        """Keep only these, `then` and the creation, if they contradict each other with the others and without them."""
        wanted = {id(one) for one in calls}
        kept = [one for one in self.kept if id(one) in wanted or one is self._then or self._creates(one)]
        gone = [one for one in self.kept if all(one is not other for other in kept)]
        forgotten = self._forgotten + [_forgotten(one) for one in gone if _writes(one)]
        if not gone or any(_shows(answer, one) for one in gone for answer in kept):
            return None
        if not self._is_contradiction(kept) or not self._is_contradiction([*kept, *forgotten]):
            return None
        if not (right := self._right_answers(kept)) or not right <= self._right:
            return None
        self.kept, self._forgotten = kept, forgotten
        return kept

    def _creates(self, one: Interval) -> bool:
        """Whether it is the creation of the task, without which the others are hard to understand."""
        return bool(self._found.task) and one.call.operation == "create_task"

    def _right_answers(self, kept: list[Interval]) -> set[str]:
        if self._found.reason:
            return {self._judge(kept).reason}
        return set(possible_answers(replace(self._history, intervals=tuple(kept)), self._then, _STEPS))

    def _is_contradiction(self, calls: list[Interval]) -> bool:
        judgement = self._judge(calls)
        same_kind = (judgement.task, bool(judgement.reason)) == (self._found.task, bool(self._found.reason))
        return judgement.verdict is Verdict.CONTRADICTION and same_kind

    def _judge(self, calls: list[Interval]) -> Judgement:
        ordered = sorted(calls, key=lambda one: one.called)
        return judge(replace(self._history, intervals=tuple(ordered)), _STEPS)


def _forgotten(interval: Interval) -> Interval:
    return interval if interval.returned is None else replace(interval, result=ANYTHING)


def _beginning(calls: list[Interval], moment: int) -> list[Interval]:
    """The calls that were made by then. Those that were answered later have no answer."""
    return [
        one if one.returned is not None and one.returned <= moment else replace(one, returned=None, result=None)
        for one in calls
        if one.called <= moment
    ]


def _writes(interval: Interval) -> bool:
    """Whether it is a call that may have changed something: a refused one is a read."""
    return interval.call.operation in ("create_task", ADVANCE, *WRITES) and "raised" not in (interval.result or {})


def _shows(answer: Interval, update: Interval) -> bool:
    """Whether an answer shows a value that an update gave. Statuses do not count: many updates give the same."""
    shown = (answer.result or {}).get("task", {})
    given = update.call.arguments if update.call.operation == "update_task_status" else {}
    values = {name: value for name, value in given.items() if name not in ("task_id", "status")}
    return any(shown.get(name) == value != _DEFAULTS.get(name) for name, value in values.items())


def possible_answers(history: History, wanted: Interval, steps: int = STEPS) -> list[str]:
    """What a call could have given, all others having given what they gave."""
    specification = specification_of(history)
    known: list[Output] = []

    def agrees(expected: Output, interval: Interval) -> bool:
        if interval is not wanted:
            return specification.agrees(expected, interval)
        return expected not in known

    while len(known) < _MOST_ANSWERS:
        try:
            order = replace(specification, agrees=agrees).order(history.intervals, Budget(steps))
        except OutOfBudgetError:
            break
        if order is None:
            break
        known.append(_output_in(specification, agrees, order, wanted))
    return [_answer(expected) for expected in known if expected is not None]


def _output_in(
    specification: Specification,
    agrees: Callable[[Output, Interval], bool],
    order: Iterable[Interval],
    wanted: Interval,
) -> Output:
    """The output of one call in an order that explains the others."""
    states: dict[Clocked, Output] = {specification.initial: None}
    for interval in order:
        states = {
            left: expected if interval is wanted else before
            for state, before in states.items()
            for expected, left in specification.step(state, interval)
            if interval.returned is None or agrees(expected, interval)
        }
    return next(iter(states.values()))


def in_words(interval: Interval) -> str:
    """A call and its answer on one line."""
    call = interval.call
    given = {name: value for name, value in call.arguments.items() if name not in ("task_id", "video_ids")}
    words = " ".join(filter(None, [_NAMES[call.operation], call.task, given.pop("status", None)]))
    fields = "".join(f", {name}={value!r}" for name, value in given.items())
    answer = "no answer" if interval.returned is None else _answer(interval.result)
    return f"client {call.client}: {words}{fields} → {answer}"


def _answer(result: Output) -> str:
    if result is None:
        return "done"
    if "task" in result:
        return _shown(result["task"])
    if "page" in result:
        page = result["page"]
        tasks = ", ".join(f"{task['task_id']} {task['status']}" for task in page["tasks"])
        return f"total {page['total']}: [{tasks}]"
    status = f" ({result['status']})" if "status" in result else ""
    return f"{result['raised']}{status}"


def _shown(task: Mapping[str, Any]) -> str:
    """The status, and what is not as a new task has it."""
    fields = {name: value for name, value in task.items() if name not in ("task_id", "status")}
    kept = {name: value for name, value in fields.items() if value != _DEFAULTS.get(name)}
    return str(task["status"]) + "".join(f", {name}={value!r}" for name, value in kept.items())
