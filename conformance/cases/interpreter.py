"""A store that another interpreter has opened as the application does, where nothing of this one can be shared."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from conformance.case import Namespace, NotApplicable, NotTestable
from conformance.cases.environment import application
from conformance.opened import Opened, Planned, in_step, outcome
from conformance.processes import Crew, WorkerFailedError
from taskstore import TaskStore


@dataclass(frozen=True)
class Pair:
    """A store that is open here, and a second instance in another interpreter."""

    here: TaskStore
    _crew: Crew

    async def make_here(self, calls: Iterable[Planned]) -> list[Any]:
        """Make calls here, one after the other, and return the outcomes."""
        return [await outcome(self.here, call) for call in calls]

    async def make_there(self, calls: Iterable[Planned]) -> list[Any]:
        """Make calls there."""
        (outcomes,) = await asyncio.to_thread(self._crew.ask, "make", list(calls))
        return outcomes  # type: ignore[no-any-return]  # what `Opened.make` returned

    async def close_there(self) -> None:
        """Close the store there."""
        await asyncio.to_thread(self._crew.ask, "close")

    async def race(self, calls: Iterable[tuple[Planned, Planned]], markers: tuple[str, str]) -> list[tuple[Any, Any]]:
        """Make two calls at a time, one on each side, and return what they came to. `markers` are two tasks."""
        ours, theirs = zip(*calls, strict=True)
        one, two = markers
        there = asyncio.ensure_future(asyncio.to_thread(self._crew.ask, "make_in_step", two, one, theirs))
        here = asyncio.ensure_future(in_step(self.here, one, two, ours))
        try:
            own, (other,) = await asyncio.gather(here, there)
        finally:  # if one fails the other would wait for it
            here.cancel()
            await asyncio.wait([here])
        return list(zip(own, other, strict=True))


@asynccontextmanager
async def two_interpreters(namespace: Namespace) -> AsyncIterator[Pair]:
    """Two instances that settings lead to the same tasks, one of them in an interpreter of its own."""
    opener, environment = namespace.opener, dict(namespace.harness.environment(namespace.name))
    if not any(namespace.name in value for value in environment.values()):
        raise NotApplicable("the settings of the subject do not name the place of its tasks")
    with application(namespace):
        crew = _other_interpreter()
        try:
            await asyncio.to_thread(crew.ask, "open", opener, environment, str(Path.cwd()))
        except WorkerFailedError as fault:
            _other_interpreter.cache_clear()
            raise NotTestable(f"another interpreter cannot open the store: {fault}") from None
        try:
            async with namespace.open_from_environment() as here:
                pair = Pair(here, crew)
                yield pair
            await pair.close_there()
        except BaseException:
            _other_interpreter.cache_clear()  # it may still be busy with calls
            crew.__exit__(None)
            raise


@cache
def _other_interpreter() -> Crew:
    """Start the other interpreter, once for all cases. It hashes texts in another way, and ends with this one."""
    with mock.patch.dict(os.environ, {"PYTHONHASHSEED": str(1 + secrets.randbelow(2**31))}):
        return Crew(Opened, 1).__enter__()
