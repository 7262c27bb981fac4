"""One scene while it is played: the stores that are open, what they may hold, and what was found wrong."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

from conformance.engine.arguments import for_store, spoil_argument
from conformance.engine.belief import Possible, after, bind, unlike, with_lost_calls
from conformance.engine.blame import Cause, Sight, blame
from conformance.engine.checks import Checks
from conformance.engine.observe import Odd, badness, contrast, differences, is_usable, raised_of, result_of, traits_of
from conformance.engine.scene import Scene, Step, UnknownReferenceError, get, resolved
from conformance.engine.script import Script
from conformance.engine.tally import Finding, Tally
from conformance.harness import Capability, Harness
from conformance.spec.model import FIELDS, LIFETIME, Call, Outcome, Page, Raised, Record, Span, State, Symbol, step
from taskstore import Task

SECONDS = 30
"""A call that takes longer is reported, and the scene given up."""
_EXTENDED = 1
"""Seconds after which the limit of a call that begins is set anew: to set it for each call costs too much."""
_BY_TIME = ("list_tasks", "purge")
_TAKES_OBJECTS = ("create_task", "restore")
_REFUSALS = ("InvalidArgument", "TaskExists", "TaskFinal", "TaskNotFound")
_TIMES = ("created_at", "updated_at", "completed_at")
_NOTHING = timedelta(0)


class SceneEndedError(Exception):
    """The scene cannot go on: what the store holds is not known any more."""


class SceneRun:
    """One scene while it is played."""

    def __init__(self, harness: Harness, tally: Tally, scene: Scene) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.stack = AsyncExitStack()
        self.findings: list[Finding] = []
        self.harness = harness
        self.tally = tally
        self.scene = scene
        self.capabilities = harness.capabilities
        self.script = Script()
        self.stores: list[Any] = []
        self.closers: list[AsyncExitStack] = []
        self.closed: set[int] = set()
        self.lifetime = LIFETIME if Capability.EXPIRING in self.capabilities else None
        beliefs = 1 if Capability.SHARED in self.capabilities else scene.instances
        self.beliefs = [[Possible(State(self.lifetime))] for _ in range(beliefs)]
        self.passed = timedelta(0)
        self.known: dict[str, Any] = {}
        """What came out of the steps that have a label."""
        self.cause: Cause | None = None
        self.was_reopened = False
        self.latest: dict[str, Record] = {}
        """The tasks as they came out last, by id."""
        self.idle: dict[str, list[str]] = {}
        """The requirements that say that calls since the last write of a task changed nothing, by id."""
        self.played = 0
        """How many actions were begun."""
        self.has_raced = False
        """Whether calls were made at the same time."""
        self.has_cancelled = False
        self.is_audited = True
        self.has_looked = False
        self.limit = asyncio.timeout(SECONDS)
        """What ends the scene when a call takes too long; to be entered."""
        self._began = self._extended = time.monotonic()
        self.checks = Checks(self.report, tally, self.namespace)
        self._reported: set[tuple[Any, ...]] = set()

    async def open(self, on: int) -> None:
        """Open an instance of the store, in the place of the one before."""
        self._begin()
        self.tally.on_progress()
        closer = AsyncExitStack()
        self.stack.push_async_exit(closer)
        store = await closer.enter_async_context(self.harness.open(self.namespace))
        self.stores[on : on + 1] = [store]
        self.closers[on : on + 1] = [closer]

    def side(self, on: int) -> int:
        """Which of the beliefs is about an instance."""
        return on if len(self.beliefs) > 1 else 0

    def resolved(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, with what their references stand for.

        Raises:
            SceneEndedError: if a step that one refers to has failed, which was reported.
        """
        try:
            return {name: resolved(value, self.known) for name, value in arguments.items()}
        except UnknownReferenceError:
            raise SceneEndedError from None

    async def close(self, on: int) -> None:
        """Close an instance."""
        self._begin()
        await self.closers[on].aclose()

    def _begin(self) -> None:
        """Give a call its time."""
        moment = time.monotonic()
        if moment - self._extended > _EXTENDED and not self.limit.expired():
            self.limit.reschedule(asyncio.get_running_loop().time() + SECONDS)
            self._extended = moment
            self.tally.on_progress()

    def report_limit(self, what: str = "open or aclose") -> None:
        """Report what had not ended when the limit was reached, unless something else was reported for that."""
        self.report(("ATOM-06",), f"{what} did not end within {SECONDS} s", "limit")

    async def read(self, planned: Step) -> None:
        """Make a call of the engine's own, and compare what it returns."""
        arguments = self.resolved(planned.arguments)
        await self.compare(planned, arguments, *await self.call(planned, arguments))

    async def call(self, planned: Step, arguments: Mapping[str, Any]) -> tuple[Any, Any, Span]:
        """Make a call. Return its result in the model's words, what was returned, and when it was made."""
        self._begin()
        earliest = self.now()
        is_made = planned.operation in _TAKES_OBJECTS
        given = {name: for_store(value) for name, value in arguments.items()} if is_made else arguments
        if isinstance(task := given.get("task"), Task):
            self.checks.hand_in(task)
        try:
            answer = await getattr(self.stores[planned.on], planned.operation)(**given)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                if self.limit.expired():
                    self.report_limit(planned.operation)
                raise
            observed: Any = raised_of(error)
            answer = None
        else:
            observed = result_of(answer, has_cursor=Capability.CURSOR in self.capabilities)
        finally:
            for value in given.values() if is_made else ():
                spoil_argument(value)
        self.tally.calls[planned.operation, observed.error if isinstance(observed, Raised) else "result"] += 1
        return observed, answer, Span(earliest, self.now())

    def now(self) -> timedelta:
        """The time since the start of the scene, that which the harness let pass included. Nothing, if none counts."""
        if self.lifetime is None:
            return _NOTHING
        return self.passed + timedelta(seconds=time.monotonic() - self._began)

    async def compare(self, planned: Step, arguments: Mapping[str, Any], observed: Any, raw: Any, at: Span) -> Outcome:
        """Keep the states that explain a result. If there is none, report it and go on from the nearest."""
        call = Call(planned.operation, dict(arguments), at)
        if planned.on in self.closed:
            return self._compare_closed(planned, call, observed)
        side = self.side(planned.on)
        self.tally.count_place(planned.operation, arguments, self.beliefs[side][0].state)
        matching: list[Possible] = []
        nearest: tuple[int, tuple[str, ...], Outcome, Possible] | None = None
        first: Outcome | None = None
        is_open = False
        for possible in with_lost_calls(self.beliefs[side]):
            bound = bind(possible.state, observed)
            if planned.operation in _BY_TIME and not bound.is_seen:  # it depends on a time that nobody knows yet
                is_open = True
                continue
            for outcome in step(bound, call):
                names = differences(outcome.result, observed)
                if not names:
                    first = outcome if first is None or outcome.written is None else first
                    matching.append(Possible(after(outcome, observed, call), possible.pending))
                elif nearest is None or badness(names) < nearest[0]:
                    nearest = badness(names), names, outcome, possible
        if first is not None:
            self.beliefs[side] = unlike(matching)
            self.tally.exercise({"API-02", *first.requirements, *planned.about})
            outcome = first
        elif is_open or nearest is None:
            raise SceneEndedError
        else:
            _, names, outcome, possible = nearest
            lost = await self._is_lost(planned, outcome.result, observed)
            self.disagree(planned, arguments, outcome, observed, names, possible.state, lost=lost)
            self.beliefs[side] = [_adopted(outcome, observed, possible, call)]
        if raw is not None:
            self.checks.result(planned, outcome, observed, raw, self.passed)
        return outcome

    async def _is_lost(self, planned: Step, expected: Any, observed: Any) -> bool:
        """Whether a task that a page leaves out is not found by its id either."""
        if not isinstance(expected, Page) or not isinstance(observed, Page):
            return False
        came = {one.task_id for one in observed.records}
        missing = next((one.task_id for one in expected.records if one.task_id not in came), None)
        if missing is None:
            return False
        found, _, _ = await self.call(replace(get(), on=planned.on), {"task_id": missing})
        return isinstance(found, Raised) and found.error == "TaskNotFound"

    def _compare_closed(self, planned: Step, call: Call, observed: Any) -> Outcome:
        outcome = Outcome(Raised("StoreNotOpen"), self.beliefs[0][0].state, ("API-03",))
        names = differences(outcome.result, observed)
        if names:
            self.disagree(planned, call.arguments, outcome, observed, names, outcome.state)
            raise SceneEndedError
        self.tally.exercised["API-03"] += 1
        return outcome

    def disagree(
        self,
        planned: Step,
        arguments: Mapping[str, Any],
        outcome: Outcome,
        observed: Any,
        names: tuple[str, ...],
        state: State,
        *,
        lost: bool = False,
    ) -> None:
        """Report a result that differs from the expected one in the fields `names`."""
        is_refused = isinstance(observed, Raised) and not isinstance(outcome.result, Raised)
        about = (*planned.about, "ATOM-06") if self.has_cancelled and is_refused else planned.about
        sight = Sight(
            planned.operation,
            arguments,
            about,
            state,
            outcome,
            observed,
            names,
            planned.on,
            self.cause,
            tuple(self.idle.get(str(arguments.get("task_id")), ())),
            lost,
            self.was_reopened,
            bool(self.passed),
            self.capabilities,
        )
        words = f"{planned.operation} gave {contrast(outcome.result, observed, names)}"
        # A read of the engine's own is not in the script.
        lines = () if self.script.is_last(planned) else (f"await {self.script.call(planned)}",)
        broken = _in_a_crowd(sight, blame(sight))
        traits = traits_of(planned.operation, outcome.result, observed, names)
        elsewhere = self.cause is not None and self.cause.on != planned.on
        is_alone = not (self.has_raced or self.was_reopened or self.passed or elsewhere)
        if is_alone:
            self.tally.alone.update(traits)
        self.report(broken, words, planned.operation, names, lines=lines, traits=() if is_alone else traits)
        if type(observed) is type(outcome.result):  # what is not wrong in it was compared all the same
            self.tally.exercised.update({*outcome.requirements} - {*broken})

    def report(
        self,
        requirements: tuple[str, ...],
        words: str,
        *key: Any,
        lines: tuple[str, ...] = (),
        traits: tuple[str, ...] = (),
    ) -> None:
        """Keep a finding. What has the same `key` is reported once: it is wrong on every instance."""
        if key not in self._reported or not key:
            self._reported.add(key)
            shown = (*self.script.lines, *lines, f"# {words}")
            self.findings.append(Finding(requirements, words, self.scene, shown, self.played, traits))


