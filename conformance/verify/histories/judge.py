"""The judge: compares a history with the model, task by task.

Tasks have nothing in common but the time, so each is searched alone, in a state of the model that has this task only:
linearizability is local. A listing is about all tasks at one instant. Here it is taken apart into a look at each task,
which has to fit among the calls on that task. That the looks fit at *one* instant is not decided; that the page is in
order is, and that its total is a number that was possible, task by task, while it ran. This is weaker than
linearizability, and never calls a right listing a contradiction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

from conformance.engine.order import Budget, OutOfBudgetError, orders
from conformance.spec.model import LIFETIME, Call, Outcome, Raised, Record, Request, Result, Span, State, step
from conformance.verify.histories.history import ADVANCE, FIELDS, LIST, LOOK, History, Interval, Planned

STEPS = 200_000
"""The budget of one history: a contended one of 150 calls takes about a thousand."""
ANYTHING: Mapping[str, Any] = {"anything": True}
"""The result of a call whose result is not compared."""
_UNAVAILABLE = {"raised": "StoreUnavailable"}  # it states only that nothing was written
_ABSENT: Mapping[str, Any] = {"raised": "not on the page"}  # gone, and of another status, look alike
_EVER = 2 * LIFETIME
_OF_A_TASK = ("create_task", "get_task", LOOK, "update_task_status", "cancel_task")

_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""The times of every task: histories have none."""

Clocked: TypeAlias = tuple[State, timedelta]
"""A state of the model, and how much time has passed."""
Output: TypeAlias = Mapping[str, Any] | None
"""The result of a call, in the form in which answers are recorded."""


@dataclass(frozen=True)
class Specification:
    """What is right: the initial state, the outputs of a call in a state, and which outputs agree with a record."""

    initial: Clocked
    agrees: Callable[[Output, Interval], bool]

    def step(self, clocked: Clocked, interval: Interval) -> list[tuple[Output, Clocked]]:
        """The possible outputs of a call in a state, each with the state after it."""
        return _step(clocked, interval)

    def order(
        self, calls: Sequence[Interval], budget: Budget, rank: Callable[[Interval], Any] | None = None
    ) -> tuple[Interval, ...] | None:
        """An order of the calls that explains their results, or None. Calls of the least rank are tried first.

        Raises:
            OutOfBudgetError: if the steps do not suffice to tell.
        """

        def after(clocked: Clocked, interval: Interval) -> Iterator[Clocked]:
            for expected, left in _step(clocked, interval):
                if interval.returned is None or self.agrees(expected, interval):
                    yield left

        found = next(orders(self.initial, calls, after, budget, rank), None)
        return None if found is None else found.calls


class Verdict(StrEnum):
    """The result of judging a history. Unknown is not a pass."""

    EXPLAINED = "explained"
    CONTRADICTION = "contradiction"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Judgement:
    """A verdict, the steps that it took, and of a contradiction the calls that no order explains, and of what task."""

    verdict: Verdict
    steps: int
    task: str = ""
    calls: tuple[Interval, ...] = ()
    reason: str = ""
    """What is impossible about a listing that is wrong as a whole."""


def judge(history: History, steps: int = STEPS) -> Judgement:
    """Say whether some order explains the history. A pure function."""
    budget, specification, ran_out = Budget(steps), specification_of(history), False
    for task, calls in partitions(history).items():
        try:
            if specification.order(calls, budget) is None:
                return Judgement(Verdict.CONTRADICTION, budget.taken, task, calls)
        except OutOfBudgetError:
            ran_out = True
    for listing in history.intervals:
        if "page" in (listing.result or {}):
            try:
                reason = _impossible(history, listing, budget)
            except OutOfBudgetError:
                ran_out = True
            else:
                if reason:
                    return Judgement(Verdict.CONTRADICTION, budget.taken, calls=(listing,), reason=reason)
    return Judgement(Verdict.UNKNOWN if ran_out else Verdict.EXPLAINED, budget.taken)


def specification_of(history: History) -> Specification:
    """The model, with a lifetime if the subject's tasks expire."""
    return Specification((State(LIFETIME if history.expiring else None), timedelta(0)), _agrees)


def partitions(history: History) -> dict[str, tuple[Interval, ...]]:
    """The calls on each task, among them the passing of time and what each listing shows of the task."""
    made: dict[str, list[Interval]] = {}
    for interval in history.intervals:
        if interval.call.operation in _OF_A_TASK:
            made.setdefault(interval.call.task, []).append(interval)
    for interval in history.intervals:
        if interval.call.operation == ADVANCE:
            for calls in made.values():
                calls.append(interval)
        elif "page" in (interval.result or {}):
            for task, look in _looks(interval, set(made)):
                made[task].append(look)
        elif interval.call.operation == LIST and interval.returned is not None:
            made.setdefault("", []).append(interval)  # it raised: no state of the model does
    return {task: tuple(sorted(calls, key=lambda one: one.called)) for task, calls in made.items()}


