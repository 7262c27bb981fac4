"""The judge of a round: what was acknowledged and is lost, and what no order of the calls explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from conformance.engine.order import Budget, OutOfBudgetError
from conformance.production.callers import is_acknowledged, is_shared
from conformance.verify.histories.history import FINAL, History, Interval, Planned
from conformance.verify.histories.judge import STEPS, partitions, specification_of
from taskstore import errors

_OURS = {""} | {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.TaskStoreError)
}
_READER = -1
"""The client that reads every task afterwards."""


@dataclass(frozen=True)
class Met:
    """When a fault began and ended, in nanoseconds, and whether what was seen before its end may be lost by it."""

    began: int
    ended: int
    may_forget: bool


@dataclass
class Counts:
    """The counts of one round, or of several together."""

    calls: int = 0
    acknowledged: int = 0
    lost: int = 0
    wrong: int = 0
    unknown: int = 0
    """Tasks that were not decided within the budget of steps."""
    foreign: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    """Histories of tasks that no order explains, and then of those that were not decided."""

    def add(self, other: Counts) -> None:
        """Count another round too."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def judge(made: Iterable[Interval], afterwards: Mapping[str, Any], met: Met) -> Counts:
    """Judge the calls of a round. `afterwards` is the result of reading each task through a new store.

    Where a fault may lose what was seen, only the calls before it are judged, and those on tasks that were first called
    after it. Of the others only lost writes are counted.
    """
    intervals = sorted(made, key=lambda one: one.called)
    counts = Counts(
        calls=len(intervals),
        acknowledged=sum(map(is_acknowledged, intervals)),
        lost=sum(is_lost(one, afterwards[one.call.task]) for one in intervals if is_acknowledged(one)),
        foreign=Counter(
            name for one in intervals if (name := (one.result or {}).get("raised", "")) not in {"", *_OURS}
        ),
    )
    end = max(met.ended, *(one.returned or one.called for one in intervals), 0)
    reads = [
        Interval(Planned(_READER, "get_task", {"task_id": task}), end + 1, end + 2, result)
        for task, result in afterwards.items()
    ]
    for calls in partitions(History((*intervals, *reads))).values():
        judged = _seen(_known(calls, met) if met.may_forget and calls[0].called < met.ended else calls)
        try:
            if _goes_back(judged) or specification_of(History(())).order(judged, Budget(STEPS), _rank(judged)) is None:
                counts.wrong += 1
                counts.shown.insert(0, History(judged).as_lines())
        except OutOfBudgetError:
            counts.unknown += 1
            counts.shown.append(History(judged).as_lines())
    return counts


def _known(calls: Iterable[Interval], met: Met) -> tuple[Interval, ...]:
    """The calls before the fault. Those that met it may have had any effect, or none."""
    return tuple(
        one
        if one.returned is not None and one.returned < met.began
        else replace(one, returned=None, result=None, written=0.0)
        for one in calls
        if one.called < met.began
    )


def _seen(calls: Iterable[Interval]) -> tuple[Interval, ...]:
    """The calls without those that have no answer and whose effect nobody saw: a search would try every set of them.

    An order that explains the others also explains these: each step is written by one call only, and an answer shows
    the step that was written last. So a step that no answer shows was overwritten or never written.
    """
    shown = {_step(one) for one in calls if one.result}

    def counts(one: Interval) -> bool:
        if one.returned is not None:
            return True
        return one.call.operation != "get_task" and ("current_step" not in one.call.arguments or _step(one) in shown)

    return tuple(filter(counts, calls))


def _goes_back(calls: Iterable[Interval]) -> bool:
    """Whether a step shows before it was given, or again after another one, or no task after there was one.

    The search would find that too, after it has tried every order. Each step is given once, so nothing else can be
    there from the first answer that shows it until the last call that is shown it (Gibbons and Korach, "Testing shared
    memories", 1997).
    """
    given, shown = {"": -inf}, dict[str | None, tuple[float, float]]()
    for one in calls:
        if "current_step" in one.call.arguments:
            given[one.call.arguments["current_step"]] = one.called
        if one.result is not None and one.returned is not None:
            if one.result.get("raised") == "TaskNotFound":
                step, first = None, -inf
            elif "task" in one.result:
                step, first = _step(one), float(one.returned)
            else:
                continue
            before, last = shown.get(step, (inf, -inf))
            shown[step] = min(before, first), max(last, one.called)
    if any(first < given.get(step, inf) for step, (first, _) in shown.items() if step is not None):
        return True
    return any(
        first < last and first < others_last and others_first < last
        for step, (first, last) in shown.items()
        for other, (others_first, others_last) in shown.items()
        if other != step
    )


def _rank(calls: Iterable[Interval]) -> Callable[[Interval], tuple[float, bool]]:
    """The order of writes that the store states. A search that tries it first seldom has to turn back."""
    shown: dict[str, float] = {}
    for one in calls:
        if one.written and one.result:
            shown[_step(one)] = min(one.written, shown.get(_step(one), inf))

    def rank(one: Interval) -> tuple[float, bool]:
        if "raised" in (one.result or {}):
            return 0.0, True  # it is held against each state until one fits
        return (one.written or shown.get(_step(one), inf)), not is_acknowledged(one)

    return rank


def _step(one: Interval) -> str:
    """The step that it gave, or else the one that it was to set."""
    given = (one.result or {}).get("task") or one.call.arguments
    return str(given.get("current_step"))


def is_lost(write: Interval, afterwards: Mapping[str, Any]) -> bool:
    """Whether what an acknowledged write left is not there. Of a shared task others may have written over it."""
    task = afterwards.get("task")
    if task is None or is_shared(write.call.task):
        return task is None
    left = {name: value for name, value in write.call.arguments.items() if name not in ("task_id", "video_ids")}
    if write.call.operation == "cancel_task":
        left["status"] = "cancelled"
    elif left.get("status") not in FINAL:
        left.pop("status", None)
    return any(task[name] != value for name, value in left.items())
