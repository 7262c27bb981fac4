"""Hooks that are not what they say, each found before a verdict rests on it."""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import redis

from conformance.backends.memory import MemoryHarness
from conformance.backends.redis import RedisHarness
from conformance.backends.server_harness import RedisNamespace
from conformance.backends.servers import EmbeddedServer
from conformance.commands import main
from conformance.harness import Harness
from conformance.results.document import read
from conformance.tasks.calibration import CalibrationError, calibrate
from conformance.tasks.tables import lifetimes
from conformance.tasks.tables.tasks import simple
from taskstore import MemoryTaskStore, Task
from tests.playing import broken, played


def standing(kind: type[Harness]) -> type[Harness]:
    """A harness under which no time passes."""
    return type("Standing", (kind,), {"advance": lambda *_: None})


def lying(kind: type[RedisHarness] = RedisHarness, **methods: Callable[..., Any]) -> type[RedisHarness]:
    """A harness whose inspector has these methods."""

    class Lying(kind):  # type: ignore[valid-type, misc]  # a class like any other
        def inspector(self, namespace: str) -> RedisNamespace:
            inspector: RedisNamespace = super().inspector(namespace)
            for name, method in methods.items():
                setattr(inspector, name, method)
            return inspector

    return Lying


LIARS: list[tuple[Callable[[], Harness], str, str]] = [
    (lying(keys=set), "inspector.keys", "the same keys after a creation"),
    (lying(mentions=lambda _: False), "inspector.mentions", "no task that is there is mentioned"),
]


@pytest.mark.parametrize(("make", "hook", "seen"), LIARS)
def test_what_is_not_so_is_named(make: Callable[[], Harness], hook: str, seen: str) -> None:
    harness = make()
    with harness.running(), pytest.raises(CalibrationError, match=f"^`{hook}` .*{re.escape(seen)}"):
        calibrate(harness)


def test_a_store_that_never_expires_is_told_by_its_requirements() -> None:
    harness = standing(RedisHarness)()
    with harness.running():
        calibrate(harness)
        assert "EXP-01" in broken(played(harness, islice(lifetimes.scenarios(), 10)))


class ReturnsTheOldOne(MemoryHarness):
    """A cancellation is made, and returns the task before it."""

    class store_class(MemoryTaskStore):  # noqa: N801  a harness names it so
        async def cancel_task(self, task_id: str) -> Task:
            before = await self.get_task(task_id)
            await super().cancel_task(task_id)
            return before


def test_a_write_that_was_made_breaks_what_it_returns_and_not_what_it_does() -> None:
    assert broken(played(ReturnsTheOldOne(), simple())) == {"LIFE-03"}


class Refuses(MemoryTaskStore):
    async def create_task(self, *_: Any, **__: Any) -> Task:
        raise OSError


def test_what_a_store_raises_is_left_to_the_scenarios() -> None:
    calibrate(type("Wrong", (MemoryHarness,), {"store_class": Refuses})())


def test_time_passes_for_a_hash_whose_key_is_empty(server: EmbeddedServer) -> None:
    with redis.Redis(port=server.port) as client:
        client.hset("", "a", "1")
        client.expire("", 60)

        RedisNamespace(client, "", "").advance(timedelta(seconds=30))

        assert client.ttl("") <= 30
        client.delete("")


@pytest.mark.usefixtures("few_plugins")
def test_a_failed_calibration_is_a_harness_error_of_every_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stands.py").write_text(
        "from conformance.backends.memory import MemoryHarness\n\n"
        "class Stands(MemoryHarness):\n    def advance(self, namespace, by): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--store=stands:Stands", "--json=results.json"]) == 1
    results = read(Path("results.json")).results
    assert {one.verdict for one in results} == {"harness-error"}
    (reason,) = {one.reason for one in results}
    assert "`advance` of the harness does not work" in reason
