"""The player: performs the actions of a scenario on a store, and has a judge explain what comes out."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import cycle
from types import SimpleNamespace
from typing import Any

from conformance.engine.failures import SOON, Trouble, in_trouble, judged
from conformance.engine.finding import Finding, Tally, complaint
from conformance.engine.judge import SILENT, Judge, Made, signature
from conformance.engine.scenario import (
    Action,
    Call,
    Close,
    Look,
    Pages,
    Populate,
    Race,
    Reference,
    Reopen,
    Scenario,
    Wait,
    create,
    get,
    listing,
    update,
)
from conformance.harness import Capability, Harness, HookMissingError
from conformance.tasks.blame import blame
from conformance.tasks.checks import Checks
from conformance.tasks.observe import describe, for_store, raised_of, result_of, spoil
from conformance.tasks.spec.model import LIFETIME, READS, STATUSES, Invocation, Page, Raised, Record, Span
from taskstore import TaskStatus

_LACKING = {"create_task": "VAL-01", "list_tasks": "LIST-06"}
"""The requirement that fails if an operation has no place for an argument."""
_TICK = 0.002
_BATCH, _RECENT, _SHOWN, _PAGES = 50, 3, 8, 1_000
_ATTEMPTS = 5


class EndedError(Exception):
    """The scenario ends here, with a finding, or because what the store holds is not known any more."""


class Player:
    """One scenario while it is played, in a namespace of its own."""

    def __init__(self, harness: Harness, tally: Tally, scenario: Scenario) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.harness = harness
        self.tally = tally
        self.scenario = scenario
        self.results: dict[str, Any] = {}
        """The tasks that came out of the calls that have a label, or their ids."""
        self._last: dict[str, Record | None] = {}  # as the last writes gave them, by id, in the order of these
        self._passed = timedelta(0)  # what the harness has let pass
        self._lifetime = LIFETIME if Capability.EXPIRING in harness.capabilities else None
        self._is_shared = Capability.SHARED in harness.capabilities
        judges = [Judge(self._lifetime, tally.learned) for _ in range(scenario.instances)]
        self._judges = judges[:1] * scenario.instances if self._is_shared else judges
        self._checks = Checks(tally)
        self._stack = AsyncExitStack()
        self._stores: dict[int, Any] = {}
        self._closers: dict[int, AsyncExitStack] = {}
        self._closed: set[int] = set()
        self._trouble: Trouble | None = None
        self._done: list[tuple[Action, Sequence[Made]]] = []
        self._write: Made | None = None
        self._began = time.monotonic()

    async def play(self, walk: Any = None) -> Finding | None:
        """Play the scenario, or what a walk draws, up to the first finding.

        Raises:
            HookMissingError: if the harness has not the hook that an action needs.
        """
        try:
            async with self._stack:
                if failure := self.scenario.failure:
                    trouble = in_trouble(self.harness, self.namespace, self._stores, failure.seconds)
                    self._trouble = await self._stack.enter_async_context(trouble)
                for on in range(self.scenario.instances):
                    await self._open(on)
                for action in self.scenario.actions:
                    await self.perform(action)
                if walk is not None:
                    await walk.play(self)
                self._object(self._checks.at_the_end())
                self.tally.exercised.update(self.scenario.about)
        except EndedError as ended:
            return next(iter(ended.args), None)
        finally:
            self.harness.discard(self.namespace)
        return None

    async def perform(self, action: Action) -> None:  # noqa: C901  one way to perform each
        """Perform an action.

        Raises:
            EndedError: with what is wrong about what came out.
        """
        self._done.append((action, ()))
        match action:
            case Call():
                await self._play(Race((action,)))
            case Race():
                await self._play(action)
            case Look():
                for call in self._reads():
                    await self._read(call)
            case Pages():
                await self._pages(action)
            case Populate(count, statuses):
                ids = await self._populate([create(video_ids=(f"v{number}",)) for number in range(count)])
                moves = zip(ids, cycle(statuses), strict=False)
                await self._populate([update(one, TaskStatus(to)) for one, to in moves if to != "pending"])
            case Wait(by) if by:
                self.harness.advance(self.namespace, by)
                self._passed += by
            case Wait():
                await asyncio.sleep(_TICK)
                self._checks.has_ticked = True
            case Reopen(on):
                await self._close(on)
                await self._open(on)
                if Capability.PERSISTENT not in self.harness.capabilities and self.scenario.instances == 1:
                    self._judges[0].forget()
            case Close(on):
                await self._close(on)

    # Opening, calling, closing

    async def _open(self, on: int) -> None:
        closer = await self._stack.enter_async_context(AsyncExitStack())
        opened = self._trouble.open() if self._trouble and on == 0 else self.harness.open(self.namespace)
        self._stores[on], self._closers[on] = await closer.enter_async_context(opened), closer
        self._closed.discard(on)

    async def _close(self, on: int) -> None:
        self._closed.add(on)
        try:
            async with asyncio.timeout(SOON) as limit:
                await self._closers[on].aclose()
        except TimeoutError:
            if not limit.expired():
                raise
            self._object([complaint("API-04", f"a store that closes within {SOON:g} s", "it still waits", "close")])

    def _begun(self, call: Call) -> Made:
        try:
            arguments = {
                name: value.read(self.results[value.label]) if isinstance(value, Reference) else value
                for name, value in call.arguments.items()
            }
        except (LookupError, AttributeError, TypeError, ValueError):  # the call that it names has failed
            raise EndedError from None
        return Made(call, Invocation(call.operation, arguments), is_closed=call.on in self._closed)

    def _now(self) -> timedelta:
        if self._lifetime is None:
            return self._passed
        return self._passed + timedelta(seconds=time.monotonic() - self._began)

    async def _make(self, made: Made, seconds: float = 0) -> Made:
        """Make a call that was begun, and note what comes of it."""
        call, earliest = made.invocation, self._now()
        given = {name: for_store(value) for name, value in call.arguments.items()}
        try:
            async with asyncio.timeout(seconds or self.tally.seconds) as limit:
                made.answer = await getattr(self._stores[made.call.on], call.operation)(**given)
            made.observed = result_of(made.answer, has_cursor=Capability.CURSOR in self.harness.capabilities)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except HookMissingError as error:
            made.lacks = error
        except Exception as error:  # noqa: BLE001  whatever the store raises is its result
            made.answer, made.observed = error, SILENT if limit.expired() else raised_of(error)
            if limit.expired():
                self.tally.seconds = min(self.tally.seconds, 1)  # it is waited for once
        finally:
            call.at = Span(earliest, self._now())
            if self.tally.spoils:
                spoil(getattr(given.get("request"), "config", None))
        return made

    async def _make_together(self, race: Race) -> list[Made]:
        """Make calls at the same time, while something fails, and interrupt them, as the race says."""
        made = [self._begun(call) for call in race.calls]
        trouble, is_interrupted = self._trouble if race.failure else None, race.cancelled or race.closes
        if len(made) == 1 and not is_interrupted and not trouble:
            return [await self._make(made[0])]
        async with trouble.failing(race, race.failure) if trouble and race.failure else nullcontext():
            seconds = SOON if race.closes else self.tally.seconds + (SOON if trouble else 0)
            calls = [asyncio.ensure_future(self._make(one, seconds)) for one in made]
            if trouble and is_interrupted:
                await trouble.until_met(calls)
            for _ in range(race.turns if is_interrupted and not trouble else 0):
                await asyncio.sleep(0)
            for call in (call for place, call in enumerate(calls) if place in race.cancelled):
                call.cancel()
            if trouble and race.cancelled:
                trouble.proxy.release()
            if race.closes:
                await self._close(0)
            await asyncio.gather(*calls, return_exceptions=True)
        return made

    async def _play(self, race: Race) -> None:
        self._take(race, await self._make_together(race))

    async def _populate(self, calls: list[Call]) -> list[Any]:
        """Make many calls, none of which bears on another, some of them at the same time. Return the ids."""
        ids = []
        for first in range(0, len(calls), _BATCH):
            for one in await self._make_together(Race(tuple(calls[first : first + _BATCH]))):
                self._take(Race((one.call,)), [one])
                ids.append(getattr(one.observed, "task_id", ""))
        return ids

    async def _read(self, call: Call) -> Any:
        """Make a call that stands in the script only if it shows something."""
        for _ in range(_ATTEMPTS if self._trouble else 1):
            made = await self._make(self._begun(call))
            if ("failure_kind", "timeout") not in getattr(made.observed, "facts", ()):
                break
            await asyncio.sleep(_TICK)  # it is impatient, and the machine may be slow
        self._done.append((call, ()))
        self._take(Race((call,)), [made])
        self._done.pop()
        return made.observed

    def _reads(self) -> Iterable[Call]:
        """The reads of a `Look`: the tasks of the last writes, all tasks, and those of their statuses."""
        recent = [*self._last][0 if self._trouble else -_RECENT :]  # in a failure all of them may be concerned
        statuses = {one.status for one in map(self._last.get, recent) if one and one.status in STATUSES}
        for on in self._stores.keys() - self._closed:
            yield from (get(one, on) for one in recent)
            yield listing(on=on)
            yield from (listing(on=on, status=TaskStatus(one)) for one in sorted(statuses))

    async def _pages(self, action: Pages) -> None:
        arguments: dict[str, Any] = {"limit": action.limit, "status": action.status}
        for number in range(_PAGES):
            page = await self._read(listing(**arguments))
            if not isinstance(page, Page) or not page.records or (action.by_cursor and page.following is None):
                return
            arguments |= {"after": page.following} if action.by_cursor else {"offset": (number + 1) * action.limit}

    # Judging

    def _take(self, race: Race, made: list[Made]) -> None:
        """Judge what came of calls at the same time, and note what it says about the tasks."""
        if not (made := [one for one in made if not self._is_left_out(one)]):
            return
        self._done[-1] = self._done[-1][0], made
        about, failure, trouble = self.scenario.about, race.failure, self._trouble
        for one in made:
            self._object([judged(race, one, trouble)], about)
            self._note(one)
        if trouble and failure:
            self._object([trouble.leftover(failure)], about)
            if failure.may_tear and any(one.may_have_happened for one in made):
                raise EndedError
        for judge in dict.fromkeys(self._judges):
            here = [one for one in made if self._judges[one.call.on] is judge]
            if not judge.explain(here, is_over=failure is not None):
                self._object([self._difference(judge, race, [one for one in here if not one.has_failed])])
                raise EndedError
        first = made[0]
        if len(made) == 1 and first.outcome and not first.has_failed and not failure:
            self.tally.exercised.update(("API-02", *first.outcome.requirements))
            self._object(self._checks.of(first, first.outcome, self._passed))
            self._write = self._write if first.call.operation in READS else first
        else:
            self.tally.exercised.update(about or ("ATOM-01",))
            self._write = None

    def _is_left_out(self, made: Made) -> bool:
        """Whether the adapter has no place for the call. One requirement fails for that, and nothing else."""
        if made.lacks is None:
            return False
        number = _LACKING.get(made.call.operation, "LIFE-04") if "calls" in made.lacks.hook else "LIFE-02"
        lack = complaint(number, "a store that has this status, or argument", made.lacks.hook, "adapter")
        self.tally.findings.setdefault(lack.signature, lack)
        return True

    def _note(self, made: Made) -> None:
        """Note under its label what a call gave, and which task a write was about: reads show it next."""
        observed, given = made.observed, made.invocation.arguments
        named = given.get("task_id") or getattr(given.get("task"), "task_id", None)
        task_id = getattr(observed, "task_id", None) or named
        if made.call.label and (isinstance(observed, Record) or (made.has_failed and task_id)):
            self.results[made.call.label] = SimpleNamespace(task_id=task_id) if made.has_failed else observed
        if made.call.operation not in READS and isinstance(task_id, str):
            before = self._last.pop(task_id, None)
            self._last[task_id] = observed if isinstance(observed, Record) else before

    def _difference(self, judge: Judge, race: Race, made: list[Made]) -> Finding:
        """What is wrong about results that the judge cannot explain."""
        about, name = self.scenario.about, race.failure.name if race.failure else "race"
        if len(made) != 1:
            own = about or ("ATOM-01",)
            shown = "; ".join(describe(one.observed) for one in made[:_SHOWN])
            return Finding(own, "results that some order of the calls explains", shown, (name, *own))
        if (nearest := judge.nearest(made[0])) is None:
            raise EndedError
        outcome, names = nearest
        is_new = not self._last
        numbers = blame(made[0], outcome, names, self._write, is_shared=self._is_shared, is_new=is_new)
        if race.failure and isinstance(made[0].observed, Raised):  # of another class than the contract's
            numbers = []
        ordered = (*numbers,) if self._is_plain or numbers == ["API-05"] else (*about, *numbers)
        kind = signature(made[0], outcome, names)
        return Finding(ordered, describe(outcome.result, names), describe(made[0].observed, names), kind)

    @property
    def _is_plain(self) -> bool:
        done = [one for one, _ in self._done]
        is_odd = any(isinstance(one, Reopen) or len(getattr(one, "calls", ())) > 1 for one in done)
        return not (is_odd or self._passed or self._trouble or self.scenario.instances > 1)

    def _object(self, findings: Iterable[Finding | None], about: tuple[str, ...] = ()) -> None:
        """Report what is wrong, unless it was learned, and end the scenario."""
        for one in findings:
            if one is not None and one.signature not in self.tally.learned:
                scenario = replace(self.scenario, actions=tuple(action for action, _ in self._done))
                lines = tuple(line for done in self._done for line in _lines(*done))
                numbers = tuple(dict.fromkeys(filter(None, one.requirements))) or about[:1]
                plain = self._is_plain
                raise EndedError(replace(one, requirements=numbers, scenario=scenario, lines=lines, is_plain=plain))


def _lines(action: Action, made: Sequence[Made]) -> list[str]:
    """An action as lines of Python, and which exceptions came of it."""
    raised = [f"raises {describe(one.observed)}" for one in made if isinstance(one.observed, Raised)]
    if not isinstance(action, Call):
        return [*str(action).splitlines(), *(f"#   {one}" for one in raised[:_SHOWN])]
    label = f"{action.label} = " if action.label else ""
    return [f"{label}await {action}{'  # ' if raised else ''}{''.join(raised)}"]
