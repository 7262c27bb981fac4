"""Schedules: who of the callers that wait is let go next; a search plays every order of that, up to a bound.

An arena says where plays take place: before a server, whose requests it holds, or in a loop, whose callbacks it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from conformance.engine.contract import Contract, Entry
from conformance.engine.outcome import Invocation
from conformance.engine.scenario import Call

CALLERS = "ABCDEFGH"
"""The labels of callers, in the order of their calls."""


@dataclass(frozen=True, slots=True)
class Request:
    """Something that a caller waits to do: a request to a server, or a step of its coroutine."""

    caller: str
    """Its label; an empty one for what the store does by itself."""
    text: str
    """As a trace shows it. Its first word does not depend on values that the store draws."""
    keys: frozenset[str] | None = None
    """The keys that it touches; None if nobody knows, and none where it is no request but the beginning of a call."""
    reads: bool = False
    """Whether it changes nothing."""
    is_idle: bool = False
    """Whether it only waits for time to pass. Others that go on meanwhile do not count as a switch."""

    def commutes(self, other: Request) -> bool:
        """Whether the order of both makes no difference, since they touch other keys."""
        if not self.keys or not other.keys:
            return False
        return self.keys.isdisjoint(other.keys)

    @property
    def shape(self) -> tuple[str, str]:
        """What is alike when the same play is played again."""
        return self.caller, self.text.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision of a play: who of those that wait was let go."""

    waiting: tuple[Request, ...]
    """Sorted by caller; those of one caller as they came."""
    chosen: int

    @property
    def request(self) -> Request:
        """The request that was let go."""
        return self.waiting[self.chosen]


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls that are raced, each on the instance `on` that it names."""

    start: tuple[Call, ...]
    """Made before, one after the other."""
    racing: tuple[Call, ...]
    """Made at the same time, each by a caller of its own."""
    after: tuple[Call, ...] = ()
    """Reads, made when all have returned."""
    name: str = ""
    """How a command line calls it."""

    @property
    def instances(self) -> int:
        """How many instances are open."""
        return 1 + max(call.on for call in (*self.start, *self.racing, *self.after))


@dataclass
class Play:
    """What one play showed. Arenas fill it as it goes."""

    choices: list[Choice] = field(default_factory=list)
    started: list[Entry] = field(default_factory=list)
    """What came of the calls before, in order."""
    results: list[Entry] = field(default_factory=list)
    """What came of the raced calls, by caller."""
    seen: list[Entry] = field(default_factory=list)
    """What the reads afterwards gave."""
    stalled: str = ""
    """Why the play could not be ordered; its results are no evidence then."""

    @property
    def entries(self) -> list[Entry]:
        """Everything that came out, in the order of the plan."""
        return [*self.started, *self.results, *self.seen]


class Session:
    """The calls of one play: what they are given, and what came out of them, in the words of a contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.results: dict[str, Any] = {}
        """By label the results of calls."""

    def begin(self, call: Call) -> Entry:
        """Return the entry of a call that is to be made now, its arguments resolved."""
        arguments = {name: self.contract.resolve(value, self.results) for name, value in call.arguments.items()}
        return Entry(call, Invocation(call.operation, arguments))

    async def make(self, store: Any, entry: Entry) -> None:
        """Make a call on a store, in the loop of its caller. What it raises is its result."""
        given = {name: self.contract.pass_in(value) for name, value in entry.invocation.arguments.items()}
        try:
            entry.answer = await self.invoke(store, entry, given)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the store raises is its result
            entry.answer = error
            entry.observed = self.contract.observe_error(error)
        else:
            entry.observed = self.contract.observe(entry.answer)

    async def invoke(self, store: Any, entry: Entry, given: Mapping[str, Any]) -> Any:
        """Return what comes out of a call."""
        return await self.contract.invoke(self.contract.operations[entry.call.operation], store, given)

    def end(self, *entries: Entry) -> None:
        """Note what calls gave, for the arguments of later ones; those at the same time together, by caller."""
        for entry in entries:
            if entry.call.label:
                self.results[entry.call.label] = self.contract.labelled(entry)


Choose: TypeAlias = Callable[[tuple[Request, ...]], int]
"""Returns who of those that wait is let go. It is asked whenever every caller waits or is done, also about one."""


class Arena(Protocol):
    """Where plays take place, each on a fresh namespace. What is chosen is noted in the play that comes out."""

    async def play(self, plan: Plan, choose: Choose) -> Play:
        """Make the raced calls at the same time, in the order that is chosen."""
        ...

    async def sequence(self, plan: Plan, order: Sequence[int]) -> Play:
        """Make the same calls one after the other, in this order of their places."""
        ...


@dataclass
class Exploration:
    """The plays of every order, and why some orders were not played."""

    plays: list[Play] = field(default_factory=list)
    cuts: dict[str, None] = field(default_factory=dict)
    """The reasons, each once; without any the enumeration came to its end."""
    is_bounded: bool = False
    """Whether orders with more switches are left out."""


