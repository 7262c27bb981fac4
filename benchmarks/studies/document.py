"""What `python -m benchmarks.studies` writes: the one definition of its form, for who writes it and who reads it.

Raw blocks, each of a new process. What follows from them alone (a median with its interval, say) is a property here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field

from benchmarks.document import Depth, Design, Mode, Seconds, Strict
from conformance.measure.estimate import Estimate, compare, estimate_some

Blocks = Annotated[tuple[Seconds, ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Page = Literal["first", "filtered", "deep", "deep filtered"]
Part = Literal["task", "metadata"]
"""What of a task is 400 bytes of JSON: the whole of it, as the documented design stores it, or its metadata alone."""
Called = Literal["get", "update"]
What = Literal["expire", "expire, nobody writes", "plain keys, nobody sweeps", "indexes, nobody calls"]
PeerOperation = Literal["create", "get", "look", "update", "list"]
Answer = Literal["yes", "no", "not offered"]
Quantile = Literal["p50", "p99"]

PLAIN, GLIDE = "redis-py", "valkey-glide"
"""The subjects that are a client by itself, with the commands of our store."""
HELD = 0.95
"""Share of the time to the last answer in which calls came: with less, answers fell behind the calls."""
ISOLATION = ("keeps a value that its giver changes", "keeps a value that its reader changes")
"""The questions of which both must be answered by yes: below that one compares with a dictionary."""


class Timed(Strict):
    """Seconds of a call, the mean of `calls` in each block, and of PINGs through redis-py and the store's own client.

    PINGs took turns with the calls; in memory mode there are none.
    """

    calls: Count
    seconds: Blocks
    ping_seconds: tuple[Seconds, ...] = ()
    own_ping_seconds: tuple[Seconds, ...] = ()

    @property
    def ms(self) -> Estimate:
        """Milliseconds of a call."""
        return estimate_some(seconds * 1e3 for seconds in self.seconds)

    @property
    def us(self) -> Estimate:
        """Microseconds of a call."""
        return estimate_some(seconds * 1e6 for seconds in self.seconds)

    @property
    def times_ping(self) -> Estimate | None:
        """A call as a multiple of a PING through redis-py."""
        return compare(self.seconds, self.ping_seconds) if self.ping_seconds else None

    @property
    def times_own_ping(self) -> Estimate | None:
        """A call as a multiple of a PING through the store's own client."""
        return compare(self.seconds, self.own_ping_seconds) if self.own_ping_seconds else None


class Point(Timed):
    """A listing of fifty from one store."""

    design: Design
    mode: Mode
    page: Page
    tasks: Count
    offset: Annotated[int, Field(ge=0)]


class Growth(Strict):
    """Every point of every curve."""

    points: tuple[Point, ...]


class Block(Strict):
    """Calls in a closed loop that were answered, and that raised."""

    answered: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    seconds: Seconds


class Cell(Strict):
    """One operation of one subject (`ours`, `documented`, `redis-py`, `valkey-glide`) by that many callers."""

    subject: str
    operation: Called
    callers: Count
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]

    @property
    def rates(self) -> list[float]:
        """Calls answered a second, block by block."""
        return [block.answered / block.seconds for block in self.blocks]


class Load(Strict):
    """Every cell; with `tasks` tasks in the store."""

    tasks: int
    cells: tuple[Cell, ...]


class Spread(Strict):
    """Many waits in seconds. `quantiles` has those for which ten samples lie beyond and more."""

    n: Count
    most: float
    quantiles: dict[Quantile, float]

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """Put waits together; there is at least one."""
        ordered = sorted(seconds)
        n = len(ordered)
        shares: Mapping[Quantile, float] = {"p50": 0.5, "p99": 0.99}
        quantiles = {
            name: ordered[math.ceil(share * n) - 1]
            for name, share in shares.items()
            if round(n * (1 - share), 6) >= 10  # noqa: PLR2004  as the docstring says
        }
        return cls(n=n, most=ordered[-1], quantiles=quantiles)


class Arrivals(Strict):
    """What met the calls that came at one rate, a share of `capacity`, in one process.

    The last was due after `due_seconds` and the last answer came after `seconds`: what lies between is the backlog. All
    were waited for; those that failed are among the waits.
    """

    capacity: Annotated[float, Field(gt=0)]
    rate: Annotated[float, Field(gt=0)]
    waits: Spread
    lateness: Spread
    failed: Annotated[int, Field(ge=0)]
    due_seconds: Seconds
    seconds: Seconds