def _in_a_crowd(sight: Sight, broken: tuple[str, ...]) -> tuple[str, ...]:
    """What is broken, where many calls were made at the same time: each has to give its own result."""
    expected, observed = sight.outcome.result, sight.observed
    if "ATOM-06" not in sight.about or "VAL-02" in broken:
        return broken
    if isinstance(expected, Raised) and isinstance(observed, Raised) and observed.error not in _REFUSALS:
        return sight.about
    is_another = sight.operation == "update_task_status" and type(expected) is type(observed) is Record
    is_of_another = is_another and sight.outcome.written is not None and {*sight.names} - {*_TIMES}
    return tuple(dict.fromkeys((*sight.about, *broken))) if is_of_another else broken


def _adopted(outcome: Outcome, observed: Any, possible: Possible, call: Call) -> Possible:
    """The state to go on from after a wrong result.

    Raises:
        SceneEndedError: if there is none.
    """
    expected = outcome.result
    if isinstance(expected, Record) and isinstance(observed, Record) and is_usable(observed):
        if observed.task_id != expected.task_id and not isinstance(expected.task_id, Symbol):
            raise SceneEndedError
        known = possible.state.tasks.get(str(observed.task_id))
        at = call.at if known is None else known[1]
        adopted = _of_right_kinds(expected, observed)
        return Possible(outcome.state.with_task(adopted, call.at if outcome.written else at), possible.pending)
    if isinstance(expected, Raised | Page) and type(observed) is type(expected):
        return Possible(outcome.state, possible.pending)
    if type(expected) is int and type(observed) is int:
        return Possible(outcome.state, possible.pending)
    raise SceneEndedError


def _of_right_kinds(expected: Record, observed: Record) -> Record:
    """What was observed, but for values of another kind than the expected ones: the model could not go on with them."""
    kept = {}
    for name in FIELDS:
        one, other = getattr(expected, name), getattr(observed, name)
        is_odd = isinstance(other, Odd) or (name == "metadata" and other[0] != "object")
        if is_odd and not isinstance(one, Symbol):
            kept[name] = one
    return observed._replace(**kept)
