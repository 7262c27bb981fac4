"""A script: calls that contradict each other, written down so that a person can run and change them."""

from __future__ import annotations

from conformance.harness import Harness
from conformance.verify.histories.contention import instances
from conformance.verify.histories.history import ADVANCE, Planned
from conformance.verify.histories.workload import Rounds

_HEAD = '''\
"""{title}"""

import asyncio
from datetime import timedelta

from conformance.subjects.registry import find_subject
from taskstore import TaskCreateRequest, TaskStatus

WORLD = "conformance-again"
ids = {{}}


async def make(text, call, pause, gives_up=None):
    """Make a call after some turns of the loop, and print what comes of it; or give it up after some more."""
    for _ in range(pause):
        await asyncio.sleep(0)
    sent = asyncio.ensure_future(call())
    if gives_up is not None:
        for _ in range(gives_up):
            await asyncio.sleep(0)
        sent.cancel()
    (outcome,) = await asyncio.gather(sent, return_exceptions=True)
    print(text, "->", "no answer" if gives_up is not None else repr(outcome))
    return outcome


async def main(harness):
    async with {instances}:
'''
_INSTANCE = "harness.open(WORLD) as store{number}"
_TAIL = """\

harness = find_subject({subject!r})()
with harness.running():
    try:
        asyncio.run(main(harness))
    finally:
        harness.discard(WORLD)
"""


def script(harness: Harness, rounds: Rounds, subject: str, title: str) -> str:
    """The calls as a script that runs by itself: clients of a round are coroutines that run at the same time."""
    count = instances(harness)
    opened = ", ".join(_INSTANCE.format(number=number) for number in range(count))
    lines = [_HEAD.format(title=title, instances=opened)]
    for number, calls in enumerate(rounds, start=1):
        clients = sorted({call.client for call in calls})
        for client in clients:
            lines.append(f"        async def round_{number}_client_{client}():\n")
            lines += [f"            {_line(call, count)}\n" for call in calls if call.client == client]
            lines.append("\n")
        together = ", ".join(f"round_{number}_client_{client}()" for client in clients)
        lines.append(f"        await asyncio.gather({together})\n\n")
    return "".join(lines) + _TAIL.format(subject=subject)


def _line(call: Planned, count: int) -> str:
    if call.operation == ADVANCE:
        return "harness.advance(WORLD, timedelta(days=8))  # every task expires"
    given = {name: repr(value) for name, value in call.arguments.items() if name not in ("task_id", "video_ids")}
    if call.arguments.get("status") is not None:
        given["status"] = f"TaskStatus({call.arguments['status']!r})"
    named = [f"{name}={text}" for name, text in given.items()]
    asked = ", ".join([f"ids[{call.task!r}]", *named] if call.task else named)
    if call.operation == "create_task":
        asked = f"TaskCreateRequest(video_ids=({call.task!r},))"
    shown = f"client {call.client}: {call.operation} {call.task}".rstrip()
    gives_up = "" if call.gives_up is None else f", gives_up={call.gives_up}"
    sent = f"store{call.client % count}.{call.operation}({asked})"
    line = f"await make({shown!r}, lambda: {sent}, {call.pause}{gives_up})"
    return f"ids[{call.task!r}] = ({line}).task_id" if call.operation == "create_task" else line
