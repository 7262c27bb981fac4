"""A store as its own judge: what comes out at the same time, or of a death, has to be what a sequence gives."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, groupby, permutations, repeat
from math import inf
from operator import attrgetter
from time import perf_counter

from conformance.compare.alone.plans import Calls, Plan, call, plans_of
from conformance.compare.alone.witness import REPEATED, Witness
from conformance.compare.report import Line
from conformance.engine.contract import Entry
from conformance.engine.orders.loom import LoopArena
from conformance.engine.orders.network import NetworkArena, arena_of
from conformance.engine.orders.schedule import Play, explore, follow
from conformance.harness import Capability, Harness
from conformance.operations.operation import Operation, OperationsError
from conformance.operations.trees import Mismatch, mismatches

_MOST_ORDERS = 300
"""Plays of one plan."""
_MOST_REPEATS = 60
"""Calls after which the answer of an operation has changed, or does not change."""
_MOST_SWITCHES = 3
"""How often a caller of a store in memory has to wait that could go on."""
_SHOWN = 2
"""Places that are shown where two results part."""


@dataclass
class SelfJudge:
    """Races each two operations, lets something die in each, and notes what was played.

    None begins after `until`, by `perf_counter`.
    """

    name: str
    harness: Harness
    operations: Mapping[str, Operation]
    until: float = inf
    only: str = ""
    """The title of a plan: others are left out."""
    schedule: str = ""
    """The one order of it that is played."""
    is_full: bool = False
    """Whether three callers race too."""

    def __post_init__(self) -> None:
        """Play at the server of the store, or else in the loop that runs."""
        self.arena = arena_of(self.harness) or LoopArena(self.harness)
        self.left_out = defaultdict[str, set[str]](set)
        """Why something was not played, and the titles of plans."""
        for operation in filter(attrgetter("seconds"), self.operations.values()):
            self.left_out["it may wait for another call"].add(operation.name)
        self.played = Counter[str]()
        """How many orders of races, and points of deaths."""
        self.cut = 0
        """How many crowds did not begin in time."""
        self._is_at_server = isinstance(self.arena, NetworkArena)
        self._instances = (1, 2) if Capability.SHARED in self.harness.capabilities else (1,)
        self._raced = [operation for operation in self.operations.values() if not operation.seconds]
        self._writes = [operation for operation in self._raced if not operation.is_read]
        pairs = combinations_with_replacement(self._raced, 2)
        self.crowds: list[Sequence[Operation]] = [pair for pair in pairs if not (pair[0].is_read and pair[1].is_read)]
        """The operations of each plan: two of which one writes, three times one that writes, or one that dies."""
        if self.is_full:
            self.crowds += [(operation,) * 3 for operation in self._writes]
        if self._is_at_server:
            self.crowds[:0] = zip(self._raced)
        self.crowds.sort(key=lambda crowd: crowd[0] is not crowd[-1])  # what shows most comes first

    def extent(self) -> Iterator[str]:
        """Yield what was played."""
        bound = "" if self._is_at_server else f" with at most {_MOST_SWITCHES} switches"
        whole = "" if self.left_out else f"every order{bound} of "
        yield f"raced: {whole}two operations, {self.played['race']:,} plays"
        if self._is_at_server:
            yield f"died: a connection, a caller or a process at {self.played['death']:,} points"

    async def findings(self) -> AsyncIterator[Line]:
        """Yield what no sequence of the calls explains: what is found first of each set of operations, by rule.

        Raises:
            OperationsError: if there is no plan of this title.
        """
        brinks = {operation.name: await self._brink(operation) for operation in self._writes}
        is_there = not self.only
        for crowd in self.crowds:
            if perf_counter() > self.until:
                self.cut += 1
                continue
            rules = set[str]()
            for plan in plans_of(self._raced, crowd, brinks, self._instances[: len(crowd)]):
                is_asked = self.only in ("", plan.title)
                is_there |= is_asked
                if not is_asked or "" in rules:
                    continue
                async for rule, line in self.judge(plan):
                    if rule not in rules:
                        yield line
                    rules.add(rule)
        if not is_there:
            raise OperationsError(
                f"nothing is called {self.only!r}: take a title that `conformance compare` has printed"
            )

    async def _brink(self, operation: Operation) -> Calls:
        """Return what comes before the last call of a write of which the answer is still that of the first.

        Where it never changes, it is tried on an entry that another write has made.
        """
        for start in (), (call(self._writes[0], 2),):
            calls = (*start, *repeat(call(operation), _MOST_REPEATS))
            witness = await self._play(Plan(calls, (), (), f"{operation.name} alone"), Play())
            kinds = [(type(entry.answer), entry.answer is True) for entry in witness.entries][len(start) :]
            changed = [place for place, kind in enumerate(kinds) if kind != kinds[0]]
            if changed:
                return calls[: len(start) + changed[0] - 1]
        return ()

    async def _play(self, plan: Plan, ordered: Play) -> Witness:
        witness = Witness(self.arena, self.operations, plan, ordered)
        await witness.play(witness.drawn())
        for name, kind in witness.contract.observer.opaque.items():
            self.left_out[f"what {name} gives as {kind} cannot be compared"].add(plan.title)
        return witness

    async def sequences(self, plan: Plan) -> list[Witness]:
        """Make the calls one after the other, in each order; one that dies also not at all."""
        orders = [*permutations(range(len(plan.racing)))]
        if plan.kind == "death":
            orders.insert(0, ())
        return [await self._play(plan, Play(order=order)) for order in orders]

    async def plays(self, plan: Plan) -> list[Witness]:
        """Play every order of a plan, or that of the schedule."""
        if self.schedule:
            return [await self._play(plan, Play(follow(self.schedule)))]
        most_switches = inf if self._is_at_server else _MOST_SWITCHES
        plays, cut = await explore(partial(self._play, plan), _MOST_ORDERS, most_switches)
        if cut:
            self.left_out[cut].add(plan.title)
        if plan.kind == "death":
            plays = [play for play in plays if play.ordered.has_died]
        self.played[plan.kind] += len(plays)
        return plays

    async def judge(self, plan: Plan) -> AsyncIterator[tuple[str, Line]]:
        """Play every order of a plan, and yield each rule that is broken, with the shortest that breaks it."""
        sequences = await self.sequences(plan)
        plays = await self.plays(plan)
        if plan.kind == "death" and self.arena.in_threads:
            self.left_out["a call in a thread is neither cancelled nor killed"].add(plan.title)
        wrong = defaultdict[str, list[Witness]](list)
        for play in plays:
            for rule in broken(play, sequences):
                wrong[rule].append(play)
        if wrong and any(map(_apart, await self.sequences(plan), sequences)):
            self.left_out["the same calls one after the other give something else each time"].add(plan.title)
            return

        for rule, those in wrong.items():
            text = min(those, key=_turns).ordered.schedule
            shown = await self._play(plan, Play(follow(text)))
            why = broken(shown, sequences)
            if rule not in why:
                self.left_out["it came out wrong, and not once more"].add(plan.title)
                continue
            title = plan.title
            said = f"in {_orders(those)} of {_orders(plays)} orders of their requests, as in no order of the calls"
            if rule:
                title += f": {rule}"
                said = f"{rule}, at {len(those)} of {len(plays)} points"
            again = f"# again, of that store alone: --only '{plan.title}' --schedule {text}"
            *_, last = *plan.racing, *plan.after
            script = (*shown.lines(why[rule]), f"# {self.name}: {said}", again)
            yield rule, Line(plan.racing[0].operation, plan.kind, title, last.operation, script)


def broken(played: Witness, sequences: Sequence[Witness]) -> dict[str, Iterable[str]]:
    """Return the rules that a play breaks, and what shows that.

    They are that of the first result that no sequence explains, and that of lifetimes.
    """
    found: dict[str, Iterable[str]] = {}
    if played.plan.kind == "death" and not played.has_failed:
        sequences = sequences[1:]  # an answer means that the call was made
    expiring = {key for sequence in sequences for key in sequence.expiring}
    lasting = {key for sequence in sequences for key in sequence.lasting}
    apart = [_apart(played, sequence) for sequence in sequences]
    if all(apart):
        place = max(map(min, apart))
        entry = played.outcome[place]
        rule = played.entries[entry]
        is_refused = rule == REPEATED and isinstance(entry.answer, Exception)
        if not (is_refused and played.expiring - expiring - lasting):  # who holds a lock is waited for
            found[rule] = _why(entry, [places[place] for places in apart if place in places])
    if keys := sorted(played.lasting & expiring - lasting):
        found["leaves a key that never expires"] = [f"#   then {keys[0]} has no lifetime"]
    return found


def _apart(played: Witness, sequence: Witness) -> dict[int, list[Mismatch]]:
    """Return which results are not those of a sequence, by place, and where they part.

    A call in which something dies may fail. Lists may be in another order: replies may overtake each other.
    """
    found = {}
    for place, (came, right) in enumerate(zip(played.outcome, sequence.outcome, strict=False)):
        apart = [each for each in mismatches(right.observed, came.observed) if each.kind != "order"]
        if apart and place >= played.has_failed:
            found[place] = apart
    return found


def _why(entry: Entry, apart: Sequence[Sequence[Mismatch]]) -> Iterator[str]:
    """Yield the first result that no sequence explains, where it differs, then what the sequences give there."""
    expected = dict.fromkeys(_text(each, 0) for each in apart)
    yield f"#   then {entry.line} -> {_text(min(apart, key=len), 1)}"
    yield f"#   one after the other {' or '.join(expected)}"


def _text(apart: Sequence[Mismatch], side: int) -> str:
    """Return one of two sides of a result, where they part."""
    texts = [f"{''.join(each.path)}: {each.texts[side]}" for each in apart[:_SHOWN]]
    return ", ".join(text.removeprefix(": ") for text in texts)


def _orders(plays: Iterable[Witness]) -> int:
    """Count orders of requests: a call may be begun at another time in two plays of one."""
    return len({tuple(request.shape for request in play.ordered.requests) for play in plays})


def _turns(play: Witness) -> int:
    """Return how often another caller goes on, and where something ends."""
    return len([*groupby(request.caller for request in play.ordered.trace)])
