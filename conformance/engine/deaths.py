"""Deaths: a connection, a caller or a process ends at each request of a call. What is left is all of it or nothing.

Nobody says what is right: the same store makes the call not at all, once and twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product

from conformance.engine.arena import Plan
from conformance.engine.contract import Contract, Entry
from conformance.engine.network import BYPASSED, Caller, NetworkArena
from conformance.engine.orders import Plans
from conformance.engine.outcome import CANCELLED, SILENT
from conformance.engine.scenario import Call
from conformance.engine.schedule import CALLERS, Play, Request
from conformance.engine.turnstile import Link
from conformance.operations.operation import Operation

_ATTEMPTS = 3
"""How often a call is made afterwards until it does not fail: the first may find that its connection is broken."""
_SHOWN = 90
"""Letters of a request that are shown."""
_MANY = 300
"""Callers that are cancelled one after the other."""
_SPARE = 2
"""Connections that a pool may have more than before."""


class Death(StrEnum):
    """How a request is the last of something."""

    LOST = "the connection is lost before this arrives"
    UNANSWERED = "this arrives, and the connection is lost before the reply"
    CANCELLED = "the caller is cancelled before this arrives"
    CANCELLED_LATE = "this arrives, and the caller is cancelled before the reply"
    DIED = "this arrives, and the process dies"


_OF_THREADS = Death.LOST, Death.UNANSWERED
_CANCELLED = Death.CANCELLED, Death.CANCELLED_LATE


@dataclass
class Aftermath:
    """A call during which something has died, and what comes after it."""

    entry: Entry
    requests: list[Request] = field(default_factory=list)
    """Up to the death."""
    seen: list[Entry] = field(default_factory=list)
    """What another instance reads."""
    own: list[Entry] = field(default_factory=list)
    """What the same instance reads, or the one in the place of a process that has died."""
    lifetimes: Mapping[str, int] = field(default_factory=dict)
    """Of each key."""
    again: list[Entry] = field(default_factory=list)
    """The call made once more, and what another instance reads then."""

    @property
    def answers(self) -> bool:
        """Whether the call has returned."""
        if self.entry.observed in (CANCELLED, SILENT):
            return False
        return not isinstance(self.entry.answer, BaseException)


@dataclass(frozen=True)
class Wreck:
    """What is wrong after deaths during one call."""

    plan: Plan
    rule: str
    wrong: int
    points: int
    lines: tuple[str, ...]
    """The first of these deaths."""
    point: int = 0
    """Its number, which plays it again."""


@dataclass
class Deaths:
    """Lets something die at each request of operations in an arena, and says what was not tried."""

    operations: Collection[Operation]
    arena: NetworkArena
    is_full: bool = False
    """Whether many callers are cancelled one after the other too."""
    points: int = 0
    not_tried: dict[str, set[str]] = field(default_factory=dict)
    """The reasons, and the operations."""

    async def findings(self, only: str = "", point: int = 0) -> AsyncIterator[Wreck]:
        """Yield of each operation what is broken first, by rule.

        Others than the plan of the title `only` are left out; with a number one death of it is played.
        """
        plans = Plans(self.operations, (1,))
        for operation in self.operations:
            rules = set[str]()
            for plan in plans.of((operation,)):
                if only not in ("", plan.title):
                    continue
                for wreck in await self.judge(plan, point):
                    if wreck.rule not in rules:
                        rules.add(wreck.rule)
                        yield wreck
        for operation in plans.writes if self.is_full and not only else ():
            for wreck in await self._cancel_often(next(plans.of((operation,)))):
                yield wreck

    async def judge(self, plan: Plan, point: int = 0) -> list[Wreck]:
        """Let something die at each request of the call of a plan, or at one point only."""
        rules = await _Rules.of(self.arena, plan)
        whole = await self._play(plan)
        if self.arena.turnstile.is_bypassed:
            self._leave_out(plan, BYPASSED)
            return []
        deaths = [*Death]
        if not whole.entry.is_awaited:
            deaths = [*_OF_THREADS]
            self._leave_out(plan, "a call in a thread is neither cancelled nor killed")

        points = [*product(range(len(whole.requests)), deaths)]
        found: dict[str, list[Wreck]] = {}
        for number, (place, death) in enumerate(points, start=1):
            if point not in (0, number):
                continue
            self.points += 1
            after = await self._play(plan, place, death)
            if any(rules.broken(after)):  # it has to be so with new stores as well
                with self.arena.fresh():
                    after = await self._play(plan, place, death)
            for rule in rules.broken(after):
                wreck = Wreck(plan, rule, 1, len(points), tuple(rules.lines(death, after)), number)
                found.setdefault(rule, []).append(wreck)
        return [replace(wrecks[0], wrong=len(wrecks)) for wrecks in found.values()]

    def _leave_out(self, plan: Plan, reason: str) -> None:
        self.not_tried.setdefault(reason, set()).add(plan.racing[0].operation)

    async def _play(self, plan: Plan, place: int = -1, death: Death | None = None) -> Aftermath:
        """Make a call during which something dies at the request at this place, and all that comes after it."""
        arena = self.arena
        call = plan.racing[0]
        reads = [replace(read, on=1) for read in plan.after]
        async with arena.opened(2):
            await arena.perform(plan.start)
            caller = arena.caller(CALLERS[0], call)
            after = Aftermath(caller.entry)
            await self._let_die(caller, after.requests, place, death)
            if after.entry.observed != CANCELLED:
                arena.contract.ended([after.entry])

            if arena.contract.operations[call.operation].ids:
                await self._use(reads)  # they tell the id that the call has not told
            after.seen = await self._use(reads)
            await arena.store(0)
            after.own = await self._use(plan.after)
            after.lifetimes = arena.lifetimes()
            after.again = await self._use([call, *reads])
        return after

    async def _let_die(self, caller: Caller, requests: list[Request], place: int, death: Death | None) -> None:
        """Make a call, and note its requests until something dies."""
        with self.arena.turnstile.closed():
            self.arena.start(caller)
            while links := await self.arena.settle([caller]):
                requests.append(self.arena.request(links[0]))
                if death and len(requests) > place:
                    await self._end(death, links[0], caller)
                    break
                links[0].let()
        await self.arena.finish(caller)

    async def _end(self, death: Death, link: Link, caller: Caller) -> None:
        """Let something die at a request that is held."""
        end: Callable[[], object] = link.abort
        if death in _CANCELLED:
            end = caller.cancel
        if death in {Death.LOST, Death.CANCELLED}:
            end()
        else:
            link.on_reply = end
            link.let()
        await self.arena.turnstile.settle()
        if death is Death.DIED:
            await self.arena.kill(caller)

    async def _use(self, calls: Sequence[Call]) -> list[Entry]:
        """Make calls one after the other, each until it does not fail."""
        made = []
        for call in calls:
            for _ in range(_ATTEMPTS):
                (entry,) = await self.arena.perform([call])
                if not isinstance(entry.answer, Exception):
                    break
            made.append(entry)
        return made

    async def _cancel_often(self, plan: Plan) -> list[Wreck]:
        """Cancel many callers of an operation, before and after its first request arrives."""
        arena, links = self.arena, self.arena.turnstile.links
        with arena.fresh():
            async with arena.opened(1):
                (first,) = await self._use(plan.racing)
                before, known = len(links), arena.lifetimes()
                for number in range(_MANY if first.is_awaited else 0):
                    caller = arena.caller(CALLERS[0], plan.racing[0])
                    await self._let_die(caller, [], 0, _CANCELLED[number % 2])
                (last,) = await self._use(plan.racing)
                after, is_locked = len(links), _is_locked(arena.lifetimes(), known)

        wrecks = []
        when = f"when {_MANY} callers were cancelled"
        if after > before + _SPARE:
            line = f"  {before} connections before, {after} after"
            wrecks.append(Wreck(plan, f"leaves connections over {when}", 1, 1, (line,)))
        has_broken = isinstance(last.answer, Exception) and not isinstance(first.answer, Exception)
        if has_broken and not is_locked:
            line = f"  -> {arena.contract.describe(last.observed)}"
            wrecks.append(Wreck(plan, f"no longer works {when}", 1, 1, (line,)))
        return wrecks


@dataclass
class _Rules:
    """The rules for what may be left of a call, by what the same store does without a death."""

    contract: Contract
    not_done: Play
    done: Play
    twice: Play
    lifetimes: Mapping[str, int]
    """Of each key where the call is done or not, less than 0 if it may be there without one."""

    @classmethod
    async def of(cls, arena: NetworkArena, plan: Plan) -> _Rules:
        """Make the call of a plan not at all, once, and twice."""
        twice = await arena.sequence(replace(plan, racing=plan.racing * 2), (0, 1))
        not_done = await arena.sequence(plan, ())
        before = arena.lifetimes()
        done = await arena.sequence(plan, (0,))
        endless = {key: left for key, left in before.items() if left < 0}
        return cls(arena.contract, not_done, done, twice, before | arena.lifetimes() | endless)

    def _same(self, entries: Sequence[Entry], expected: Sequence[Entry]) -> bool:
        for entry, right in zip(entries, expected, strict=True):
            if self.contract.differences(right.observed, entry.observed):
                return False
        return True

    def broken(self, after: Aftermath) -> Iterator[str]:
        """Yield the rules that are broken."""
        is_done = self._same(after.seen, self.done.seen)
        is_not_done = self._same(after.seen, self.not_done.seen)
        if after.entry.observed == SILENT:
            yield "never returns"
        if not is_done and not is_not_done:
            is_twice = self._same(after.seen, self.twice.seen)
            yield "is done twice" if is_twice else "is done in part"
        elif after.answers and not self._same([after.entry], self.done.results):
            yield "answers something else"
        elif after.answers and not is_done:
            yield "answers, and is not done"
        elif not self._is_repeated(after, is_done=is_done, is_not_done=is_not_done):
            yield "cannot be repeated"
        if not self._same(after.own, after.seen):
            yield "leaves an instance that reads something else"
        if any(left < 0 <= self.lifetimes.get(key, -1) for key, left in after.lifetimes.items()):
            yield "leaves a key that never expires"

    def _is_repeated(self, after: Aftermath, *, is_done: bool, is_not_done: bool) -> bool:
        """Whether the call made once more does what it does without a death. Who holds a lock is waited for."""
        has_failed = isinstance(after.again[0].answer, Exception)
        if has_failed and _is_locked(after.lifetimes, self.lifetimes):
            return True
        if is_not_done and self._same(after.again, self.done.entries[-len(after.again) :]):
            return True
        return is_done and self._same(after.again, self.twice.entries[-len(after.again) :])

    def lines(self, death: Death, after: Aftermath) -> Iterator[str]:
        """Yield the requests up to the death, its result, and the reads that tell what was left."""
        describe = self.contract.describe
        for request in after.requests:
            yield f"  {request.text[:_SHOWN]}"
        yield f"  # {death}"
        result = self.done.results[0].observed
        yield f"  -> {describe(after.entry.observed)}; without a death {describe(result)}"

        for entry, not_done, done in zip(after.seen, self.not_done.seen, self.done.seen, strict=True):
            names = self.contract.differences(done.observed, entry.observed)
            if not names or self._same([entry], [not_done]):
                continue
            yield f"  then {entry.line or entry.call.operation} -> {describe(entry.observed, names)}"
            yield f"  not done {describe(not_done.observed, names)}, done {describe(done.observed, names)}"


def _is_locked(lifetimes: Mapping[str, int], known: Collection[str]) -> bool:
    """Whether a key is left that is no part of an entry and goes by itself, as a lock does."""
    return any(left >= 0 and key not in known for key, left in lifetimes.items())
