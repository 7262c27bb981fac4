"""Plays the operations against failures, and lets the checks of a case look at what came of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field

from conformance.case import Namespace
from conformance.cases.environment import logging_to
from conformance.cases.operations import ON_NO_IDS, OPERATIONS, Operation, make_target, operations_of
from conformance.cases.table.bench import Bench, outcome_of
from conformance.cases.table.failures import PASSWORD, Failure
from conformance.cases.table.seen import Seen
from conformance.harness import Harness
from conformance.script import Script
from taskstore import MemoryTaskStore

Check = Callable[[Seen], object]
ROUNDS_OF_A_BENCH = 4
"""After so many rounds the benches are replaced: each round leaves tasks, which make later listings slower."""


@dataclass
class Row:
    """What came of one failure: a round for each exchange of a call, with the script until its end."""

    rounds: list[tuple[str, Sequence[Seen]]] = field(default_factory=list)
    left: Sequence[Operation] = OPERATIONS
    """The operations of the next round."""


class _Known:
    """The rows that were played on the subject at hand: many cases look at the same ones, which take their time."""

    harness: Harness | None = None
    rows: dict[Failure, Row]

    @classmethod
    def rows_of(cls, harness: Harness) -> dict[Failure, Row]:
        if cls.harness is not harness:
            cls.harness, cls.rows = harness, {}
        return cls.rows


async def table(
    namespace: Namespace, failures: Sequence[Failure], *checks: Check, operations: Sequence[Operation] = OPERATIONS
) -> None:
    """Play each operation that the store has against each failure, at each exchange of it, and check what is seen.

    What another case has played is not played again. Operations that are not named are played, and not checked.
    """
    rows, script = _Known.rows_of(namespace.harness), namespace.script
    benches: list[Bench] = []
    rounds = 0
    async with AsyncExitStack() as stack:
        for failure in failures:
            row = rows.setdefault(failure, Row())
            for number in range(failure.rounds):
                if number == len(row.rounds):
                    if not row.left:
                        break
                    if rounds % ROUNDS_OF_A_BENCH == 0:
                        await stack.aclose()
                        benches = await _set_up(namespace, stack)
                    rounds += 1
                    played = await _played([one for one in benches if one.operation in row.left], failure, number)
                    # If it was answered, the exchange may be that of a call beside it, and it has no more of them.
                    row.left = [one.operation for one in played if one.met and (one.has_failed or not number)]
                    row.rounds.append((str(script), played))
                shown, played = row.rounds[number]
                namespace.script = Script(shown.splitlines())
                for seen in played:
                    for check in checks if seen.operation in operations else ():
                        check(seen)
                assert number or failure.stage is None or any(seen.met for seen in played), "nobody asked the server"


async def _set_up(namespace: Namespace, stack: AsyncExitStack) -> list[Bench]:
    benches = [Bench(namespace, one) for one in operations_of(namespace.harness.capabilities)]
    for bench in benches:
        await bench.set_up(stack)
    return benches


async def away(namespace: Namespace, failure: Failure, port: int, *checks: Check) -> None:
    """Make each call, also those on what is no id, the first one of a store; nothing at that port answers."""
    async with MemoryTaskStore() as source:
        target = await make_target(source)
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    async def play(operation: Operation) -> Seen:
        seen = Seen(failure, operation, target, f"127.0.0.1:{port}", None)
        async with namespace.harness.open_at(namespace.name, url, failure.seconds) as store:
            seen.shown = f"{store} {store!r}"
            seen.outcome = await outcome_of(operation.call(store, target))
        return seen

    with logged() as lines:
        operations = (*operations_of(namespace.harness.capabilities), *ON_NO_IDS)
        played = await asyncio.gather(*map(play, operations))
    for seen in played:
        seen.logged = lines
        for check in checks:
            check(seen)


async def _played(benches: Sequence[Bench], failure: Failure, number: int) -> Sequence[Seen]:
    """Play the cells of a failure together; if the whole server fails, one by one."""
    with logged() as lines:
        plays = [bench.play(failure, number) for bench in benches]
        if failure.makes:
            played: list[Seen | BaseException] = [await play for play in plays]
        else:
            played = await asyncio.gather(*plays, return_exceptions=True)
    found = []
    for seen in played:
        if isinstance(seen, BaseException):
            raise seen
        seen.logged = lines
        found.append(seen)
    return found


@contextmanager
def logged() -> Iterator[list[str]]:
    """Give what is logged meanwhile, at every level."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name} {record.levelname} {logging.Formatter().format(record)}")

    with logging_to(Handler(), logging.DEBUG):
        yield lines
