"""Schedules: who of the callers that wait is let go next; a search plays every order of that, up to a bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from conformance.engine.contract import Entry

CONNECTION, CALLER = "the connection is lost", "the caller is cancelled"
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
    loses: str = ""
    """What may still be lost at a request: `CONNECTION` or `CALLER`."""
    stalled: str = ""
    """Why the play could not be ordered; its results are no evidence then."""

    @property
    def entries(self) -> list[Entry]:
        """Everything that came out, in the order of the plan."""
        return [*self.started, *self.results, *self.seen]


Choose: TypeAlias = Callable[[tuple[Request, ...]], int]
"""Returns who of those that wait is let go. It is asked whenever every caller waits or is done, also about one."""


@dataclass
class Exploration:
    """The plays of every order, and why some orders were not played."""

    plays: list[Play] = field(default_factory=list)
    cuts: dict[str, None] = field(default_factory=dict)
    """The reasons, each once; without any the enumeration came to its end."""
    is_bounded: bool = False
    """Whether orders with more switches are left out."""

    def cut(self, reason: str) -> None:
        """Note why some orders are not played."""
        self.cuts[reason] = None


async def explore(
    play: Callable[[Choose], Awaitable[Play]], most: int, most_switches: int | None = None
) -> Exploration:
    """Play in every order, depth first, at most so many times.

    It ends with the first play that cannot be ordered. Requests that commute are played in one order only (sleep sets;
    Godefroid, 1996). `most_switches` bounds how often a caller has to wait that could go on (CHESS; Musuvathi and
    Qadeer, 2007).
    """
    search = _Search(most_switches)
    for _ in range(most):
        search.begin()
        played = await play(search.choose)
        if played.stalled:
            search.found.cut(played.stalled)
            return search.found
        search.end(played)
        if not search.path:
            return search.found
    search.found.cut(f"only {most} orders were played")
    return search.found


@dataclass
class _Node:
    """A decision on the path of the search."""

    waiting: tuple[Request, ...]
    left: list[int]
    """Who is let go here, in this play and in later ones."""
    skipped: set[int]
    """Who need not be let go here: the orders that begin so are played elsewhere."""


class _Search:
    """The path to the next order, and where a play is on it. The search is over when the path is empty."""

    def __init__(self, most_switches: int | None) -> None:
        self._most_switches = most_switches
        self.path: list[_Node] = []
        self.found = Exploration()
        self.begin()

    def begin(self) -> None:
        """Begin a play at the start of the path."""
        self._place = 0
        self._is_redundant = False
        self._differs = ""
        self._asleep: set[Request] = set()
        self._last = ""
        self._switches = 0

    def choose(self, waiting: tuple[Request, ...]) -> int:
        """Choose as the path says, and at its end what no other play chooses."""
        if self._place == len(self.path) and not self._differs:
            self.path.append(self._opened(waiting))
        if self._differs or self._leaves_path(waiting):
            return 0
        node = self.path[self._place]
        chosen = node.left[0]
        self._place += 1
        self._switches += self._cost(waiting, chosen)
        self._last = waiting[chosen].caller

        # Who is skipped here is skipped until something is let go that it does not commute with.
        skipped = {waiting[place] for place in node.skipped}
        self._asleep = {request for request in skipped if request.commutes(waiting[chosen])}
        return chosen

    def _leaves_path(self, waiting: tuple[Request, ...]) -> bool:
        """Whether this play leaves the path: it is played elsewhere, or sends other requests than before."""
        node = self.path[self._place]
        now, before = _shape(waiting), _shape(node.waiting)
        if now != before:
            self._differs = f"a replay sent {now}, and before {before}"
        self._is_redundant |= not node.left
        return bool(self._differs) or not node.left

    def _opened(self, waiting: tuple[Request, ...]) -> _Node:
        asleep = {place for place, request in enumerate(waiting) if request in self._asleep}
        awake = [place for place in range(len(waiting)) if place not in asleep]
        awake.sort(key=lambda place: self._cost(waiting, place))
        if self._most_switches is None:
            return _Node(waiting, awake, asleep)
        budget = self._most_switches - self._switches
        left = [place for place in awake if self._cost(waiting, place) <= budget]
        self.found.is_bounded |= left != awake
        return _Node(waiting, left, asleep)

    def _cost(self, waiting: tuple[Request, ...], place: int) -> bool:
        """Whether a choice stops a caller that could go on, or lets time pass while one could."""
        busy = [request.caller for request in waiting if not request.is_idle]
        if waiting[place].is_idle:
            return bool(busy)
        return waiting[place].caller != self._last and self._last in busy

    def end(self, play: Play) -> None:
        """Take a play, and go to the next order."""
        if not self._is_redundant:
            self.found.plays.append(play)
            if self._place < len(self.path):
                self.found.cut(self._differs or "a replay sent fewer requests than before")
        del self.path[self._place :]
        while self.path:
            node = self.path[-1]
            node.skipped.add(node.left.pop(0))
            if node.left:
                return
            self.path.pop()


def _shape(waiting: Sequence[Request]) -> str:
    return ", ".join(" ".join(request.shape) for request in waiting)
