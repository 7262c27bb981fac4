"""Schedules: who of the callers that wait is let go next; a search plays every order of that, up to a bound."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from operator import attrgetter
from typing import Any, TypeVar

CONNECTION, CALLER, PROCESS = "the connection is lost", "the caller is cancelled", "the process dies"
CALLERS = "ABCDEFGH"
"""The labels of callers, in the order of their calls."""
STORE = "-"
"""The label for what a store does by itself."""
STARTS = "starts"
"""The text of a request that is none: a caller begins."""
_MOST_STEPS = 500
"""Steps of a play; calls that go on without end are given up then."""


@dataclass(frozen=True)
class Request:
    """Something that a caller waits to do: a request to a server, or a step of its coroutine."""

    name: str
    """The label of its caller, and a number if that waits with several."""
    text: str
    """As a trace shows it. Its first word does not depend on values that the store draws."""
    keys: frozenset[Any] = frozenset()
    """The keys that it touches; none if nobody knows."""
    is_idle: bool = False
    """Whether it only waits for time to pass. Others that go on meanwhile do not count as a switch."""
    take: Callable[[], object] = field(default=tuple, compare=False)
    """Lets it go."""

    @property
    def caller(self) -> str:
        """The label of its caller."""
        return self.name[0]

    @property
    def shape(self) -> str:
        """Its name and the first word of its text, which are alike when the same play is played again."""
        return f"{self.name} {self.text.partition(' ')[0]}"

    def commutes(self, other: "Request") -> bool:
        """Whether the order of both makes no difference, since they touch other keys."""
        return bool(self.keys and other.keys and self.keys.isdisjoint(other.keys))


Choose = Callable[[Sequence[Request]], Request]
"""Returns who of those that wait is let go. It is asked whenever every caller waits or is done, also about one."""


def follow(schedule: str) -> Choose:
    """Return what chooses as a text says, and after its end the first that waits."""
    names = iter(re.findall(r"\D\d*", schedule))

    def choose(waiting: Sequence[Request]) -> Request:
        name = next(names, "")
        return next((request for request in waiting if request.name == name), waiting[0])

    return choose


first = follow("")


@dataclass
class Play:
    """What was let go in one play, in this order. Arenas fill it as it goes."""

    choose: Choose = first
    order: Sequence[int] | None = None
    """The calls that are made one after the other, by their places; None if all are made at the same time."""
    deaths: Sequence[str] = ()
    """What may end at one request: `CONNECTION`, `CALLER` or `PROCESS`."""
    has_died = False
    """Whether it has ended."""
    trace: list[Request] = field(default_factory=list)
    stalled = ""
    """Why the play could not be ordered; its results are no evidence then."""

    @property
    def schedule(self) -> str:
        """The order as `follow` takes it."""
        return "".join(request.name for request in self.trace)

    @property
    def requests(self) -> list[Request]:
        """What was let go, but for the beginnings of calls."""
        return [request for request in self.trace if request.text != STARTS]

    def go_on(self, waiting: Iterable[Request]) -> None:
        """Let one of those that wait go. They are sorted by caller, and those of one numbered."""
        numbered = []
        counts = Counter[str]()
        for request in sorted(waiting, key=attrgetter("name", "is_idle")):
            numbered.append(replace(request, name=f"{request.name}{counts[request.name] or ''}"))
            counts[request.name] += 1
        chosen = self.choose(numbered)
        self.trace.append(chosen)
        chosen.take()
        if len(self.trace) == _MOST_STEPS:
            self.stalled = f"it goes on for more than {_MOST_STEPS} steps"


P = TypeVar("P")


@dataclass
class _Node:
    """A decision on the path of the search, between requests of these shapes."""

    asleep: set[str]
    """Who need not be let go here: the orders that begin so are played elsewhere."""
    left: list[str]
    """Who is let go here, in this play and in later ones."""


async def explore(play: Callable[[Play], Awaitable[P]], most: int, most_switches: float = inf) -> tuple[list[P], str]:
    """Play in every order, depth first, at most so many times. Return who has played, and why that is not all.

    It ends with the first play that cannot be ordered. Requests that commute are played in one order only (sleep sets;
    Godefroid, 1996). `most_switches` bounds how often a caller has to wait that could go on (CHESS; Musuvathi and
    Qadeer, 2007).
    """
    players: list[P] = []
    cut = ""
    path: list[_Node] = []
    asleep, depth, last, switches = set[str](), 0, "", most_switches  # of one play

    def choose(waiting: Sequence[Request]) -> Request:
        """Choose as the path says, and from its end on what no other play chooses."""
        nonlocal asleep, depth, last, switches
        costs = {request.shape: _is_switch(request, last, waiting) for request in waiting}
        if depth == len(path):
            awake = [shape for shape, cost in costs.items() if shape not in asleep and cost <= switches]
            path.append(_Node(asleep, sorted(awake, key=costs.__getitem__)))
        node = path[depth]
        chosen = next((request for request in waiting if request.shape in node.left[:1]), None)
        if chosen is None:
            return waiting[0]

        depth += 1
        last = chosen.caller
        switches -= costs[chosen.shape]
        # Who is asleep here is so until something is let go that it does not commute with.
        asleep = {each.shape for each in waiting if each.shape in node.asleep and each.commutes(chosen)}
        return chosen

    for _ in range(most):
        ordered = Play(choose)
        player = await play(ordered)
        if ordered.stalled:
            return players, ordered.stalled
        is_played_elsewhere = bool(path) and not path[-1].left
        if not is_played_elsewhere and not depth == len(path) == len(ordered.trace):
            cut = "a replay sent other requests than before"
        if cut or not is_played_elsewhere:
            players.append(player)

        del path[depth:]
        while path and len(path[-1].left) == 1:
            path.pop()
        if not path:
            return players, cut
        node = path[-1]
        node.asleep.add(node.left.pop(0))
        asleep, depth, last, switches = set(), 0, "", most_switches
    return players, f"only {most} orders were played"


def _is_switch(request: Request, last: str, waiting: Sequence[Request]) -> bool:
    """Whether a choice stops the last caller, which could go on, or lets time pass while one could go on."""
    busy = [each.caller for each in waiting if not each.is_idle]
    return bool(busy) if request.is_idle else request.caller != last and last in busy