@dataclass
class _Node:
    """A decision on the path of the search."""

    waiting: tuple[Request, ...]
    asleep: frozenset[int]
    """Those who need not be let go here: the orders that begin so were played elsewhere."""
    last: str
    """The caller that went before."""
    switches: int
    """How often a caller had to wait that could have gone on, up to here."""
    chosen: int = 0
    tried: set[int] = field(default_factory=set)

    def cost(self, place: int) -> int:
        """Return 1 if this choice stops a caller that could go on, or lets time pass while one could."""
        busy = [request.caller for request in self.waiting if not request.is_idle]
        request = self.waiting[place]
        is_switch = busy if request.is_idle else request.caller != self.last and self.last in busy
        return int(bool(is_switch))

    def left(self, most_switches: int | None) -> tuple[list[int], bool]:
        """Return the choices that are left, first who went before, and whether the bound leaves some out."""
        awake = [place for place in range(len(self.waiting)) if place not in self.asleep | self.tried]
        awake.sort(key=self.cost)
        if most_switches is None:
            return awake, False
        affordable = [place for place in awake if self.switches + self.cost(place) <= most_switches]
        return affordable, affordable != awake


async def explore(arena: Arena, plan: Plan, most: int, most_switches: int | None = None) -> Exploration:
    """Play every order of a plan, depth first, at most so many plays.

    Requests that commute are played in one order only (sleep sets; Godefroid, 1996). `most_switches` bounds how often
    a caller has to wait that could go on (CHESS; Musuvathi and Qadeer, 2007).
    """
    search = _Search(most_switches)
    for _ in range(most):
        walk = _Walk(search)
        play = await arena.play(plan, walk.choose)
        search.end(walk, play)
        if not search.path:
            return search.found
    search.cut(f"only {most} orders were played")
    return search.found


class _Search:
    """The path to the next order. It ends when the path is empty."""

    def __init__(self, most_switches: int | None) -> None:
        self.most_switches = most_switches
        self.path: list[_Node] = []
        self.found = Exploration()

    def cut(self, reason: str) -> None:
        """Note why some orders are not played."""
        self.found.cuts[reason] = None

    def open(self, node: _Node) -> bool:
        """Choose at a node what was not chosen before; False if nothing is left."""
        left, is_bounded = node.left(self.most_switches)
        self.found.is_bounded |= is_bounded
        if left:
            node.chosen = left[0]
        return bool(left)

    def end(self, walk: _Walk, play: Play) -> None:
        """Take a play, and go on to the next order."""
        if play.stalled:
            self.cut(play.stalled)
        elif not walk.is_redundant:
            self.found.plays.append(play)

        if walk.place < len(self.path):  # it has sent fewer requests than when it was played before
            self.cut(walk.differs or "a replay sent fewer requests than before")
            del self.path[walk.place :]
        while self.path:
            node = self.path[-1]
            node.tried.add(node.chosen)
            if self.open(node):
                return
            self.path.pop()


class _Walk:
    """One play along the path, and beyond it."""

    def __init__(self, search: _Search) -> None:
        self._search = search
        self._sleeping: set[Request] = set()
        self._last = ""
        self._switches = 0
        self.place = 0
        """How far the play has followed the path."""
        self.differs = ""
        """What a replay sent in place of something else."""
        self.is_redundant = False
        """Whether its order was played elsewhere."""

    def choose(self, waiting: tuple[Request, ...]) -> int:
        """Choose as the path says, then what no other play chooses, without a switch if that is possible."""
        node = self._node(waiting)
        chosen = node.chosen
        self._switches += node.cost(chosen)
        self._last = waiting[chosen].caller

        # Whoever was tried here before, or slept, sleeps on until something is let go that it does not commute with.
        skipped = {waiting[place] for place in node.asleep | node.tried}
        self._sleeping = {request for request in skipped if request.commutes(waiting[chosen])}
        return chosen

    def _node(self, waiting: tuple[Request, ...]) -> _Node:
        path = self._search.path
        if self.differs or self.is_redundant:
            return self._new(waiting)
        if self.place < len(path):
            before = [request.shape for request in path[self.place].waiting]
            now = [request.shape for request in waiting]
            if now != before:
                self.differs = f"a replay sent {_sent(now)}, and before {_sent(before)}"
                return self._new(waiting)
            self.place += 1
            return path[self.place - 1]

        node = self._new(waiting)
        if not self._search.open(node):
            self.is_redundant = True
            return node
        path.append(node)
        self.place += 1
        return node

    def _new(self, waiting: tuple[Request, ...]) -> _Node:
        asleep = frozenset(place for place, request in enumerate(waiting) if request in self._sleeping)
        return _Node(waiting, asleep, self._last, self._switches)


def _sent(shapes: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{caller}: {word}" for caller, word in shapes)