def output_of(result: Result) -> Output:
    """A result of the model, in the form in which answers are recorded."""
    if isinstance(result, Record):
        return {"task": {"task_id": result.task_id, **{name: getattr(result, name) for name in ("status", *FIELDS)}}}
    if isinstance(result, Raised):
        return {"raised": result.error, **{name: fact for name, fact in result.facts if name != "task_id"}}
    return None


def _step(clocked: Clocked, interval: Interval) -> list[tuple[Output, Clocked]]:
    (state, now), call = clocked, interval.call
    if interval.result == _UNAVAILABLE:
        return [(interval.result, clocked)]
    if call.operation == ADVANCE:
        return [(None, (state, now + _EVER))]
    if call.operation == LIST:
        return [(_ABSENT, clocked)]
    if call.operation == LOOK:
        (outcome,) = step(state, Call("get_task", {"task_id": call.task}, Span.of(now)))
        wanted, seen = call.arguments.get("status"), outcome.result
        there = isinstance(seen, Record) and (wanted is None or wanted == seen.status)
        return [(output_of(seen) if there else _ABSENT, (outcome.state, now))]
    arguments = dict(call.arguments)
    if call.operation == "create_task":
        arguments["request"] = Request(tuple(arguments.pop("video_ids")))
    return [_left(outcome, call.task, now) for outcome in step(state, Call(call.operation, arguments, Span.of(now)))]


def _left(outcome: Outcome, label: str, now: timedelta) -> tuple[Output, Clocked]:
    """The output of an outcome, and the state after it, in which the task has its label as id."""
    if outcome.written is None:
        return output_of(outcome.result), (outcome.state, now)
    completed = None if outcome.written.completed_at is None else _SOME_TIME
    times: dict[str, Any] = {"created_at": _SOME_TIME, "updated_at": _SOME_TIME, "completed_at": completed}
    written = outcome.written._replace(task_id=label, **times)
    return output_of(written), (outcome.state.with_task(written, Span.of(now)), now)


def _agrees(expected: Output, interval: Interval) -> bool:
    return interval.result in (expected, ANYTHING)


def _looks(listing: Interval, tasks: set[str]) -> Iterator[tuple[str, Interval]]:
    shown = {task["task_id"]: task for task in _page(listing)["tasks"]}
    for task in tasks:
        if task in shown or _is_whole(listing):
            yield task, _look(listing, task, {"task": shown[task]} if task in shown else _ABSENT)


def _look(listing: Interval, task: str, result: Mapping[str, Any]) -> Interval:
    arguments = {"task_id": task, "status": listing.call.arguments.get("status")}
    return replace(listing, call=replace(listing.call, operation=LOOK, arguments=arguments), result=result)


def _impossible(history: History, listing: Interval, budget: Budget) -> str:
    """What is impossible about a page as a whole, or an empty text."""
    page, created = _page(listing), _creations(history)
    shown = [task["task_id"] for task in page["tasks"]]
    if strange := [task for task in shown if task not in created]:
        return f"it shows {strange[0]}, a task that nobody created"
    if len(shown) != len(set(shown)):
        return "it shows a task twice"
    for newer, older in pairwise(shown):
        end = created[newer].returned
        if end is not None and end < created[older].called:
            return f"it shows {newer} before {older}, which was created later"
    total = page["total"]
    if _is_whole(listing):
        return "" if total == len(shown) else f"its total is {total}, and it shows {len(shown)}"
    least, most = _bounds(history, listing, budget)
    if least <= total <= most:
        return ""
    return f"its total is {total}, and while it ran it was from {least} to {most}"


def _bounds(history: History, listing: Interval, budget: Budget) -> tuple[int, int]:
    """How many tasks there were while it ran, at least and at most: the union of what was possible for each."""
    calls = [one for one in history.intervals if one.call.operation != LIST]
    wanted, specification = listing.call.arguments.get("status"), specification_of(history)

    def sees(there: bool, expected: Output, interval: Interval) -> bool:
        if interval.call.operation == LOOK:
            return (expected is not _ABSENT) is there
        return _agrees(expected, interval)

    least = most = 0
    for task, made in partitions(replace(history, intervals=tuple(calls))).items():
        look = Interval(Planned(-1, LOOK, {"task_id": task, "status": wanted}), listing.called, listing.returned, {})
        can_be, can_be_away = (
            replace(specification, agrees=partial(sees, there)).order([*made, look], budget) is not None
            for there in (True, False)
        )
        least += not can_be_away
        most += can_be
    return least, most


def _creations(history: History) -> dict[str, Interval]:
    return {one.call.task: one for one in history.intervals if one.call.operation == "create_task"}


def _page(listing: Interval) -> Mapping[str, Any]:
    page: Mapping[str, Any] = (listing.result or {})["page"]
    return page


def _is_whole(listing: Interval) -> bool:
    """Whether the page has room for more than it shows, so that what is not on it was not there."""
    limit, offset = (listing.call.arguments.get(name, default) for name, default in (("limit", 50), ("offset", 0)))
    return bool(offset == 0 and len(_page(listing)["tasks"]) < limit)
