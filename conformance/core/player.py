"""The player: performs the actions of a scenario on a store, and compares what comes out with the model."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import cycle
from types import SimpleNamespace
from typing import Any, NoReturn, TypeAlias

from conformance.core.arguments import for_store, resolved
from conformance.core.blame import adopted, blame, signature
from conformance.core.checks import Checks
from conformance.core.failing import READS, Trouble, verdict
from conformance.core.finding import Complaint, Finding, Signature, Tally
from conformance.core.observe import Odd, describe, differences, raised_of, result_of, spoil
from conformance.core.scenario import (
    Action,
    Call,
    Close,
    Look,
    Pages,
    Populate,
    Race,
    Reopen,
    Scenario,
    Tick,
    Wait,
    create,
    get,
    listing,
    update,
)
from conformance.core.states import Candidate, after, bind, explanations, with_pending
from conformance.harness import Capability, Harness
from conformance.spec.model import (
    LIFETIME,
    STATUSES,
    Invocation,
    Outcome,
    Page,
    Raised,
    Record,
    Span,
    State,
    step,
)
from taskstore import TaskStatus

_BY_TIME = ("list_tasks", "purge")
_TICK = 0.005
_BATCH = 50
_ATTEMPTS = 5
_REFUSALS = ("InvalidArgument", "TaskNotFound", "TaskFinal", "TaskExists")


_Made: TypeAlias = tuple[int, Invocation, Any]
"""On which instance a call was made, the call, and what came of it."""


class EndedError(Exception):
    """The scenario ends here: what the store holds is not known any more."""


class Player:
    """One scenario while it is played, in a namespace of its own."""

    def __init__(self, harness: Harness, tally: Tally, scenario: Scenario) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.harness = harness
        self.tally = tally
        self.scenario = scenario
        self.results: dict[str, Any] = {}
        """What came out of the calls that have a label."""
        self.last: dict[str, Record] = {}
        """The tasks as they came out last, by id."""
        self.passed = timedelta(0)
        """How much time the harness has let pass."""
        capabilities = harness.capabilities
        self._lifetime = LIFETIME if Capability.EXPIRING in capabilities else None
        self._is_shared = Capability.SHARED in capabilities
        self._has_cursor = Capability.CURSOR in capabilities
        self._done: list[tuple[Action, Any]] = []
        self._checks = Checks(tally)
        sides = 1 if self._is_shared else scenario.instances
        self._candidates = [[Candidate(State(self._lifetime))] for _ in range(sides)]
        self._stores: list[Any] = []
        self._closers: list[AsyncExitStack] = []
        self._closed: set[int] = set()
        self._trouble: Trouble | None = None
        self._errors: list[Exception] = []
        self._stack = AsyncExitStack()
        self._limit = asyncio.timeout(None)
        self._began = time.monotonic()
        self._cause: tuple[int, tuple[str, ...]] | None = None
        self._written: list[str] = []
        self._is_plain = True

    async def play(self, walk: Any = None) -> None:
        """Play the scenario, or what a walk draws. What is found goes to the tally.

        Raises:
            HookMissingError: if the harness has not the hook that an action needs.
        """
        try:
            async with self._stack, self._limit:
                races = [one for one in self.scenario.actions if isinstance(one, Race)]
                if seconds := [race.failure.seconds for race in races if race.failure]:
                    trouble = Trouble(self.harness, self.namespace, seconds[0])
                    self._trouble = await self._stack.enter_async_context(trouble)
                for on in range(self.scenario.instances):
                    await self._open(on)
                for action in self.scenario.actions:
                    await self.perform(action)
                if walk is not None:
                    await walk.play(self)
                self._complain(self._checks.at_the_end())
                self.tally.exercised.update(self.scenario.about)
        except EndedError:
            pass
        except TimeoutError:
            if not self._limit.expired():
                raise
            last = self._done[-1][0] if self._done else None
            name = last.operation if isinstance(last, Call) else "a call"
            self._report(("ATOM-06",), "an answer", f"none within {self.tally.seconds:g} s", (name, "hangs"))
            self.tally.seconds = min(self.tally.seconds, 1)  # it is waited for once
        finally:
            self.harness.discard(self.namespace)

    @property
    def state(self) -> State:
        """One of the states that the store may be in."""
        return self._candidates[0][0].state

    async def perform(self, action: Action) -> None:  # noqa: C901  one way to perform each
        """Perform an action.

        Raises:
            EndedError: if it showed a difference, which was reported.
        """
        self._extend()
        self._done.append((action, None))
        self._is_plain = self._is_plain and not isinstance(action, Race | Wait | Reopen)
        match action:
            case Call():
                await self._call(action, self._given(action))
            case Race():
                await self._race(action)
            case Look():
                for call in self._reads():
                    await self._read(call)
            case Pages():
                await self._pages(action)
            case Populate(count, statuses):
                made = await self._batches([create(video_ids=(f"v{number}",)) for number in range(count)])
                moves = zip([one.task_id for one in made], cycle(statuses), strict=False)
                await self._batches([update(one, TaskStatus(to)) for one, to in moves if to != "pending"])
            case Wait(by):
                self.harness.advance(self.namespace, by)
                self.passed += by
            case Tick():
                await asyncio.sleep(_TICK)
                self._checks.has_ticked = True
            case Reopen(on):
                await self._closers[on].aclose()
                await self._open(on)
                if Capability.PERSISTENT not in self.harness.capabilities and self.scenario.instances == 1:
                    self._candidates[0] = [Candidate(State(self._lifetime))]
            case Close(on):
                await self._closers[on].aclose()
                self._closed.add(on)

    def _extend(self) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time() + self.tally.seconds)

    async def _open(self, on: int) -> None:
        closer = await self._stack.enter_async_context(AsyncExitStack())
        opened = self._trouble.open() if self._trouble is not None and on == 0 else self.harness.open(self.namespace)
        store = await closer.enter_async_context(opened)
        self._stores[on : on + 1], self._closers[on : on + 1] = [store], [closer]

    def _now(self) -> timedelta:
        if self._lifetime is None:
            return self.passed
        return self.passed + timedelta(seconds=time.monotonic() - self._began)

    # Calls one after the other

    def _given(self, call: Call) -> Mapping[str, Any]:
        try:
            return {name: resolved(value, self.results) for name, value in call.arguments.items()}
        except (LookupError, AttributeError, TypeError, ValueError):  # the call that it names has failed
            raise EndedError from None

    async def _make(self, call: Call, arguments: Mapping[str, Any]) -> tuple[Any, Any, Span]:
        """Make a call. Return its result in the model's words, what was returned, and when it was made."""
        earliest = self._now()
        given = {name: for_store(value) for name, value in arguments.items()}
        observed: Any
        try:
            answer = await getattr(self._stores[call.on], call.operation)(**given)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            observed, answer = raised_of(error), None
        except Exception as error:  # noqa: BLE001  whatever the store raises is its result
            observed, answer = raised_of(error), None
            self._errors.append(error)
        else:
            observed = result_of(answer, has_cursor=self._has_cursor)
        finally:
            if self.tally.spoils:
                spoil(getattr(given.get("request"), "config", None))
        return observed, answer, Span(earliest, self._now())

    async def _call(self, call: Call, arguments: Mapping[str, Any]) -> None:
        observed, raw, at = await self._make(call, arguments)
        self._done[-1] = call, observed
        outcome = self._settle(call, arguments, observed, raw, at)
        if call.label and isinstance(observed, Record | Page):
            self.results[call.label] = observed
        if call.operation not in READS:
            if isinstance(observed, Record):
                self.last[str(observed.task_id)] = observed
            self._note(observed, arguments)
            refused = isinstance(outcome.result, Raised) and outcome.result.error in ("InvalidArgument", "TaskFinal")
            self._cause = call.on, ("LIFE-14",) if refused else tuple(outcome.requirements)

    def _settle(self, call: Call, arguments: Mapping[str, Any], observed: Any, raw: Any, at: Span) -> Outcome:
        """Judge and check a result."""
        outcome = self._judge(call, arguments, observed, at)
        if raw is not None and not isinstance(observed, Odd):
            self._complain(self._checks.of(call, outcome, observed, raw, self.passed))
        return outcome

    def _note(self, observed: Any, arguments: Mapping[str, Any]) -> None:
        """Note which task a write was about: reads show it next. In a failure all of them may be concerned."""
        named = getattr(arguments.get("task"), "task_id", arguments.get("task_id"))
        task_id = getattr(observed, "task_id", None) or named
        if isinstance(task_id, str) and task_id:
            most = 3 if self._trouble is None else None
            self._written = [*dict.fromkeys((task_id, *self._written))][:most]

    async def _read(self, call: Call) -> Any:
        """Make a call that stands in the script only if it shows something."""
        self._extend()
        self._done.append((call, None))
        made = await self._make(call, call.arguments)
        for _ in range(_ATTEMPTS if self._trouble is not None else 0):
            if ("failure_kind", "timeout") not in getattr(made[0], "facts", ()):
                break
            await asyncio.sleep(_TICK)  # it is impatient, and the machine may be slow
            made = await self._make(call, call.arguments)
        self._done[-1] = call, made[0]
        self._settle(call, call.arguments, *made)
        self._done.pop()
        return made[0]

    def _reads(self) -> Iterable[Call]:
        """The reads of a `Look`: the tasks of the last writes, and the listings in which they are or were."""
        recent = self._written or [key for key in self.state.tasks if key[:1] != "\0"][-2:]
        known = [self.state.get(one) for one in recent] + [self.last.get(one) for one in recent]
        statuses = dict.fromkeys([one.status for one in known if one and one.status in STATUSES] or ["pending"])
        for on in set(range(self.scenario.instances)) - self._closed:
            yield from (get(one, on) for one in recent)
            yield listing(on=on)
            yield from (listing(on=on, status=TaskStatus(one)) for one in statuses)

    async def _pages(self, action: Pages) -> None:
        arguments: dict[str, Any] = {"limit": action.limit} | ({"status": action.status} if action.status else {})
        for number in range(len(self.state.tasks) // action.limit + 2):
            page = await self._read(listing(**arguments))
            if not isinstance(page, Page) or not page.records or (action.by_cursor and page.following is None):
                return
            arguments |= {"after": page.following} if action.by_cursor else {"offset": (number + 1) * action.limit}

    async def _batches(self, calls: list[Call]) -> list[Record]:
        """Make many calls, none of which bears on another, some of them at the same time."""
        results = []
        for first in range(0, len(calls), _BATCH):
            self._extend()
            batch = calls[first : first + _BATCH]
            made = await asyncio.gather(*(self._make(call, call.arguments) for call in batch))
            for call, one in zip(batch, made, strict=True):
                self._settle(call, call.arguments, *one)
            results += [observed for observed, _, _ in made if isinstance(observed, Record)]
        return results

    def _judge(self, call: Call, arguments: Mapping[str, Any], observed: Any, at: Span) -> Outcome:
        """Keep the states that explain a result. If there is none, report it, and end the scenario if it is new."""
        made, side = Invocation(call.operation, arguments, at), self._side(call.on)
        tried = [
            (candidate, outcome, differences(outcome.result, observed))
            for candidate in with_pending(self._candidates[side])
            for outcome in self._outcomes(bind(candidate.state, observed), call.on, made)
        ]
        if matching := [(candidate, outcome) for candidate, outcome, names in tried if not names]:
            kept = [Candidate(after(outcome, observed, made), candidate.pending) for candidate, outcome in matching]
            self._candidates[side] = kept if len(kept) == 1 else list(dict.fromkeys(kept))
            nearest = min((outcome for _, outcome in matching), key=lambda one: one.written is not None)
            self.tally.exercised.update(("API-02", *nearest.requirements))
            return nearest
        if not tried:
            raise EndedError
        _, nearest, names = min(tried, key=lambda one: ("" in one[2], len(one[2])))
        kind = signature(call.operation, nearest.result, observed, names)
        if kind not in self.tally.learned:
            self._disagree(call, nearest, observed, names, kind)
        if (state := adopted(nearest, observed, made)) is None:
            raise EndedError
        self._candidates[side] = [Candidate(state)]
        return nearest

    def _side(self, on: int) -> int:
        return on if len(self._candidates) > 1 else 0

    def _outcomes(self, state: State, on: int, made: Invocation) -> list[Outcome]:
        if on in self._closed:
            return [Outcome(Raised("StoreNotOpen"), state, ("API-03",))]
        is_known = not state.unseen or made.operation not in _BY_TIME  # it depends on a time that nobody knows yet
        return step(state, made) if is_known else []

    def _disagree(
        self, call: Call, outcome: Outcome, observed: Any, names: tuple[str, ...], kind: Signature
    ) -> NoReturn:
        """Report a result that differs from the nearest that is allowed, and end the scenario."""
        on, cause = self._cause or (0, ())
        if call.operation not in READS or "argument" in dict(getattr(outcome.result, "facts", ())):
            cause = ()  # what a read must refuse is no write's doing
        elif on != call.on:
            cause = ("SHARE-01" if self._is_shared else "SHARE-02", *cause)
        numbers = blame(outcome, observed, names, cause)
        if "after" in call.arguments and not isinstance(outcome.result, Raised):
            numbers = ("LIST-12", *numbers)
        is_taken = isinstance(observed, Raised) and observed.error == "TaskExists"
        if not self.last and not outcome.state.tasks and (is_taken or getattr(observed, "total", 0) != 0):
            numbers = ("LIST-10",) if self._is_shared else ("DUR-03", "SHARE-02")  # nothing has been written here
        about = self.scenario.about
        numbers = (*numbers, *about) if self._is_plain else (*about, *numbers)
        self._end(numbers, describe(outcome.result, names), describe(observed, names), kind)

    def _end(self, requirements: tuple[str, ...], expected: str, actual: str, kind: Signature) -> NoReturn:
        self._report(requirements, expected, actual, kind)
        raise EndedError

    def _report(self, requirements: tuple[str, ...], expected: str, actual: str, kind: Signature) -> None:
        scenario = replace(self.scenario, actions=tuple(action for action, _ in self._done))
        lines = tuple(line for one in self._done for line in _lines(*one))
        numbers = tuple(dict.fromkeys(filter(None, requirements)))
        self.tally.add(Finding(numbers, expected, actual, kind, scenario, lines, self._is_plain))

    def _complain(self, complaints: Iterable[Complaint | None], about: tuple[str, ...] = ()) -> None:
        """Report what is wrong without the model, unless it was learned, and end the scenario."""
        for complaint in filter(None, complaints):
            kind = ("check", complaint.name, complaint.number)
            if kind not in self.tally.learned:
                self._end((complaint.number, *about), complaint.expected, complaint.actual, kind)

    # Calls at the same time

    async def _race(self, race: Race) -> None:
        """Make calls at the same time. What says that it may have happened, has happened or not, at the end."""
        given = [self._given(call) for call in race.calls]
        results = await self._made_together(race, given)
        self._done[-1] = race, [observed for observed, _ in results]
        self._closed.update([0] if race.closes else [])
        self._cause = None
        trouble, failure = self._trouble, race.failure
        answered, lost = list[_Made](), list[_Made]()
        for call, arguments, (observed, at) in zip(race.calls, given, results, strict=True):
            found = verdict(race, call, observed, trouble.place if trouble else "")
            self._object(race, found.complaint, observed, call.operation)
            named = dict(observed.facts).get("task_id") if found.has_failed and isinstance(observed, Raised) else None
            known = {"task_id": named} if named else {}
            made = call.on, Invocation(call.operation, {**arguments, **known}, at), observed
            if found.may_have_happened or not found.has_failed:
                (lost if found.has_failed else answered).append(made)
            if call.label and (named or isinstance(observed, Record)):
                self.results[call.label] = SimpleNamespace(task_id=named) if named else observed
            self._note(observed, made[1].arguments)
        if failure and trouble:
            self._object(race, trouble.complaint(self._errors))
            if lost and failure.may_tear:
                raise EndedError
        self._explain(failure.name if failure else "race", answered, lost)
        if failure:  # what has been sent has been done
            self._candidates = [[Candidate(one.state) for one in with_pending(side)] for side in self._candidates]

    def _object(self, race: Race, complaint: Complaint | None, observed: Any = None, operation: str = "") -> None:
        """Report what is wrong about a call while something fails."""
        if complaint is not None:
            if isinstance(observed, TimeoutError):
                self.tally.seconds = min(self.tally.seconds, 1)  # it is waited for once
            name = race.failure.name if race.failure else "nothing fails"
            expected, actual = f"{complaint.expected}, when {name}", complaint.actual or describe(observed)
            self._complain([Complaint(complaint.number, expected, actual, f"{name} {operation}")], self.scenario.about)

    async def _made_together(self, race: Race, given: list[Mapping[str, Any]]) -> list[tuple[Any, Span]]:
        """Return what each call returned, or the exception that ended it, and when."""
        begins = [partial(self._make, call, arguments) for call, arguments in zip(race.calls, given, strict=True)]
        close = self._closers[0].aclose if race.closes else None
        began = self._now()
        self._errors.clear()
        if race.failure and self._trouble:
            self._limit.reschedule(None)
            meet = self._trouble.meet
            results = await meet(race, race.failure, begins, self._stores, close, self.tally.seconds)
            self._extend()
        else:
            calls = [asyncio.ensure_future(begin()) for begin in begins]
            for _ in range(race.turns if race.cancelled or close else 0):
                await asyncio.sleep(0)
            for place in race.cancelled:
                calls[place].cancel()
            if close is not None:
                await close()
            results = await asyncio.gather(*calls, return_exceptions=True)
        at = Span(began, self._now())
        return [(one[0], one[2]) if isinstance(one, tuple) else (one, at) for one in results]

    def _explain(self, name: str, answered: list[_Made], lost: list[_Made]) -> None:
        """Find the orders of calls that explain their results. The name tells findings of several failures apart."""
        about = self.scenario.about or ("ATOM-01",)
        for _, made, observed in answered:
            if isinstance(observed, Odd) or (isinstance(observed, Raised) and observed.error not in _REFUSALS):
                self._end(about, "a result of the contract", describe(observed), (name, made.operation))
        for side, candidates in enumerate(self._candidates):
            here = [(made, observed) for on, made, observed in answered if self._side(on) == side]
            pending = tuple(made for on, made, _ in lost if self._side(on) == side)
            found = explanations([Candidate(one.state, (*one.pending, *pending)) for one in candidates], here)
            if not found:
                results = [observed for _, observed in here]
                numbers = blame(Outcome(None, self.state, about), results, ())
                kind = (name, *sorted({made.operation for made, _ in here}))
                shown = "; ".join(map(describe, results[:6]))
                self._end(numbers, "results that some order of the calls explains", shown, kind)
            self._candidates[side] = found
        self.tally.exercised.update(about)


def _lines(action: Action, result: Any) -> list[str]:
    """An action as lines of Python, and which exceptions came of it."""
    results = result if isinstance(result, list) else [result]
    raised = [f"raises {describe(one)}" for one in results if isinstance(one, Raised)]
    if not isinstance(action, Call):
        is_failing = isinstance(action, Race) and action.failure
        return [*str(action).splitlines(), *(f"#   {one}" for one in (raised if is_failing else ()))]
    label = f"{action.label} = " if action.label else ""
    return [f"{label}await {action}{'  # ' if raised else ''}{''.join(raised)}"]
