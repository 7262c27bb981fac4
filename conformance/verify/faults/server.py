"""Faults of the server: killed, disconnecting, without scripts, read-only, full, loading, and with a wrong record."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from conformance.strategies import a_request
from conformance.subjects.proxy import Stage
from conformance.verify.faults.operations import LongPurge, Purge
from conformance.verify.faults.scenario import Fault, Scenario, demand, fault
from taskstore import FailureKind, RecordUnreadable, TaskExists

_CALLS, _CALLERS, _BEFORE = 60, 8, 16
_LOADED = 60
"""Records that a server loads one by one: long enough for a call, and its end does not wait for them."""


@contextmanager
def _log_kept(scenario: Scenario) -> Iterator[None]:
    """For the time of the block the server has on disk what it has answered."""
    scenario.harness.administer("CONFIG", "SET", "appendonly", "yes")
    facts: dict[str, int] = {}
    while facts.get("aof_rewrite_in_progress") != 0 or facts.get("aof_rewrite_scheduled") != 0:
        facts = scenario.harness.administer("INFO", "persistence")
    try:
        yield
    finally:
        scenario.harness.administer("CONFIG", "SET", "appendonly", "no")


def _disconnect(scenario: Scenario) -> None:
    scenario.harness.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def _flush_scripts(scenario: Scenario) -> None:
    scenario.harness.administer("SCRIPT", "FLUSH")


@fault
async def killed(scenario: Scenario) -> None:
    """The server is killed while nobody waits for it, and started again with what it had answered."""
    with _log_kept(scenario):
        async with scenario.store() as store:
            target = await scenario.operation.prepare(scenario.direct)
            scenario.note("harness.kill_server()")
            await asyncio.to_thread(scenario.harness.kill_server)
            await scenario.call(store, target)


@fault
async def killed_under_load(scenario: Scenario) -> None:
    """The server is killed while eight callers are at work, and started again with what it had answered."""
    with _log_kept(scenario):
        await _under_load(scenario, lambda _: scenario.harness.kill_server())


@fault
async def disconnected(scenario: Scenario) -> None:
    """The server closes every connection (CLIENT KILL) while nobody uses them."""
    async with scenario.store() as store:
        target = await scenario.operation.prepare(scenario.direct)
        scenario.note("CLIENT KILL TYPE normal")
        _disconnect(scenario)
        await scenario.call(store, target)


@fault
async def disconnected_under_load(scenario: Scenario) -> None:
    """The server closes every connection (CLIENT KILL) while eight callers are at work."""
    await _under_load(scenario, _disconnect)


@fault
async def without_scripts(scenario: Scenario) -> None:
    """The server has lost its scripts (SCRIPT FLUSH): the call is answered, and made once."""
    async with scenario.store() as store:
        target = await scenario.operation.prepare(scenario.direct)
        scenario.note("SCRIPT FLUSH")
        _flush_scripts(scenario)
        scenario.answered(await scenario.call(store, target))


@fault
async def without_scripts_under_load(scenario: Scenario) -> None:
    """The server loses its scripts (SCRIPT FLUSH) while eight callers are at work: each call is answered, once made."""
    await _under_load(scenario, _flush_scripts, answered=True)


async def _under_load(scenario: Scenario, disturb: Callable[[Scenario], None], *, answered: bool = False) -> None:
    shared = scenario.operation.shared  # then all calls are about the same
    targets = iter(await scenario.targets(1) * _CALLS if shared else await scenario.targets(_CALLS))
    ended = 0
    warmed_up = asyncio.Event()

    async def work(store: Any) -> None:
        nonlocal ended
        for target in targets:
            outcome = await scenario.call(store, target)
            if answered:
                scenario.answered(outcome)
            ended += 1
            if ended == _BEFORE:
                warmed_up.set()

    async with scenario.store(pool=_CALLERS) as store:
        workers = [asyncio.ensure_future(work(store)) for _ in range(_CALLERS)]
        await warmed_up.wait()
        scenario.note("the server is disturbed here")
        await asyncio.gather(asyncio.to_thread(disturb, scenario), *workers)


def _refusing(failure_kind: FailureKind, sentence: str) -> Fault:
    async def play(scenario: Scenario) -> None:
        if failure_kind is FailureKind.LOADING:
            filler = (a_request({"text": secrets.token_hex(2_000)}) for _ in range(_LOADED))
            await asyncio.gather(*(scenario.direct.create_task(request) for request in filler))
        async with scenario.store(warm=failure_kind is not FailureKind.LOADING) as store:  # which ends all connections
            target = await scenario.operation.prepare(scenario.direct)
            scenario.note(f"with harness.cause_failure(FailureKind.{failure_kind.name}): the next call")
            with scenario.harness.cause_failure(failure_kind):
                outcome = await scenario.call(store, target)
            if failure_kind is not FailureKind.LOADING and not scenario.operation.writes:
                scenario.answered(outcome)
            elif failure_kind is not FailureKind.OUT_OF_MEMORY or not isinstance(scenario.operation, Purge):
                scenario.refused(outcome)  # a purge frees memory

    return Fault(str(failure_kind), sentence, play)


@fault
async def read_only_meanwhile(scenario: Scenario) -> None:
    """The server becomes read-only after its first reply; what an operation did until then, it does not deny."""
    if isinstance(scenario.operation, Purge):
        scenario.operation = LongPurge()
    async with scenario.store() as store:
        target = await scenario.operation.prepare(scenario.direct)
        scenario.note("proxy.interrupt(Stage.REPLY, Action.HOLD)")
        scenario.note("when it is met: the server becomes read-only; proxy.release()")
        call = await scenario.hold(Stage.REPLY, scenario.call(store, target))
        with scenario.harness.cause_failure(FailureKind.READ_ONLY):
            scenario.proxy.release()
            outcome = await call
        if not isinstance(scenario.operation, Purge):
            scenario.answered(outcome)


@fault
async def another_type(scenario: Scenario) -> None:
    """The record of a task is of another type: its own operations name it and leave it; the others go on."""
    name = scenario.operation.name
    async with scenario.store() as store:
        target = await scenario.operation.prepare(scenario.direct)
        if name == "restore":
            await scenario.direct.restore(target.task)
        is_about_one = name in ("get", "update", "cancel", "restore")
        spoilt = target.task if is_about_one else await scenario.direct.create_task(a_request(video="spare"))
        scenario.note("inspector.overwrite_with_another_type(the task's id)")
        scenario.namespace.inspector.overwrite_with_another_type(spoilt.task_id)
        try:
            answer: Any = await scenario.operation.call(store, target)
        except (RecordUnreadable, TaskExists) as error:
            answer = error
        if is_about_one:
            expected = TaskExists if name == "restore" else RecordUnreadable
            demand(type(answer) is expected, f"{answer!r:.160} came of a record of another type")
        elif name == "list":
            demand(
                [key for key in answer.unreadable if key.endswith(spoilt.task_id)]
                and [task.task_id for task in answer.tasks] == [task.task_id for task in target.task.tasks],
                f"the listing is {answer!r:.160}",
            )
        else:
            demand(scenario.operation.is_right(target, answer), f"the answer is not its own: {answer!r:.160}")
        keys = scenario.namespace.inspector.keys()
        still_there = any(key.endswith(spoilt.task_id) for key in keys)
        demand(still_there, "a record that nobody could read is gone")


SERVER_FAULTS = (
    killed,
    killed_under_load,
    disconnected,
    disconnected_under_load,
    without_scripts,
    without_scripts_under_load,
    _refusing(FailureKind.READ_ONLY, "The server is a replica: a write is refused, what is there can be read."),
    _refusing(FailureKind.OUT_OF_MEMORY, "The server has no memory for a write: it is refused, and reading goes on."),
    _refusing(
        FailureKind.LOADING, "The server has started, and loads its data: nothing is done, nothing is 'not found'."
    ),
    read_only_meanwhile,
    another_type,
)
