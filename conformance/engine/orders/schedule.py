"""Schedules: who of the callers that wait is let go next; a search plays every order of that, up to a bound."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any, TypeAlias

CONNECTION, CALLER, PROCESS = "the connection is lost", "the caller is cancelled", "the process dies"
CALLERS = "ABCDEFGH"
"""The labels of callers, in the order of their calls."""
STORE = "-"
"""The label for what a store does by itself."""
STARTS = "starts"
"""The text of a request that is none: a caller begins."""
_MOST_STEPS = 500
"""Steps of a play; calls that go on without end are given up then."""


@dataclass(frozen=True, slots=True)
class Request:
    """Something that a caller waits to do: a request to a server, or a step of its coroutine."""

    name: str
    """The label of its caller, and a number if that waits with several."""
    text: str
    """As a trace shows it. Its first word does not depend on values that the store draws."""
    keys: frozenset[Any] | None = None
    """The keys that it touches; None if nobody knows, and none where it is no request but the beginning of a call."""
    is_idle: bool = False
    """Whether it only waits for time to pass. Others that go on meanwhile do not count as a switch."""
    take: Callable[[], object] = field(default=tuple, compare=False)
    """Lets it go."""

    @property
    def caller(self) -> str:
        """The label of its caller."""
        return self.name[0]

    @property
    def word(self) -> str:
        """The first of its text, which is alike when the same play is played again."""
        return self.text.partition(" ")[0]

    def commutes(self, other: Request) -> bool:
        """Whether the order of both makes no difference, since they touch other keys."""
        return bool(self.keys and other.keys and self.keys.isdisjoint(other.keys))


Choose: TypeAlias = Callable[[Sequence[Request]], Request]
"""Returns who of those that wait is let go. It is asked whenever every caller waits or is done, also about one."""


def first(waiting: Sequence[Request]) -> Request:
    """Return the first that waits."""
    return waiting[0]


@dataclass
class Play:
    """What was let go in one play, in this order. Arenas fill it as it goes."""

    trace: list[Request] = field(default_factory=list)
    stalled: str = ""
    """Why the play could not be ordered; its results are no evidence then."""
    deaths: Sequence[str] = ()
    """What may end at one request: `CONNECTION`, `CALLER` or `PROCESS`."""
    has_died: bool = False
    """Whether it has ended."""
    player: Any = None
    """Who knows what came out."""

    @property
    def schedule(self) -> str:
        """The order as `follow` takes it."""
        return "".join(request.name for request in self.trace)

    def go_on(self, waiting: Iterable[Request], choose: Choose) -> None:
        """Let one of those that wait go. They are sorted by caller, and those of one numbered."""
        counts = Counter[str]()
        numbered = []
        for request in sorted(waiting, key=lambda request: (request.name, request.is_idle)):
            number = counts[request.name]
            counts[request.name] += 1
            numbered.append(replace(request, name=f"{request.name}{number or ''}"))
        chosen = choose(numbered)
        self.trace.append(chosen)
        chosen.take()
        if len(self.trace) == _MOST_STEPS:
            self.stalled = f"it goes on for more than {_MOST_STEPS} steps"


def follow(schedule: str) -> Choose:
    """Return what chooses as a text says, and after its end the first that waits."""
    names = iter(re.findall(rf"[{CALLERS}{STORE}]\d*", schedule))

    def choose(waiting: Sequence[Request]) -> Request:
        name = next(names, "")
        return next((request for request in waiting if request.name == name), waiting[0])

    return choose


async def explore(
    play: Callable[[Choose], Awaitable[Play]], most: int, most_switches: float = inf
) -> tuple[list[Play], str]:
    """Play in every order, depth first, at most so many times. Return the plays, and why they are not all.

    It ends with the first play that cannot be ordered. Requests that commute are played in one order only (sleep sets;
    Godefroid, 1996). `most_switches` bounds how often a caller has to wait that could go on (CHESS; Musuvathi and
    Qadeer, 2007).
    """
    search = _Search(most_switches)
    plays = list[Play]()
    for _ in range(most):
        played = await play(search.choose)
        if played.stalled:
            return plays, played.stalled
        if not search.is_redundant:
            plays.append(played)
        if not search.turn():
            return plays, search.cut
    return plays, f"only {most} orders were played"


@dataclass
class _Node:
    """A decision on the path of the search; the requests of those that wait by their names."""

    shape: str
    asleep: set[str]
    """Who need not be let go here: the orders that begin so are played elsewhere."""
    left: list[str]
    """Who is let go here, in this play and in later ones."""


class _Search:
    """The path of a play, and the part of it that the play has still to follow."""

    def __init__(self, most_switches: float) -> None:
        self.cut = ""
        """Why the enumeration is not complete."""
        self._most_switches = most_switches
        self._ahead: list[_Node] = []
        self._begin()

    def _begin(self) -> None:
        self._path: list[_Node] = []
        self._is_off = self.is_redundant = False
        self._asleep: set[str] = set()
        self._last = ""
        self._switches = self._most_switches

    def choose(self, waiting: Sequence[Request]) -> Request:
        """Choose as the path says, and at its end what no other play chooses."""
        if self._is_off:
            return waiting[0]
        shape = ", ".join(f"{request.name} {request.word}" for request in waiting)
        node = self._ahead.pop(0) if self._ahead else self._node(shape, waiting)
        self.is_redundant = not node.left
        if shape != node.shape:
            self.cut = f"a replay sent {shape}, and before {node.shape}"
        self._is_off = self.is_redundant or shape != node.shape
        if self._is_off:
            self._ahead = []
            return waiting[0]

        chosen = next(request for request in waiting if request.name == node.left[0])
        self._path.append(node)
        self._switches -= self._cost(waiting, chosen)
        self._last = chosen.caller
        # Who is asleep here is so until something is let go that it does not commute with.
        self._asleep = {each.name for each in waiting if each.name in node.asleep and each.commutes(chosen)}
        return chosen

    def _node(self, shape: str, waiting: Sequence[Request]) -> _Node:
        awake = [request for request in waiting if request.name not in self._asleep]
        awake.sort(key=partial(self._cost, waiting))
        left = [request.name for request in awake if self._cost(waiting, request) <= self._switches]
        return _Node(shape, self._asleep, left)

    def _cost(self, waiting: Sequence[Request], request: Request) -> bool:
        """Whether a choice stops the last caller, which could go on, or lets time pass while one could go on."""
        busy = [each.caller for each in waiting if not each.is_idle]
        return bool(busy) if request.is_idle else request.caller != self._last and self._last in busy

    def turn(self) -> bool:
        """Go from the end of a play to the next order; False if there is none."""
        if self._ahead:
            self.cut = "a replay sent fewer requests than before"
        path = self._path
        self._begin()
        while path:
            node = path[-1]
            node.asleep.add(node.left.pop(0))
            if node.left:
                self._ahead = path
                return True
            path.pop()
        return False
