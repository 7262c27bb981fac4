"""The player: makes the calls of a scene on a store, compares each result with the model, and says what is broken."""

from __future__ import annotations

import asyncio
import secrets
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.engine.arguments import for_store, spoil_argument
from conformance.engine.belief import Possible, after, bind, explanations, unlike, with_lost_calls
from conformance.engine.blame import Cause, Sight, blame
from conformance.engine.observe import (
    Odd,
    contrast,
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
from conformance.engine.scene import (
    Action,
    Advance,
    Close,
    Known,
    Optional,
    Populate,
    Reopen,
    Scene,
    Step,
    Text,
    Tick,
    Together,
    UnknownReferenceError,
    Walk,
    create,
    get,
    listing,
    resolved,
)
from conformance.engine.script import Script
from conformance.harness import Capability, Harness
from conformance.spec.model import (
    FIELDS,
    LIFETIME,
    Call,
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

SECONDS = 30
"""A call that takes longer is reported and given up."""
SIZES = (0, 1, 2, 50, 51, 250, 1_000, 1_001, 10_000)
"""The sizes of a store that are counted apart."""
_BATCH = 50
_SHOWN_CALLS = 8
_AUDITED = 5
_CLOCK_SLACK = timedelta(minutes=5)
_KEPT = 64
_TICK = 0.005
_MOST_WRONG = 10**6


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a store did wrong: the requirements it breaks, the nearest first, and how it was seen."""

    requirements: tuple[str, ...]
    words: str
    scene: Scene
    lines: tuple[str, ...]


class SceneEndedError(Exception):
    """The scene cannot go on: what the store holds is not known any more."""


@dataclass
class Tally:
    """What a run gathers over its scenes."""

    findings: list[Finding] = field(default_factory=list)
    exercised: Counter[str] = field(default_factory=Counter)
    """How often a result was compared that these requirements decide."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often an operation ended in a result of that kind."""
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often an operation met a task of that status, or `no task`."""
    sizes: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often an operation was called on a store of at least so many tasks, and less than the next size."""
    made_ids: list[str] = field(default_factory=list)


class Player:
    """Plays scenes on one subject."""

    def __init__(self, harness: Harness, tally: Tally) -> None:
        self._harness = harness
        self._tally = tally

    async def play(self, scene: Scene) -> list[Finding]:
        """Play a scene in a namespace of its own, and return what is wrong.

        Raises:
            HookMissingError: if the scene needs a hook that the harness does not have.
            MethodMissingError: if it needs a method that the store does not have.
        """
        run = _Run(self._harness, self._tally, scene)
        try:
            async with run.stack:
                await run.play()
        finally:
            self._tally.findings += run.findings
            self._harness.discard(run.namespace)
        return run.findings


class MethodMissingError(Exception):
    """The store has no such method."""


class _Run:
    """One scene while it is played."""

    def __init__(self, harness: Harness, tally: Tally, scene: Scene) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.stack = AsyncExitStack()
        self.findings: list[Finding] = []
        self._harness = harness
        self._tally = tally
        self._scene = scene
        self._capabilities = harness.capabilities
        self._script = Script()
        self._stores: list[Any] = []
        self._closers: list[AsyncExitStack] = []
        self._closed: set[int] = set()
        lifetime = LIFETIME if Capability.EXPIRING in self._capabilities else None
        beliefs = 1 if Capability.SHARED in self._capabilities else scene.instances
        self._beliefs = [[Possible(State(lifetime))] for _ in range(beliefs)]
        self._passed = timedelta(0)
        self._began = time.monotonic()
        self._known: dict[str, Any] = {}
        self._cause: Cause | None = None
        self._was_reopened = False
        self._handed: list[tuple[Any, Record]] = []
        self._count = 0
        self._latest: dict[str, Record] = {}
        self._idle: dict[str, list[str]] = {}
        self._has_cancelled = False
        self._has_ticked = False
        self._has_looked = False
        self._is_audited = True
        self._reported: set[tuple[Any, ...]] = set()

    async def play(self) -> None:
        for on in range(self._scene.instances):
            await self._open(on)
        for method in self._scene.methods:
            if not hasattr(self._stores[0], method):
                raise MethodMissingError(method)
        try:
            for action in self._scene.actions:
                await self._perform(action)
            self._check_handed(self._handed)
        except SceneEndedError:
            return
        self._tally.exercised.update(self._scene.about)

    async def _open(self, on: int) -> None:
        closer = AsyncExitStack()
        self.stack.push_async_exit(closer)
        store = await closer.enter_async_context(self._harness.open(self.namespace))
        self._stores[on : on + 1] = [store]
        self._closers[on : on + 1] = [closer]

    async def _perform(self, action: Action) -> None:
        await _ACTIONS[type(action)](self, action)

    async def _advance(self, action: Advance) -> None:
        self._script.lines.append(f"# {action.by} pass")
        self._harness.advance(self.namespace, action.by)
        self._passed += action.by

    async def _tick(self, _: Tick) -> None:
        await asyncio.sleep(_TICK)
        self._has_ticked = True

    async def _reopen(self, action: Reopen) -> None:
        self._script.lines.append(f"# store{action.on + 1} is closed and opened again")
        await self._closers[action.on].aclose()
        await self._open(action.on)
        self._was_reopened = True
        if Capability.PERSISTENT not in self._capabilities:
            self._beliefs[self._side(action.on)] = [Possible(State(self._lifetime))]

    async def _close(self, action: Close) -> None:
        self._script.lines.append(f"# store{action.on + 1} is closed")
        await self._closers[action.on].aclose()
        self._closed.add(action.on)

    async def _optional(self, action: Optional) -> None:
        if action.needs <= self._capabilities and all(hasattr(self._stores[0], one) for one in action.methods):
            for inner in action.actions:
                await self._perform(inner)

    async def _known_actions(self, action: Known) -> None:
        self._is_audited = False
        for inner in action.actions:
            await self._perform(inner)
        self._is_audited = True

    @property
    def _lifetime(self) -> timedelta | None:
        return LIFETIME if Capability.EXPIRING in self._capabilities else None

    def _side(self, on: int) -> int:
        return on if len(self._beliefs) > 1 else 0

    async def _step(self, planned: Step) -> None:
        arguments = self._resolved(planned.arguments)
        if self._is_audited:
            await self._look_before(planned, arguments)
        observed, raw, at = await self._call(planned, arguments)
        self._script.step(planned, f"raises {observed.error}" if isinstance(observed, Raised) else "")
        outcome = await self._compare(planned, arguments, observed, raw, at)
        before = self._remember(planned, arguments, outcome, observed)
        is_write = planned.operation not in ("get_task", "list_tasks")
        if is_write and self._is_audited and planned.on not in self._closed:
            await self._audit(planned, arguments, outcome, observed, before)

    def _remember(self, planned: Step, arguments: Mapping[str, Any], outcome: Outcome, observed: Any) -> Record | None:
        """Keep what came out under its label, and count what changed nothing. Return the task as it was before."""
        if planned.label and isinstance(observed, Record | Page):
            self._known[planned.label] = observed
        task_id = _id_of(arguments, observed)
        before = self._latest.get(task_id)
        if isinstance(observed, Record):
            self._latest[task_id] = observed
        if outcome.written is not None:
            self._idle.pop(task_id, None)
        elif planned.operation in ("create_task", "update_task_status", "cancel_task", "restore"):
            is_refused = isinstance(outcome.result, Raised) and outcome.result.error in ("InvalidArgument", "TaskFinal")
            self._idle.setdefault(task_id, []).extend((*("LIFE-14",) * is_refused, *outcome.requirements))
        return before

    def _resolved(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return {name: resolved(value, self._known) for name, value in arguments.items()}
        except UnknownReferenceError:  # the step that it refers to failed, which is reported
            raise SceneEndedError from None

    async def _call(self, planned: Step, arguments: Mapping[str, Any]) -> tuple[Any, Any, Span]:
        """Make a call. Return its result in the model's words, what was returned, and when it was made."""
        earliest = self._now()
        given = {name: for_store(value) for name, value in arguments.items()}
        method = getattr(self._stores[planned.on], planned.operation)
        try:
            async with asyncio.timeout(SECONDS):
                answer = await method(**given)
        except KeyboardInterrupt:
            raise
        except TimeoutError as error:
            observed: Any = raised_of(error)
            self._report(("ATOM-06",), f"{planned.operation} did not end within {SECONDS} s")
            return observed, None, Span(earliest, self._now())
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            observed, answer = raised_of(error), None
        else:
            observed = result_of(answer)
        finally:
            for value in given.values():
                spoil_argument(value)
        self._tally.calls[planned.operation, observed.error if isinstance(observed, Raised) else "result"] += 1
        return observed, answer, Span(earliest, self._now())

    def _now(self) -> timedelta:
        """The time since the start of the scene, that which the harness let pass included."""
        return self._passed + timedelta(seconds=time.monotonic() - self._began)

    async def _compare(self, planned: Step, arguments: Mapping[str, Any], observed: Any, raw: Any, at: Span) -> Outcome:
        """Keep the states that explain a result. If there is none, report it and go on from the nearest."""
        call = Call(planned.operation, dict(arguments), at)
        if planned.on in self._closed:
            return self._compare_closed(planned, call, observed)
        side = self._side(planned.on)
        self._count_place(planned.operation, arguments, self._beliefs[side][0].state)
        matching: list[Possible] = []
        nearest: tuple[int, tuple[str, ...], Outcome, Possible] | None = None
        first: Outcome | None = None
        is_open = False
        for possible in with_lost_calls(self._beliefs[side]):
            bound = bind(possible.state, observed)
            if planned.operation in _BY_TIME and bound.unseen():  # it depends on a time that nobody knows yet
                is_open = True
                continue
            for outcome in step(bound, call):
                names = tuple(differences(outcome.result, observed))
                if not names:
                    first = outcome if first is None or outcome.written is None else first
                    matching.append(Possible(after(outcome, observed, call), possible.pending))
                elif nearest is None or _badness(names) < nearest[0]:
                    nearest = _badness(names), names, outcome, possible
        if first is not None:
            self._beliefs[side] = unlike(matching)
            self._tally.exercised.update({*first.requirements, *planned.about})
            outcome = first
        elif is_open or nearest is None:
            raise SceneEndedError
        else:
            _, names, outcome, possible = nearest
            lost = await self._is_lost(planned, outcome.result, observed)
            self._disagree(planned, arguments, outcome, observed, names, possible.state, lost=lost)
            self._beliefs[side] = [self._adopted(outcome, observed, possible, call)]
        if raw is not None:
            self._check_result(planned, outcome, observed, raw)
        return outcome

    async def _is_lost(self, planned: Step, expected: Any, observed: Any) -> bool:
        """Whether a task that a page leaves out is not found by its id either."""
        if not isinstance(expected, Page) or not isinstance(observed, Page):
            return False
        came = {one.task_id for one in observed.records}
        missing = next((one.task_id for one in expected.records if one.task_id not in came), None)
        if missing is None:
            return False
        found, _, _ = await self._call(replace(get(), on=planned.on), {"task_id": missing})
        return isinstance(found, Raised) and found.error == "TaskNotFound"

    def _count_place(self, operation: str, arguments: Mapping[str, Any], state: State) -> None:
        """Count what a call meets: the status of its task, and the size of the store."""
        task_id = arguments.get("task_id")
        if isinstance(task_id, str):
            task = state.get(task_id)
            self._tally.met[operation, "no task" if task is None else task.status] += 1
        self._tally.sizes[operation, SIZES[bisect_right(SIZES, len(state.tasks)) - 1]] += 1

    def _compare_closed(self, planned: Step, call: Call, observed: Any) -> Outcome:
        outcome = Outcome(Raised("StoreNotOpen"), self._beliefs[0][0].state, ("API-03",))
        names = tuple(differences(outcome.result, observed))
        if names:
            self._disagree(planned, call.arguments, outcome, observed, names, outcome.state)
            raise SceneEndedError
        self._tally.exercised["API-03"] += 1
        return outcome

    def _disagree(
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
        is_refused = isinstance(observed, Raised) and not isinstance(outcome.result, Raised)
        about = (*planned.about, "ATOM-06") if self._has_cancelled and is_refused else planned.about
        sight = Sight(
            planned.operation,
            arguments,
            about,
            state,
            outcome,
            observed,
            names,
            planned.on,
            self._cause,
            tuple(self._idle.get(str(arguments.get("task_id")), ())),
            lost,
            self._was_reopened,
            bool(self._passed),
            self._capabilities,
        )
        words = f"{planned.operation} gave {contrast(outcome.result, observed, names)}"
        call = f"await {self._script.call(planned)}"
        lines = () if call in "".join(self._script.lines[-1:]) else (call,)  # a read of the engine's own is not there
        broken = blame(sight) or ("API-02",)
        self._report(broken, words, planned.operation, names, lines=lines)
        if type(observed) is type(outcome.result):  # what is not wrong in it was compared all the same
            self._tally.exercised.update({*outcome.requirements} - {*broken})

    def _adopted(self, outcome: Outcome, observed: Any, possible: Possible, call: Call) -> Possible:
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
        if isinstance(expected, Raised) and isinstance(observed, Raised):
            return Possible(outcome.state, possible.pending)
        if isinstance(expected, Page) and isinstance(observed, Page):
            return Possible(outcome.state, possible.pending)
        if type(expected) is int and type(observed) is int:
            return Possible(outcome.state, possible.pending)
        raise SceneEndedError

    def _check_result(self, planned: Step, outcome: Outcome, observed: Any, raw: Any) -> None:
        """What the model cannot know of a result: its times by the clock, its id, and whether it is ours to change."""
        if isinstance(observed, Odd):
            return
        self._tally.exercised["VAL-10"] += 1
        tasks = [raw] if isinstance(observed, Record) else list(getattr(raw, "tasks", ()))
        records = [observed] if isinstance(observed, Record) else list(getattr(observed, "records", ()))
        for task in tasks[:2]:
            for name, requirement in type_faults(task):
                self._report((requirement,), f"{name} is {shown(getattr(task, name))}", "type", name)
        if outcome.written is not None and isinstance(observed, Record):
            self._check_written(planned, outcome, observed)
        for task, record in list(zip(tasks, records, strict=False))[:2]:
            self._count += 1
            if self._count % 2:
                spoil_task(task)
            if len(self._handed) < _KEPT:
                self._handed.append((task, record_of(task) if self._count % 2 else record))
        if planned.operation not in ("get_task", "list_tasks"):
            self._check_handed(self._handed[-4:])

    def _check_written(self, planned: Step, outcome: Outcome, observed: Record) -> None:
        if isinstance(outcome.written and outcome.written.task_id, Symbol):
            self._tally.made_ids.append(str(observed.task_id))
        if self._has_ticked and planned.operation != "create_task":
            self._has_ticked = False
            symbol = outcome.written and outcome.written.updated_at
            if isinstance(symbol, Symbol) and observed.updated_at == symbol.not_before:
                words = f"updated_at is still {observed.updated_at}, {_TICK} s after the write before"
                self._report(("LIFE-17",), words, planned.operation, ("updated_at",))
        now = datetime.now(UTC)
        for name in ("created_at", "updated_at", "completed_at"):
            moment, expected = getattr(observed, name), getattr(outcome.written, name)
            if not isinstance(expected, Symbol) or not isinstance(moment, datetime):
                continue
            if not now - _CLOCK_SLACK <= moment <= now + self._passed + _CLOCK_SLACK and not _is_behind(expected, now):
                requirement = "LIFE-17" if name == "updated_at" and planned.operation != "create_task" else "VAL-10"
                self._report(
                    (requirement,), f"{name} is {moment}, and the clock says {now}", planned.operation, (name,)
                )

    def _check_handed(self, handed: Iterable[tuple[Any, Record]]) -> None:
        for task, record in handed:
            names = list(differences(record, result_of(task)))
            if names:
                now = describe(result_of(task), tuple(names))
                words = f"a task that was returned earlier changed: {now}; it was {describe(record, tuple(names))}"
                self._report(("VAL-02",), words, "handed", tuple(names))
        self._tally.exercised["VAL-02"] += 1

    def _report(self, requirements: tuple[str, ...], words: str, *key: Any, lines: tuple[str, ...] = ()) -> None:
        if key not in self._reported or not key:  # what is wrong here is wrong on every instance: once is enough
            self._reported.add(key)
            self.findings.append(Finding(requirements, words, self._scene, (*self._script.lines, *lines, f"# {words}")))

    async def _look_before(self, planned: Step, arguments: Mapping[str, Any]) -> None:
        """Read what the first write and a creation under a known id are going to change."""
        if planned.operation in ("get_task", "list_tasks") or planned.on in self._closed:
            return
        task_id = arguments.get("task_id", getattr(arguments.get("task"), "task_id", None))
        reads = [] if self._has_looked else [listing()]
        if planned.operation in ("create_task", "restore") and isinstance(task_id, str):
            reads.append(get(Text(task_id)))
        self._has_looked = True
        for on in range(self._scene.instances):
            for read in reads if on not in self._closed else ():
                resolved = self._resolved(read.arguments)
                placed = replace(read, on=on)
                seen, raw, at = await self._call(placed, resolved)
                await self._compare(placed, resolved, seen, raw, at)

    async def _audit(
        self,
        planned: Step,
        arguments: Mapping[str, Any],
        outcome: Outcome,
        observed: Any,
        before: Record | None,
    ) -> None:
        """Read what a write may have changed, where it was made and on the other instances."""
        self._cause = Cause(planned.operation, arguments, outcome, observed, planned.on, before)
        if isinstance(outcome.result, Raised) and outcome.result.error in ("InvalidArgument", "TaskFinal"):
            self._tally.exercised["LIFE-14"] += 1
        task_id = _id_of(arguments, observed)
        statuses = {getattr(one, "status", None) for one in (observed, outcome.result, before)}
        if before is not None and len(statuses & _STATUSES) == 1:
            statuses = set()  # the status is what it was: the listing of all shows the rest
        ids = [task_id] if task_id else list(self._latest)[:_AUDITED] if planned.operation == "purge" else []
        reads = [get(Text(one)) for one in ids]
        reads.append(listing())
        reads += [listing(status=TaskStatus(one)) for one in sorted(s for s in statuses if s in _STATUSES)]
        for on in sorted(range(self._scene.instances), key=lambda one: one != planned.on):
            if on in self._closed:
                continue
            about = () if on == planned.on else ("SHARE-01",) if len(self._beliefs) == 1 else ("SHARE-02",)
            for each in reads:
                read = replace(each, on=on, about=about)
                resolved = self._resolved(read.arguments)
                seen, raw, at = await self._call(read, resolved)
                await self._compare(read, resolved, seen, raw, at)
        self._cause = None

    async def _together(self, action: Together) -> None:
        """Make calls at the same time, and look for an order that explains their results."""
        planned = action.steps
        arguments = [self._resolved(one.arguments) for one in planned]
        calls = ", ".join(self._script.call(one) for one in planned[:_SHOWN_CALLS])
        calls += f", …  # {len(planned)} calls" if len(planned) > _SHOWN_CALLS else ""
        lost = f"  # the last {action.cancelled} are cancelled" if action.cancelled else ""
        self._script.lines.append(f"await asyncio.gather({calls}){lost}")
        began = self._now()
        tasks = [asyncio.ensure_future(self._call(*one)) for one in zip(planned, arguments, strict=True)]
        if action.cancelled:
            self._has_cancelled = True
            for _ in range(action.turns):
                await asyncio.sleep(0)
            for task in tasks[-action.cancelled :]:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        answered: list[tuple[Step, Call, Any]] = []
        lost_calls: list[tuple[Step, Call]] = []
        kept = len(planned) - action.cancelled
        for number, (one, given, result) in enumerate(zip(planned, arguments, results, strict=True)):
            at = Span(began, self._now()) if isinstance(result, BaseException) else result[2]
            call = Call(one.operation, given, at)
            if isinstance(result, asyncio.CancelledError) and number >= kept:
                lost_calls.append((one, call))
            elif isinstance(result, BaseException):
                raise result
            elif action.is_independent:
                await self._compare(one, given, *result)
            else:
                answered.append((one, call, result[0]))
        if action.is_independent:
            return
        await self._explain(action, answered, lost_calls)
        if self._is_audited:
            await self._audit_all(action)

    async def _explain(
        self, action: Together, answered: list[tuple[Step, Call, Any]], lost_calls: list[tuple[Step, Call]]
    ) -> None:
        about = _about(action)
        for side, beliefs in enumerate(self._beliefs):
            here = [(call, observed) for one, call, observed in answered if self._side(one.on) == side]
            lost = tuple(call for one, call in lost_calls if self._side(one.on) == side)
            start = [Possible(one.state, (*one.pending, *lost)) for one in beliefs]
            found = explanations(start, here)
            if not found:
                results = "; ".join(describe(observed, FIELDS[:3]) for _, observed in here)
                self._report(about, f"no order of the calls explains their results: {results}", "together")
                raise SceneEndedError
            self._beliefs[side] = found
        self._tally.exercised.update(about)
        for planned, _, observed in answered:
            if planned.label and isinstance(observed, Record):
                self._known[planned.label] = observed

    async def _audit_all(self, action: Together) -> None:
        about = _about(action)
        for on in range(self._scene.instances):
            beliefs = self._beliefs[self._side(on)]
            ids = sorted({task_id for one in beliefs for task_id in one.state.tasks if task_id[:1] != "\0"})
            for read in [*(get(Text(task_id), on, about) for task_id in ids[:20]), listing(on=on, about=about)]:
                resolved = self._resolved(read.arguments)
                seen, raw, at = await self._call(read, resolved)
                await self._compare(read, resolved, seen, raw, at)

    async def _populate(self, action: Populate) -> None:
        """Create many tasks, in batches of calls at the same time, then give them their statuses."""
        self._script.lines.append(f"# {action.count} tasks are created, of the statuses {', '.join(action.statuses)}")
        state = self._beliefs[0][0].state
        tasks = state.tasks.copy()
        for status in (None, *(one for one in dict.fromkeys(action.statuses) if one != "pending")):
            planned = self._population(action, status, list(tasks))
            for first in range(0, len(planned), _BATCH):
                batch = planned[first : first + _BATCH]
                results = await asyncio.gather(*(self._call(one, one.arguments) for one in batch))
                for one, (observed, _, at) in zip(batch, results, strict=True):
                    model = Call(one.operation, one.arguments, at)
                    known = one.arguments.get("task_id")
                    before = State(self._lifetime, {known: tasks[known]} if known is not None else {})
                    (outcome, *_) = step(before, model)
                    names = tuple(differences(outcome.result, observed))
                    if names:
                        self._disagree(one, one.arguments, outcome, observed, names, before)
                    if not isinstance(observed, Record) or not is_usable(observed):
                        raise SceneEndedError
                    tasks[str(observed.task_id)] = observed, at
                    if known is None:
                        self._check_written(one, outcome, observed)
        self._beliefs[0] = [Possible(State(self._lifetime, tasks))]
        self._tally.exercised.update(("LIFE-01", "ATOM-01"))

    def _population(self, action: Populate, status: str | None, ids: list[str]) -> list[Step]:
        if status is None:
            return [create("", video_ids=(f"v{number}",)) for number in range(action.count)]
        wanted = action.statuses
        chosen = [one for number, one in enumerate(ids) if wanted[number % len(wanted)] == status]
        return [Step("update_task_status", {"task_id": one, "status": TaskStatus(status)}) for one in chosen]

    async def _walk(self, action: Walk) -> None:
        """Read all pages of a listing; `_compare` judges each."""
        status = None if action.status is None else TaskStatus(action.status)
        arguments: dict[str, Any] = {"limit": action.limit, **({} if status is None else {"status": status})}
        how = "cursor" if action.by_cursor else "offset"
        self._script.lines.append(f"# all pages of {action.limit} by {how}, status {action.status}")
        expected = len(self._beliefs[0][0].state.tasks)
        about = ("LIST-12",) if action.by_cursor else ("LIST-04",)
        offset = 0
        for _ in range(expected // action.limit + 3):
            planned = listing(on=action.on, about=about, **arguments)
            observed, raw, at = await self._call(planned, arguments)
            await self._compare(planned, arguments, observed, raw, at)
            if not isinstance(observed, Page) or not observed.records:
                break
            if action.by_cursor:
                if observed.following is None:
                    break
                arguments["after"] = observed.following
            else:
                offset += action.limit
                arguments["offset"] = offset


_ACTIONS: Mapping[type, Callable[[_Run, Any], Awaitable[None]]] = {
    Step: _Run._step,  # noqa: SLF001  the class's own methods
    Together: _Run._together,  # noqa: SLF001
    Populate: _Run._populate,  # noqa: SLF001
    Walk: _Run._walk,  # noqa: SLF001
    Advance: _Run._advance,  # noqa: SLF001
    Tick: _Run._tick,  # noqa: SLF001
    Reopen: _Run._reopen,  # noqa: SLF001
    Close: _Run._close,  # noqa: SLF001
    Known: _Run._known_actions,  # noqa: SLF001
    Optional: _Run._optional,  # noqa: SLF001
}
_STATUSES = {status.value for status in TaskStatus}
_BY_TIME = ("list_tasks", "purge")


def _id_of(arguments: Mapping[str, Any], observed: Any) -> str:
    """The id that a call is about, or an empty text."""
    places = (
        getattr(observed, "task_id", None),
        arguments.get("task_id"),
        getattr(arguments.get("task"), "task_id", None),
    )
    return next((one for one in places if isinstance(one, str)), "")


def _about(action: Together) -> tuple[str, ...]:
    return tuple(dict.fromkeys(number for one in action.steps for number in one.about)) or ("ATOM-01",)


def _is_behind(expected: Symbol, now: datetime) -> bool:
    """Whether a time may be later than the clock because an earlier time was."""
    before = expected.not_before
    return isinstance(before, datetime) and before > now - _CLOCK_SLACK


def _of_right_kinds(expected: Record, observed: Record) -> Record:
    """What was observed, but for values of another kind than the expected ones: the model could not go on with them."""
    kept = {}
    for name in FIELDS:
        one, other = getattr(expected, name), getattr(observed, name)
        is_odd = isinstance(other, Odd) or (name == "metadata" and other[0] != "object")
        if is_odd and not isinstance(one, Symbol):
            kept[name] = one
    return replace(observed, **kept)


def _badness(names: tuple[str, ...]) -> int:
    return _MOST_WRONG if "" in names else len(names)
