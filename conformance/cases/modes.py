"""The mode of an application: it stays from opening to closing, is said in the log, and opens what it needs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from conformance.case import Namespace, case
from conformance.cases import environment as env
from conformance.cases.contents import a_request
from conformance.cases.environment import SWITCH
from conformance.interpreter import run_elsewhere
from taskstore import SettingsInvalid, StoreUnavailable


@case("MODE-07", mode="memory or redis")
async def test_a_change_of_dotenv_takes_effect_at_the_next_opening(namespace: Namespace) -> None:
    """Opening leaves the environment as it is, so a line of .env that is changed or removed counts from then on."""
    with env.application(namespace) as log:
        del os.environ[SWITCH]
        before = dict(os.environ)
        for text in (f"{SWITCH}=false", f"{SWITCH}=true", ""):
            Path(".env").write_text(text.ljust(40, "\n"), "utf-8")
            os.utime(".env", ns=(0, 0))  # neither its size nor the time of its change has to tell
            with contextlib.suppress(StoreUnavailable, SettingsInvalid):  # the package redis may not be there
                async with namespace.open_from_environment():
                    pass
            assert dict(os.environ) == before, "opening has changed the environment"
        assert env.said_modes(log.getvalue()) == ["memory", "redis", "memory"]


@case("MODE-07", mode="redis")
async def test_tasks_in_redis_stay_when_the_mode_is_switched(namespace: Namespace) -> None:
    """The store that is open keeps its mode. Tasks in Redis are unread in memory mode, and there again after it."""
    with env.application(namespace):
        async with namespace.open_from_environment() as store:
            task_id = (await store.create_task(a_request())).task_id
            os.environ[SWITCH] = "false"
            await store.get_task(task_id)
        async with namespace.open_from_environment() as memory:
            assert not (await memory.list_tasks()).total
        os.environ[SWITCH] = "true"
        async with namespace.open_from_environment() as store:
            await store.get_task(task_id)


_ALONE = """
before = os.listdir(FILES), threading.active_count()
async with open_store():  # what is imported later is imported now
    pass
watched.append("opening")
async with open_store() as store:
    watched[:] = ["working"]
    for number in range(300):
        text = "x" * 1_000_000 if number == 150 else "x" * number * 200
        task = await store.create_task(TaskCreateRequest(video_ids=["v"], config={"text": text}))
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 50)
        await store.get_task(task.task_id)
        if number % 2:
            await store.cancel_task(task.task_id)
    total = (await store.list_tasks(TaskStatus.CANCELLED, limit=0)).total
    after = os.listdir(FILES), threading.active_count()
watched.clear()
return {"cancelled": total, "opened": opened, "left": len(after[0]) - len(before[0]) + after[1] - before[1],
        "redis": "redis" in sys.modules}
"""
_WITHOUT_REDIS = """
import os, threading
FILES = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else os.curdir
class NoRedis:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("redis", "hiredis"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, NoRedis())
opened, watched = [], []
def watch(event, args):
    mine = (".py", ".pyc", ".so", *([".env"] if "opening" in watched else ()))
    is_file = event == "open" and not str(args[0]).endswith(mine)
    if watched and (is_file or event.startswith("socket.") or event == "_thread.start_new_thread"):
        opened.append(f"{event} {args}")
sys.addaudithook(watch)
"""


@case("MODE-08", mode="memory")
async def test_memory_mode_needs_nothing_of_redis(namespace: Namespace) -> None:
    """Where redis cannot be imported and its settings are set, it works, and never opens a socket, thread or file."""
    with env.application(namespace, {"REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_URL": "redis://h:1/0"}):
        found = await run_elsewhere(namespace, _ALONE, first=_WITHOUT_REDIS)
    assert found == {"cancelled": 150, "opened": [], "left": 0, "redis": False}
