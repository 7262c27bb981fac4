"""Deaths: a connection, a caller or a process ends at each request of a call. What is left is all of it or nothing.

Nobody says what is right: the same store makes the call not at all, once and twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

from conformance.engine.contract import Contract, Entry
from conformance.engine.network import Caller, NetworkArena
from conformance.engine.orders import Plans
from conformance.engine.outcome import CANCELLED, SILENT
from conformance.engine.scenario import Call
from conformance.engine.schedule import CALLERS, Plan, Play, Request
from conformance.engine.script import call_text
from conformance.engine.turnstile import Link
from conformance.operations.operation import Operation
from conformance.text import source

_ATTEMPTS = 3
"""How often a call is made afterwards until it does not fail: the first may find that its connection is broken."""

_MANY = 300
"""Callers that are cancelled one after the other."""
_SHOWN = 90
"""Letters of a request that are shown."""
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
    def answered(self) -> bool:
        """Whether the call has returned."""
        return self.entry.observed not in (CANCELLED, SILENT) and not isinstance(self.entry.answer, BaseException)


@dataclass(frozen=True)
class Wreck:
    """What is wrong after deaths during one call."""

    plan: Plan
    rule: str
    wrong: int
    points: int
    lines: tuple[str, ...]
    """The first of these deaths."""


@dataclass
class Deaths:
    """Lets something die at each request of operations in an arena, and says what was not tried."""

    operations: Collection[Operation]
    arena: NetworkArena
    contract: Contract
    is_full: bool = False
    """Whether many callers are cancelled one after the other, too."""
    points: int = 0
    not_tried: dict[str, set[str]] = field(default_factory=dict)
    """The reasons, and the operations."""

    async def findings(self) -> AsyncIterator[Wreck]:
        """Yield of each operation what is broken first, by rule."""
        plans = Plans(self.operations, (1,))
        for operation in self.operations:
            rules = set[str]()
            for plan in plans.of((operation,)):
                for wreck in await self.judge(plan):
                    if wreck.rule not in rules:
                        rules.add(wreck.rule)
                        yield wreck
        for operation in plans.writes[: self.is_full]:
            async for wreck in self._often(next(plans.of((operation,)))):
                yield wreck

    async def judge(self, plan: Plan) -> list[Wreck]:
        """Let something die at each request of the first call of a plan."""
        rules = await _Rules.of(self.arena, self.contract, plan)
        whole = await self._play(plan)
        is_awaited = whole.entry.is_awaited
        if not is_awaited:
            self._leave_out("a call in a thread is neither cancelled nor killed", plan)
        deaths = [*Death] if is_awaited else _OF_THREADS
        points = [(place, death) for place in range(len(whole.requests)) for death in deaths]
        found: dict[str, list[tuple[Death, Aftermath]]] = {}
        for place, death in points:
            for rule, after in (await self._confirmed(rules, plan, place, death)).items():
                found.setdefault(rule, []).append((death, after))
        self.points += len(points)
        return [
            Wreck(plan, rule, len(broken), len(points), tuple(rules.lines(*broken[0])))
            for rule, broken in found.items()
        ]

    def _leave_out(self, reason: str, plan: Plan) -> None:
        self.not_tried.setdefault(reason, set()).add(plan.racing[0].operation)

    async def _confirmed(self, rules: _Rules, plan: Plan, place: int, death: Death) -> dict[str, Aftermath]:
        """Return the rules that are broken, also if the stores are new."""
        after = await self._play(plan, place, death)
        broken = {*rules.broken(after)}
        if broken:
            await self.arena.forget()
            after = await self._play(plan, place, death)
            broken &= {*rules.broken(after)}
            await self.arena.forget()
        return dict.fromkeys(sorted(broken), after)

    async def _play(self, plan: Plan, place: int = -1, death: Death | None = None) -> Aftermath:
        """Make a call during which something dies at the request at this place, and all that comes after it."""
        arena = self.arena
        call = plan.racing[0]
        reads = [replace(read, on=1) for read in plan.after]
        await arena.prepare(2)
        with arena.turnstile.standing():
            await arena.make(plan.start)
            caller = arena.caller(CALLERS[0], call)
            after = Aftermath(caller.entry)
            with arena.turnstile.closed():
                arena.start(caller)
                while links := await arena.settle([caller]):
                    after.requests.append(arena.request(links[0]))
                    if death and place < len(after.requests):
                        await self._end(death, links[0], caller)
                        break
                    links[0].let()
            await arena.finish(caller)

            if after.entry.observed != CANCELLED:
                arena.session.end(after.entry)
            if arena.session.contract.operations[call.operation].ids:
                await self._used(reads)  # they tell the id that the call has not told
            after.seen = await self._used(reads)
            await arena.store(0)
            after.own = await self._used(plan.after)
            after.lifetimes = arena.lifetimes()
            after.again = await self._used([call, *reads])
        return after

    async def _often(self, plan: Plan) -> AsyncIterator[Wreck]:
        """Cancel many callers of an operation, before and after its first request arrives."""
        arena, links = self.arena, self.arena.turnstile.links
        await arena.prepare(1)
        with arena.turnstile.standing():
            (first,) = await self._used(plan.racing)
            before, known = len(links), arena.lifetimes()
            for number in range(_MANY if first.is_awaited else 0):
                caller = arena.caller(CALLERS[0], plan.racing[0])
                with arena.turnstile.closed():
                    arena.start(caller)
                    for link in await arena.settle([caller]):
                        await self._end(Death.CANCELLED_LATE if number % 2 else Death.CANCELLED, link, caller)
                        break
                await arena.finish(caller)
            (last,) = await self._used(plan.racing)
            is_worse = isinstance(last.answer, Exception) and not isinstance(first.answer, Exception)
            is_locked = _is_locked(arena.lifetimes(), known)
        rules = {
            "no longer works": is_worse and not is_locked,
            "leaves connections over": len(links) > before + _SPARE,
        }
        lines = f"  {before} connections before, {len(links)} after", f"  -> {self.contract.describe(last.observed)}"
        for rule in (rule for rule, is_broken in rules.items() if is_broken):
            yield Wreck(plan, f"{rule} when {_MANY} callers were cancelled", 1, 1, lines)
        await arena.forget()

    async def _end(self, death: Death, link: Link, caller: Caller) -> None:
        """Let something die at a request that is held."""
        turnstile = self.arena.turnstile
        if death is Death.LOST:
            link.abort()
        elif death is Death.CANCELLED:
            caller.cancel()
        else:
            on_reply: dict[Death, Callable[[], object]] = {
                Death.UNANSWERED: link.abort,
                Death.CANCELLED_LATE: caller.cancel,
                Death.DIED: partial(turnstile.cut, link.label),
            }
            link.on_reply = on_reply[death]
            link.let()
        await turnstile.settle()
        if death is Death.DIED:
            await self.arena.kill(caller)

    async def _used(self, calls: Sequence[Call]) -> list[Entry]:
        """Make calls one after the other, each until it does not fail."""
        made = []
        for call in calls:
            for _ in range(_ATTEMPTS):
                (entry,) = await self.arena.make([call])
                if not isinstance(entry.answer, Exception):
                    break
            made.append(entry)
        return made


@dataclass
class _Rules:
    """What may be left of a call, by what the same store does without a death."""

    contract: Contract
    not_done: Play
    done: Play
    twice: Play
    lifetimes: Mapping[str, int]
    """Of each key where the call is done, and of those where it is not."""

    @classmethod
    async def of(cls, arena: NetworkArena, contract: Contract, plan: Plan) -> _Rules:
        """Make the call of a plan not at all, once, and twice."""
        plays, lifetimes = [], dict[str, int]()
        for times in (2, 1, 0):
            plays.append(await arena.sequence(replace(plan, racing=plan.racing[:1] * times), range(times)))
            lifetimes |= arena.lifetimes()
        twice, done, not_done = plays
        return cls(contract, not_done, done, twice, lifetimes)

    def _same(self, entries: Sequence[Entry], expected: Sequence[Entry]) -> bool:
        pairs = zip(entries, expected, strict=True)
        return not any(self.contract.differences(right.observed, entry.observed) for entry, right in pairs)

    def broken(self, after: Aftermath) -> Iterator[str]:
        """Yield the rules that are broken."""
        is_not_done = self._same(after.seen, self.not_done.seen)
        is_done = self._same(after.seen, self.done.seen)
        is_twice = self._same(after.seen, self.twice.seen)
        if after.entry.observed == SILENT:
            yield "never returns"
        if not is_done and not is_not_done:
            yield "is done twice" if is_twice else "is done in part"
        if after.answered and not self._same([after.entry], self.done.results):
            yield "answers something else"
        elif after.answered and is_not_done and not is_done:
            yield "answers, and is not done"
        if not self._same(after.own, after.seen):
            yield "leaves an instance that reads something else"
        if any(left < 0 <= self.lifetimes.get(key, -1) for key, left in after.lifetimes.items()):
            yield "leaves a key that never expires"

        once_more = [*self.twice.results[1:], *self.twice.seen]
        is_right = (is_not_done and self._same(after.again, [*self.done.results, *self.done.seen])) or (
            is_done and self._same(after.again, once_more)
        )
        is_locked = isinstance(after.again[0].answer, Exception) and _is_locked(after.lifetimes, self.lifetimes)
        if (is_done or is_not_done) and not is_right and not is_locked:
            yield "cannot be repeated"

    def lines(self, death: Death, after: Aftermath) -> Iterator[str]:
        """Yield the requests up to the death, and the first read that tells what came of it."""
        for request in after.requests:
            yield f"  {request.text[:_SHOWN]}"
        yield f"  # {death}"
        yield f"  -> {self.contract.describe(after.entry.observed)}"
        for entry, *known in zip(after.seen, self.not_done.seen, self.done.seen, strict=True):
            names = [self.contract.differences(right.observed, entry.observed) for right in known]
            if any(names):
                shown = [self.contract.describe(read.observed, max(names)) for read in (entry, *known)]
                yield "  then {} -> {}; not done {}, done {}".format(self._text(entry), *shown)
                return

    def _text(self, entry: Entry) -> str:
        given = {name: source(value) for name, value in entry.invocation.arguments.items()}
        return entry.line or call_text(self.contract, entry.call, given)


def _is_locked(lifetimes: Mapping[str, int], known: Collection[str]) -> bool:
    """Whether a key is left that is no part of an entry and goes by itself, as a lock does."""
    return any(left >= 0 and key not in known for key, left in lifetimes.items())
