"""A check: what one statement of the document comes to on a store, in one mode or in either."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from conformance.backends.servers import ServerError
from conformance.files import CommandFailedError
from conformance.harness import Harness, HookMissingError
from conformance.tasks.case import Namespace, NotTestable
from conformance.tasks.cases.contents import every_call, outcome_of
from statements.document import CheckResult
from taskstore import TaskNotFound

Found = TypeVar("Found")
_SECONDS = 60


@dataclass(frozen=True)
class Check:
    """A function that asserts what the statement comes to; each assertion says what came instead."""

    modes: tuple[str, ...]
    function: Callable[[Namespace], Awaitable[None]]

    def play(self, name: str, store: str, harness: Harness) -> CheckResult:
        """Play it on a store, in a namespace of its own."""
        namespace = Namespace(harness)
        try:
            asyncio.run(asyncio.wait_for(self.function(namespace), _SECONDS))
        except (HookMissingError, NotTestable, ServerError, CommandFailedError) as reason:
            return CheckResult(check=name, store=store, verdict="not-testable", came=str(reason))
        except Exception as fault:  # noqa: BLE001  whatever it is, it came instead of what was expected
            return CheckResult(check=name, store=store, verdict="fail", came=describe(fault))
        finally:
            harness.discard(namespace.name)
        return CheckResult(check=name, store=store, verdict="pass")


CHECKS: dict[str, Check] = {}
"""By the name that `auto_clip.toml` gives to it."""


def check(*modes: str) -> Callable[[Callable[[Namespace], Awaitable[None]]], Callable[[Namespace], Awaitable[None]]]:
    """Make a check of an async function, for stores of these modes."""

    def register(function: Callable[[Namespace], Awaitable[None]]) -> Callable[[Namespace], Awaitable[None]]:
        CHECKS[function.__name__] = Check(modes, function)
        return function

    return register


def once(function: Callable[[Namespace], Awaitable[Found]]) -> Callable[[Namespace], Awaitable[Found]]:
    """Call the function once for each harness: what it finds decides several checks."""
    found_on: dict[Harness, Found] = {}

    async def find(namespace: Namespace) -> Found:
        if namespace.harness not in found_on:
            found_on[namespace.harness] = await function(namespace)
        return found_on[namespace.harness]

    return find


def describe(fault: Exception) -> str:
    """Write an exception in a line; of an assertion only what it says."""
    if isinstance(fault, TaskNotFound):
        return "not found"
    text = " ".join(str(fault).split())
    return text if isinstance(fault, AssertionError) else f"{type(fault).__name__}: {text}".rstrip(": ")


async def is_there(store: Any, task_id: str) -> bool:
    """Whether the store finds the task."""
    try:
        await store.get_task(task_id)
    except TaskNotFound:
        return False
    return True


def keys_of(namespace: Namespace, task_id: str) -> list[str]:
    """Find the keys of the server that name the task."""
    keys: list[str] = namespace.harness.administer("KEYS", f"*{task_id}*")
    return keys


async def check_every_operation(store: Any, task_id: str) -> None:
    """Check that every operation works on a task that is there, and cancel it."""
    failed = []
    for name, call in every_call(task_id).items():
        outcome = await outcome_of(call(store))
        if isinstance(outcome, Exception):
            failed.append(f"{name}: {describe(outcome)}")
        elif name == "create" and not await is_there(store, outcome.task_id):
            failed.append("create: the new task is not found")
        elif name == "list" and task_id not in [task.task_id for task in outcome.tasks]:
            failed.append("list: without the task")
    assert not failed, "; ".join(failed)
