"""The player: performs the actions of a scenario on a store, and compares what comes out with the model."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from conformance.core.arguments import for_store, resolved, spoil_argument
from conformance.core.blame import blame
from conformance.core.failing import Complaint, Named, Trouble, is_late
from conformance.core.finding import Finding, Signature, Tally
from conformance.core.made_ids import ENOUGH, OWN_ID, regular
from conformance.core.observe import (
    Odd,
    describe,
    differences,
    is_usable,
    raised_of,
    record_of,
    result_of,
    shown,
    spoil_task,
    type_faults,
)
from conformance.core.scenario import (
    Action,
    Call,
    Close,
    Fail,
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
from conformance.core.script import lines_of
from conformance.core.states import Candidate, after, bind, distinct, explanations, with_pending
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
    Symbol,
    step,
)
from taskstore import TaskStatus

READS = ("get_task", "list_tasks")
_BY_TIME = ("list_tasks", "purge")
_TICK = 0.005
_WORD = 12
_BATCH = 50
_ATTEMPTS = 4
_CLOCK_SLACK = timedelta(minutes=5)
_SPOILED, _KEPT = 3, 30
_REFUSALS = ("InvalidArgument", "TaskNotFound", "TaskFinal", "TaskExists")
_ENDED = ("StoreNotOpen", "StoreUnavailable")


class EndedError(Exception):
    """The scenario ends here: what the store holds is not known any more."""


class Player:
    """One scenario while it is played, in a namespace of its own."""

    def __init__(self, harness: Harness, tally: Tally, scenario: Scenario) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.harness = harness
        self.tally = tally
        self.scenario = scenario
        self.done: list[tuple[Action, Any]] = []
        """What was performed, each with its result."""
        self.results: dict[str, Any] = {}
        """What came out of the calls that have a label."""
        self.made: list[Any] = []
        """The ids that the store made."""
        self.last: dict[str, Record] = {}
        """The tasks as they came out last, by id."""
        capabilities = harness.capabilities
        self._lifetime = LIFETIME if Capability.EXPIRING in capabilities else None
        self._is_shared = Capability.SHARED in capabilities
        self._has_cursor = Capability.CURSOR in capabilities
        sides = 1 if self._is_shared else scenario.instances
        self._candidates = [[Candidate(State(self._lifetime))] for _ in range(sides)]
        self._stores: list[Any] = []
        self._closers: list[AsyncExitStack] = []
        self._closed: set[int] = set()
        self._trouble: Trouble | None = None
        self.errors: list[Exception] = []
        """What was raised last."""
        self._stack = AsyncExitStack()
        self._limit = asyncio.timeout(None)
        self._began, self.passed = time.monotonic(), timedelta(0)
        self._handed: list[tuple[Any, Record]] = []
        self._count = 0
        self._cause: tuple[int, tuple[str, ...]] | None = None
        self._written: list[str] = []
        self._is_plain = True
        self._has_ticked = False

    async def play(self, walk: Any = None) -> None:
        """Play the scenario, or what a walk draws. What is found goes to the tally.

        Raises:
            HookMissingError: if the harness has not the hook that an action needs.
        """
        try:
            async with self._stack, self._limit:
                if fails := [one for one in self.scenario.actions if isinstance(one, Fail)]:
                    trouble = Trouble(self.harness, self.namespace, fails[0].failure.seconds)
                    self._trouble = await self._stack.enter_async_context(trouble)
                for on in range(self.scenario.instances):
                    await self._open(on)
                for action in self.scenario.actions:
                    await self.perform(action)
                if walk is not None:
                    await walk.play(self)
                self._check_handed()
                self.tally.exercised.update(self.scenario.about)
        except EndedError:
            pass
        except TimeoutError:
            if not self._limit.expired():
                raise
            name = self.done[-1][0].operation if self.done and isinstance(self.done[-1][0], Call) else "a call"
            self._report(("ATOM-06",), "an answer", f"none within {self.tally.seconds:g} s", (name, "hangs"))
            self.tally.seconds = min(self.tally.seconds, 1)  # it is waited for once
        finally:
            self.harness.discard(self.namespace)

    def resolve(self, value: Any) -> Any:
        """What a value stands for, or nothing if the call that it names has failed."""
        return (resolved({"": value}, self.results) or {}).get("")

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
        self.done.append((action, None))
        match action:
            case Call():
                await self._call(action)
            case Fail():
                await self._fail(action)
            case Race():
                await self._race(action)
            case Look():
                for call in self._reads():
                    await self._read(call)
            case Wait(by):
                self.harness.advance(self.namespace, by)
                self.passed += by
                self._is_plain = False
            case Tick():
                await asyncio.sleep(_TICK)
                self._has_ticked = True
            case Reopen(on):
                await self._closers[on].aclose()
                await self._open(on)
                self._is_plain = False
                if Capability.PERSISTENT not in self.harness.capabilities and self.scenario.instances == 1:
                    self._candidates[0] = [Candidate(State(self._lifetime))]
            case Close(on):
                await self._closers[on].aclose()
                self._closed.add(on)
            case Populate():
                await self._populate(action)
            case Pages():
                await self._pages(action)

    def _extend(self) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time() + self.tally.seconds)
        self.tally.on_progress()

    async def _open(self, on: int) -> None:
        closer = await self._stack.enter_async_context(AsyncExitStack())
        opened = self._trouble.open() if self._trouble is not None and on == 0 else self.harness.open(self.namespace)
        store = await closer.enter_async_context(opened)
        self._stores[on : on + 1], self._closers[on : on + 1] = [store], [closer]

    def _now(self) -> timedelta:
        if self._lifetime is None:
            return self.passed
        return self.passed + timedelta(seconds=time.monotonic() - self._began)

    # Calls

    async def _call(self, call: Call) -> None:
        arguments = resolved(call.arguments, self.results)
        if arguments is None:
            raise EndedError
        observed, raw, at = await self._make(call, arguments)
        self.done[-1] = call, observed
        outcome = self._judge(call, arguments, observed, at)
        if raw is not None:
            self._check(call, outcome, observed, raw)
        if call.label and isinstance(observed, Record | Page):
            self.results[call.label] = observed
        if call.operation not in READS:
            self._remember(call, arguments, outcome, observed)

    def _remember(self, call: Call, arguments: Mapping[str, Any], outcome: Outcome, observed: Any) -> None:
        """Keep which task a write was about, and what requires its effect: what reads show next is about that."""
        if isinstance(observed, Record):
            self.last[str(observed.task_id)] = observed
        task_id = (
            getattr(observed, "task_id", None)
            or arguments.get("task_id")
            or getattr(arguments.get("task"), "task_id", "")
        )
        if isinstance(task_id, str) and task_id:
            self._written = [task_id, *(one for one in self._written if one != task_id)][:3]
        refused = isinstance(outcome.result, Raised) and outcome.result.error in ("InvalidArgument", "TaskFinal")
        self._cause = call.on, ("LIFE-14",) if refused else tuple(outcome.requirements)

    async def _read(self, call: Call) -> None:
        """Make a call of a `Look` or a `Pages`. It stands in the script if it shows something."""
        self._extend()
        observed, raw, at = await self._make(call, call.arguments)
        for _ in range(_ATTEMPTS if self._trouble is not None else 0):
            if not is_late(observed):
                break
            await asyncio.sleep(_TICK)  # it is impatient, and the machine may be slow
            observed, raw, at = await self._make(call, call.arguments)
        self.done.append((call, observed))
        outcome = self._judge(call, call.arguments, observed, at)
        self.done.pop()
        if raw is not None:
            self._check(call, outcome, observed, raw)

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
            self.errors.append(error)
        else:
            observed = result_of(answer, has_cursor=self._has_cursor)
        finally:
            if self.tally.spoils:
                for value in given.values():
                    spoil_argument(value)
        return observed, answer, Span(earliest, self._now())

    def _judge(  # noqa: C901  one search
        self, call: Call, arguments: Mapping[str, Any], observed: Any, at: Span
    ) -> Outcome:
        """Keep the states that explain a result. If there is none, report it, and end the scenario if it is new."""
        made = Invocation(call.operation, dict(arguments), at)
        if call.on in self._closed:
            outcome = Outcome(Raised("StoreNotOpen"), self.state, ("API-03",))
            if names := differences(outcome.result, observed):
                self._disagree(call, outcome, observed, names)
                raise EndedError
            self.tally.exercised["API-03"] += 1
            return outcome
        side = call.on if len(self._candidates) > 1 else 0
        matching: list[Candidate] = []
        nearest: tuple[int, tuple[str, ...], Outcome] | None = None
        first: Outcome | None = None
        for candidate in with_pending(self._candidates[side]):
            state = bind(candidate.state, observed)
            if call.operation in _BY_TIME and not state.is_seen:  # it depends on a time that nobody knows yet
                continue
            for outcome in step(state, made):
                if not (names := differences(outcome.result, observed)):
                    first = outcome if first is None or outcome.written is None else first
                    matching.append(Candidate(after(outcome, observed, made), candidate.pending))
                elif nearest is None or _distance(names) < nearest[0]:
                    nearest = _distance(names), names, outcome
        if first is not None:
            self._candidates[side] = matching if len(matching) == 1 else distinct(matching)
            self.tally.exercised.update(("API-02", *first.requirements))
            return first
        if nearest is None:
            raise EndedError
        _, names, outcome = nearest
        if not self._disagree(call, outcome, observed, names):
            raise EndedError
        self._candidates[side] = [Candidate(_adopted(outcome, observed, made))]
        return outcome

    def _disagree(self, call: Call, outcome: Outcome, observed: Any, names: tuple[str, ...]) -> bool:
        """Report a result that differs from the nearest that is allowed, unless it was learned. Say whether it was."""
        signature = _signature(call.operation, outcome.result, observed, names)
        if signature in self.tally.learned:
            return True
        on, cause = self._cause or (0, ())
        is_read = call.operation in READS
        if is_read and on != call.on:
            cause = ("SHARE-01" if self._is_shared else "SHARE-02", *cause)
        requirements = blame(outcome, observed, names, cause if is_read else ())
        if "after" in call.arguments and not isinstance(outcome.result, Raised):
            requirements = ("LIST-12", *requirements)
        if self._is_haunted(outcome, observed):
            requirements = ("LIST-10",) if self._is_shared else ("DUR-03", "SHARE-02")
        self._report(
            (*self.scenario.about, *requirements) if not self._is_plain else (*requirements, *self.scenario.about),
            describe(outcome.result, names),
            describe(observed, names),
            signature,
        )
        return False

    def _is_haunted(self, outcome: Outcome, observed: Any) -> bool:
        """Whether there are tasks where the scenario has not written any."""
        if self.last or outcome.state.tasks:
            return False
        return getattr(observed, "total", 0) != 0 or (isinstance(observed, Raised) and observed.error == "TaskExists")

    def _report(self, requirements: tuple[str, ...], expected: str, actual: str, signature: Signature) -> None:
        done = tuple(action for action, _ in self.done)
        scenario = replace(self.scenario, actions=done)
        unique = tuple(dict.fromkeys(requirements))
        lines = lines_of(self.done)
        self.tally.add(Finding(unique, expected, actual, signature, scenario, lines, self._is_plain))

    # What no model can know of a result

    def _check(self, call: Call, outcome: Outcome, observed: Any, raw: Any) -> None:
        """Check types, clocks and ids, and keep what was handed out."""
        if isinstance(observed, Odd):
            return
        tasks = [raw] if isinstance(observed, Record) else list(getattr(raw, "tasks", ()))[:2]
        self.tally.exercised["VAL-10"] += 1
        for task in tasks:
            for name, requirement in type_faults(task):
                self._fault((requirement,), f"{name} of the contract's type", f"{shown(getattr(task, name))}", name)
        if outcome.written is not None and isinstance(observed, Record):
            self._check_times(call, outcome.written, observed)
            if isinstance(outcome.written.task_id, Symbol):
                self._check_id(observed.task_id)
        if self.tally.spoils:
            for task in tasks:
                self._count += 1
                if self._count % _SPOILED == 0:
                    spoil_task(task)
                elif len(self._handed) < _KEPT:
                    self._handed.append((task, record_of(task)))

    def _check_times(self, call: Call, written: Record, observed: Record) -> None:
        now = datetime.now(UTC)
        requirement = "VAL-10" if call.operation == "create_task" else "LIFE-17"
        for name in ("created_at", "updated_at", "completed_at"):
            wanted, moment = getattr(written, name), getattr(observed, name)
            if not isinstance(wanted, Symbol) or not isinstance(moment, datetime):
                continue
            before = wanted.not_before if isinstance(wanted.not_before, datetime) else now
            if not now - _CLOCK_SLACK <= moment <= max(now + self.passed, before) + _CLOCK_SLACK:
                self._fault((requirement,), f"{name} is {now}, by the clock", f"{moment}", name)
            elif self._has_ticked and call.operation != "create_task" and moment == before <= now + self.passed:
                self._fault((requirement,), f"{name} is later than {before}", "it is the same", name)
        self._has_ticked = False

    def _check_id(self, task_id: Any) -> None:
        if task_id in self.tally.made:
            again = "ID-01" if task_id in self.made else "ID-02"
            self._fault((again,), "an id that no other task got", f"{task_id!r} again", "task_id")
        if not OWN_ID.fullmatch(str(task_id)):
            self._fault(("ID-02",), "an id of task_ and 32 hexadecimal digits", shown(task_id), "task_id")
        self.tally.made.add(task_id)
        self.made.append(task_id)
        self.tally.exercised.update(("ID-01", "ID-02"))

    def _fault(self, requirements: tuple[str, ...], expected: str, actual: str, name: str) -> None:
        signature = ("check", name, requirements)
        if signature not in self.tally.learned:
            self._report(requirements, expected, actual, signature)
            raise EndedError

    def _check_handed(self) -> None:
        for task, record in self._handed if self.tally.spoils else ():
            if names := differences(record, now := result_of(task)):
                was = f"a task that was returned stays {describe(record, names)}"
                self._report(("VAL-02",), was, describe(now, names), ("handed", names))
                return
        self.tally.exercised["VAL-02"] += len(self._handed)

    # Several calls

    async def _race(self, race: Race) -> None:  # noqa: C901  what becomes of each call
        given = [resolved(call.arguments, self.results) for call in race.calls]
        if None in given:
            raise EndedError
        began, self._is_plain = self._now(), False
        tasks = [
            asyncio.ensure_future(self._make(call, arguments or {}))
            for call, arguments in zip(race.calls, given, strict=True)
        ]
        for _ in range(race.turns if race.cancelled or race.closes else 0):
            await asyncio.sleep(0)
        for place in race.cancelled:
            tasks[place].cancel()
        if race.closes:
            self._closed.add(race.calls[0].on)
            await self._closers[race.calls[0].on].aclose()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self.done[-1] = race, [one if isinstance(one, BaseException) else one[0] for one in results]
        answered: list[tuple[Call, Invocation, Any]] = []
        lost: list[tuple[Call, Invocation]] = []
        for place, (call, arguments, result) in enumerate(zip(race.calls, given, results, strict=True)):
            if isinstance(result, asyncio.CancelledError) and place in race.cancelled:
                lost.append((call, Invocation(call.operation, arguments or {}, Span(began, self._now()))))
            elif isinstance(result, BaseException):
                raise result
            elif race.closes and isinstance(result[0], Raised) and call.on == race.calls[0].on:
                if result[0].error not in _ENDED:
                    words = "StoreUnavailable or StoreNotOpen, when the store is closed"
                    self._fault(("API-04",), words, describe(result[0]), call.operation)
                lost.append((call, Invocation(call.operation, arguments or {}, result[2])))
            else:
                answered.append((call, Invocation(call.operation, arguments or {}, result[2]), result[0]))
        self._explain(answered, lost)
        self._cause = None
        for call, invocation, observed in answered:
            if call.label and isinstance(observed, Record):
                self.results[call.label] = observed
            self._written = [*dict.fromkeys((str(invocation.arguments.get("task_id", "")), *self._written))][:3]

    async def _fail(self, fail: Fail) -> None:
        """Make calls while something fails. What says that it may have happened, has happened or not, at the end."""
        given = [resolved(call.arguments, self.results) for call in fail.calls]
        if None in given or self._trouble is None:
            raise EndedError
        self._limit.reschedule(None)
        self._is_plain, began = False, self._now()
        self.errors.clear()
        made = [
            (call, partial(self._make, call, arguments or {}))
            for call, arguments in zip(fail.calls, given, strict=True)
        ]
        close = self._closers[0].aclose if fail.closes else None
        results = await self._trouble.meet(fail, made, self._stores, close, self.tally.seconds)
        self._extend()
        self._closed.update([0] if fail.closes else [])
        self.done[-1] = fail, [one[0] if isinstance(one, tuple) else one for one in results]
        answered: list[tuple[Call, Invocation, Any]] = []
        lost: list[tuple[Call, Invocation]] = []
        for call, arguments, result in zip(fail.calls, given, results, strict=True):
            observed, at = (result[0], result[2]) if isinstance(result, tuple) else (result, Span(began, self._now()))
            verdict = self._trouble.verdict(fail, call, observed)
            self._complain(fail, verdict.complaint, observed, call.operation)
            named = dict(observed.facts).get("task_id") if verdict.has_failed and isinstance(observed, Raised) else None
            invocation = Invocation(call.operation, {**(arguments or {}), **({"task_id": named} if named else {})}, at)
            if not verdict.has_failed:
                answered.append((call, invocation, observed))
            elif verdict.may_have_happened:
                lost.append((call, invocation))
            if call.label and (named or isinstance(observed, Record)):
                self.results[call.label] = Named(named) if named else observed
            task_id = getattr(observed, "task_id", None) or invocation.arguments.get("task_id")
            self._written += [task_id] if task_id and task_id not in self._written else []
        self._complain(fail, self._trouble.complaint(self.errors))
        if lost and fail.failure.may_tear:
            raise EndedError
        self._explain(answered, lost)
        self._candidates = [[Candidate(one.state) for one in with_pending(side)] for side in self._candidates]
        self._cause = None

    def _complain(self, fail: Fail, complaint: Complaint | None, observed: Any = None, operation: str = "") -> None:
        if complaint is None:
            return
        if isinstance(observed, TimeoutError):
            self.tally.seconds = min(self.tally.seconds, 1)  # it is waited for once
        requirements = tuple(filter(None, (complaint.number, *self.scenario.about)))
        actual = complaint.actual or describe(observed)
        self._report(requirements, complaint.expected, actual, (fail.failure.name, operation, complaint.number))
        raise EndedError

    def _explain(self, answered: list[tuple[Call, Invocation, Any]], lost: list[tuple[Call, Invocation]]) -> None:
        """Find the orders of calls that explain their results."""
        about = self.scenario.about or ("ATOM-01",)
        for made, observed in ((made, observed) for _, made, observed in answered):
            if isinstance(observed, Odd) or (isinstance(observed, Raised) and observed.error not in _REFUSALS):
                self._report(about, "a result of the contract", describe(observed), ("race", (made.operation,)))
                raise EndedError
        for side, candidates in enumerate(self._candidates):
            here = [(made, observed) for call, made, observed in answered if self._side(call) == side]
            pending = tuple(made for call, made in lost if self._side(call) == side)
            found = explanations([Candidate(one.state, (*one.pending, *pending)) for one in candidates], here)
            if not found:
                results = [describe(observed) for _, observed in here]
                requirements = blame(Outcome(None, self.state, about), tuple(one for _, one in here), ())
                operations = tuple(sorted({made.operation for made, _ in here}))
                self._report(
                    requirements,
                    "results that some order of the calls explains",
                    "; ".join(results[:6]),
                    ("race", operations),
                )
                raise EndedError
            self._candidates[side] = found
        self.tally.exercised.update(about)

    def _side(self, call: Call) -> int:
        return call.on if len(self._candidates) > 1 else 0

    def _reads(self) -> list[Call]:
        """The reads of a `Look`: the tasks of the last writes, and the listings in which they are or were."""
        tasks = self.state.tasks
        recent = self._written or [key for key in tasks if key[:1] != "\0"][-2:]
        known = [tasks[one][0].status for one in recent if one in tasks]
        before = [self.last[one].status for one in recent if one in self.last]
        statuses = dict.fromkeys([*known, *before] or ["pending"])
        calls = []
        for on in range(self.scenario.instances):
            if on not in self._closed:
                calls += [get(one, on) for one in recent]
                calls.append(listing(on=on))
                calls += [listing(on=on, status=TaskStatus(one)) for one in statuses if one in STATUSES]
        return calls

    async def _populate(self, action: Populate) -> None:
        """Create many tasks, in batches of calls at the same time, then give them their statuses."""
        tasks = dict(self.state.tasks)
        calls = [create(video_ids=(f"v{number}",)) for number in range(action.count)]
        await self._batches(calls, tasks)
        if "ID-02" in self.scenario.about and len(self.made) >= ENOUGH and (words := regular(self.made)):
            self._fault(("ID-02",), "ids of random digits", words, "task_id")
        ids = list(tasks)
        statuses = [action.statuses[number % len(action.statuses)] for number in range(len(ids))]
        calls = [update(one, TaskStatus(to)) for one, to in zip(ids, statuses, strict=True) if to != "pending"]
        await self._batches(calls, tasks)
        self._candidates[0] = [Candidate(State(self._lifetime, tasks))]
        self.tally.exercised.update(("LIFE-01", "ATOM-01"))

    async def _batches(self, calls: list[Call], tasks: dict[str, tuple[Record, Span]]) -> None:
        for first in range(0, len(calls), _BATCH):
            self._extend()
            batch = calls[first : first + _BATCH]
            results = await asyncio.gather(*(self._make(call, call.arguments) for call in batch))
            for call, (observed, _, at) in zip(batch, results, strict=True):
                known = call.arguments.get("task_id")
                before = State(self._lifetime, {known: tasks[known]} if known is not None else {})
                outcome = step(before, Invocation(call.operation, call.arguments, at))[0]
                names = differences(outcome.result, observed)
                if names and not self._disagree(call, outcome, observed, names):
                    raise EndedError
                if not isinstance(observed, Record) or not is_usable(observed):
                    raise EndedError
                if isinstance(outcome.result, Record) and isinstance(outcome.result.task_id, Symbol):
                    self._check_id(observed.task_id)
                tasks[str(observed.task_id)] = observed, at

    async def _pages(self, action: Pages) -> None:
        """Read all pages of a listing."""
        arguments: dict[str, Any] = {"limit": action.limit} | ({"status": action.status} if action.status else {})
        for number in range(len(self.state.tasks) // action.limit + 2):
            call = listing(**arguments)
            await self._read(call)
            page, _, _ = await self._make(call, arguments)
            if not isinstance(page, Page) or not page.records or (action.by_cursor and page.following is None):
                return
            arguments |= {"after": page.following} if action.by_cursor else {"offset": (number + 1) * action.limit}


def _distance(names: tuple[str, ...]) -> int:
    return 10**6 if "" in names else len(names)


def _signature(operation: str, expected: Any, observed: Any, names: tuple[str, ...]) -> Signature:
    """What came in place of what: values where they are short, else their types."""
    if isinstance(observed, Raised):
        facts = tuple((name, value) for name, value in observed.facts if name in ("argument", "status"))
        return operation, type(expected).__name__, observed.error, facts
    if isinstance(expected, Raised):
        return operation, expected.error, tuple(one for one in expected.facts if one[0] == "argument"), "a result"
    if isinstance(expected, Record) and isinstance(observed, Record):
        pairs = ((name, _kind(getattr(expected, name)), _kind(getattr(observed, name))) for name in names)
        return operation, *pairs
    return operation, names, type(observed).__name__


def _kind(value: Any) -> Any:
    is_small = value is None or (isinstance(value, str | float | int) and len(str(value)) <= _WORD)
    return value if is_small else type(value).__name__


def _adopted(outcome: Outcome, observed: Any, made: Invocation) -> State:
    """The state to go on from after a result that was learned.

    Raises:
        EndedError: if there is none.
    """
    expected = outcome.result
    if isinstance(expected, Record) and isinstance(observed, Record) and is_usable(observed):
        if expected.task_id != observed.task_id and not isinstance(expected.task_id, Symbol):
            raise EndedError
        values: dict[str, Any] = {
            name: one
            for name, one in zip(Record._fields, observed, strict=True)
            if type(one) is type(getattr(expected, name)) or isinstance(getattr(expected, name), Symbol | type(None))
        }
        known = outcome.state.tasks.get(str(observed.task_id))
        at = made.at if outcome.written is not None or known is None else known[1]
        return outcome.state.with_task(expected._replace(**values), at)
    if type(expected) is type(observed) and isinstance(expected, Raised | Page | int | type(None)):
        return outcome.state
    raise EndedError