class Offered(Strict):
    """Calls of one operation of one subject that came at a share of its capacity, once in each process."""

    subject: str
    operation: Called
    share: Annotated[float, Field(gt=0)]
    runs: Annotated[tuple[Arrivals, ...], Field(min_length=1)]

    @property
    def rate(self) -> Estimate:
        """Calls that came a second."""
        return self._over(lambda run: run.rate)

    @property
    def held(self) -> Estimate:
        """Calls answered a second, until the last answer."""
        return self._over(lambda run: (run.waits.n - run.failed) / run.seconds)

    @property
    def saturated(self) -> bool:
        """Whether answers fell behind: the waits then only say how long the run was."""
        return median(run.due_seconds / run.seconds for run in self.runs) < HELD

    @property
    def p50_ms(self) -> Estimate | None:
        """The median wait; None where a process made too few calls."""
        return self._quantile("p50", lambda run: run.waits)

    @property
    def p99_ms(self) -> Estimate | None:
        """The 99th percentile of waits."""
        return self._quantile("p99", lambda run: run.waits)

    @property
    def lateness_p99_ms(self) -> Estimate | None:
        """How late calls were begun, which is the generator's fault and is in the waits."""
        return self._quantile("p99", lambda run: run.lateness)

    def _quantile(self, name: Quantile, of: Callable[[Arrivals], Spread]) -> Estimate | None:
        if any(name not in of(run).quantiles for run in self.runs):
            return None
        return self._over(lambda run: of(run).quantiles[name] * 1e3)

    def _over(self, find: Callable[[Arrivals], float]) -> Estimate:
        return estimate_some(map(find, self.runs))


class Open(Strict):
    """Every rate; with `tasks` tasks in the store."""

    tasks: int
    offered: tuple[Offered, ...]


class Size(Strict):
    """Bytes of that many tasks."""

    design: Design
    mode: Mode
    part: Part
    tasks: Count
    total_bytes: Count

    @property
    def bytes_per_task(self) -> float:
        """Bytes of one."""
        return self.total_bytes / self.tasks


class Memory(Strict):
    """Every size."""

    sizes: tuple[Size, ...]


class Event(Strict):
    """That many tasks, or plain keys, went in Redis, and how long others waited at the longest.

    `seconds` are those of the listing that swept, or until Redis had removed the keys.
    """

    what: What
    tasks: Count
    seconds: Seconds
    quiet_seconds: Seconds
    """The longest wait when nothing went on: what this machine lets one wait in any case."""
    meanwhile_seconds: Seconds


class Expiry(Strict):
    """Every event, each as often as it was made."""

    events: tuple[Event, ...]


class Trait(Strict):
    """One question to a peer, its answer, and what was seen."""

    question: str
    answer: Answer
    seen: str


class Portrait(Strict):
    """What a peer does; `not_timed` says why an operation has no timing."""

    peer: str
    version: str
    traits: tuple[Trait, ...]
    not_timed: dict[PeerOperation, str]

    @property
    def isolates(self) -> bool:
        """Whether nothing that a caller does to a value reaches the store: only then its times compare with ours."""
        return all(one.answer == "yes" for one in self.traits if one.question in ISOLATION)


class Timing(Timed):
    """One operation of one peer."""

    peer: str
    operation: PeerOperation
    tasks: Annotated[int, Field(ge=0)]


class Peers(Strict):
    """Every peer, in memory."""

    portraits: tuple[Portrait, ...]
    timings: tuple[Timing, ...]


class Calls(Strict):
    """By operation: requests per call, and the blocks of what was timed, on asyncio's loop and on uvloop's."""

    requests: dict[str, Annotated[float, Field(ge=0)]]
    timed: dict[str, Timed]
    timed_on_uvloop: dict[str, Timed]


class Start(Strict):
    """Seconds that imports took, a pair of interpreters for each place."""

    pydantic: Blocks
    taskstore: Blocks

    @property
    def beyond_ms(self) -> Estimate:
        """How long the import of `taskstore` takes beyond `import pydantic`, pair by pair."""
        pairs = zip(self.taskstore, self.pydantic, strict=True)
        return estimate_some((both - alone) * 1e3 for both, alone in pairs)


class Made(Strict):
    """Each study that was made."""

    growth: Growth | None = None
    load: Load | None = None
    arrivals: Open | None = None
    memory: Memory | None = None
    expiry: Expiry | None = None
    peers: Peers | None = None
    calls: Calls | None = None
    start: Start | None = None


class Studies(Strict):
    """All of it."""

    form: Literal["benchmark-studies/5"] = Field("benchmark-studies/5", alias="schema")
    started: AwareDatetime
    depth: Depth
    seed: int
    environment: dict[str, Any]
    seconds: dict[str, Seconds]
    failures: dict[str, str]
    """Why a study that was to be made is not there."""
    studies: Made
