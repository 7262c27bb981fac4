"""One mode, chosen once at opening, from the environment over `.env`, and said in the log."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from conformance.case import Namespace, case
from conformance.cases.contents import check_same, check_writes, fill
from conformance.cases.cost import what_is_open
from conformance.cases.environment import (
    SWITCH,
    application,
    closed_port,
    open_and_close,
    other_mode,
    run_python,
    said_mode,
    surroundings,
    with_opener,
)
from conformance.cases.table.bench import reconnect
from conformance.harness import Capability, HookMissingError
from conformance.strategies import a_request
from taskstore import SettingsInvalid, StoreUnavailable, Task, TaskNotFound, TaskStore


@case("MODE-01", "MODE-06", "MODE-07", mode="either")
async def test_the_environment_selects_the_mode(namespace: Namespace) -> None:
    """With the subject's variables set, opening says its mode once, and the store works and is of that mode."""
    with application(namespace) as log:
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
            assert await store.get_task(task.task_id) == task
        async with namespace.open_from_environment() as again:
            remembered = (await again.list_tasks()).total
        assert remembered == (1 if namespace.harness.mode == "redis" else 0)
        assert said_mode(log) == [namespace.harness.mode] * 2


LINES = (
    "{name}={value}\n",
    "# {name}=wrong\n{name}={value}\n#{name}=wrong\n",
    "{name}={value}\n{name}_OLD=wrong\nOLD_{name}=wrong\n",
    "{name}='{value}'\n",
    '{name}="{value}"\n',
    "export {name}={value}\n",
    "  {name} = {value}  \n",
    "\n# words = '\n{name}={value} # more words\n",
    "{name}={value}\r\n",
    "OTHER_APP={value}\n{name}={value}",
    'OTHER_APP="-----BEGIN KEY-----\n{name}=wrong\n-----END KEY-----"\n{name}={value}\n',
)


@case("MODE-01", mode="either")
async def test_dotenv_selects_the_mode(namespace: Namespace) -> None:
    """The same variables in `.env`, and none in the environment, do the same, in every form that a line may have."""
    variables = namespace.harness.environment(namespace.name)
    for line in LINES:
        dotenv = "\n".join(line.format(name=name, value=value) for name, value in variables.items())
        with surroundings({}, dotenv) as log:
            async with namespace.open_from_environment() as store:
                await store.create_task(a_request())
            assert said_mode(log) == [namespace.harness.mode], dotenv


WORDS = {"redis": ("true", "True", "TRUE", "1", "yes", "on"), "memory": ("false", "False", "FALSE", "0", "no", "off")}


@case("MODE-01", mode="either")
async def test_no_word_selects_the_other_mode(namespace: Namespace) -> None:
    """`true` selects Redis and `false` memory; another word for it does the same, or is refused as malformed."""
    for mode, words in WORDS.items():
        for word in words:
            for variables, dotenv in (({SWITCH: word}, ""), ({}, f"{SWITCH}={word}\n")):
                with closed_port() as port, surroundings({"REDIS_PORT": str(port), **variables}, dotenv) as log:
                    may_be_refused = (SettingsInvalid,) if word not in ("true", "false") else ()
                    with contextlib.suppress(StoreUnavailable, *may_be_refused):
                        await open_and_close(namespace)
                    assert said_mode(log) == [mode] or (may_be_refused and said_mode(log) == []), word


@case("MODE-07", mode="either")
async def test_a_change_of_dotenv_takes_effect_at_the_next_opening(namespace: Namespace) -> None:
    """Opening leaves the environment as it is, so a line of .env that is changed or removed counts from then on."""
    with application(namespace) as log:
        del os.environ[SWITCH]
        before = dict(os.environ)
        texts = [text.ljust(40, "\n") for text in (f"{SWITCH}=false", f"{SWITCH}=true", "")]
        for moment, text in enumerate((*texts, "")):
            Path(".env").write_text(text, "utf-8")
            os.utime(".env", ns=(moment, moment))  # neither its size nor the second of its change has to tell
            with contextlib.suppress(StoreUnavailable):
                await open_and_close(namespace)
            assert dict(os.environ) == before
        assert said_mode(log) == ["memory", "redis", "memory", "memory"]


@case("MODE-03", mode="either")
async def test_the_environment_counts_over_dotenv(namespace: Namespace) -> None:
    """A variable that is exported wins over the line in .env: the way out when Redis is down."""
    with (
        closed_port() as port,
        application(namespace, dotenv=f"{SWITCH}={other_mode(namespace)}\nREDIS_PORT={port}\n") as log,
    ):
        async with namespace.open_from_environment() as store:
            await store.create_task(a_request())
        assert said_mode(log) == [namespace.harness.mode]


@case("MODE-01", mode="memory")
async def test_unset_means_memory(namespace: Namespace) -> None:
    """Without the variable the mode is memory, whatever else is set, with a .env that does not name it and without."""
    namespace.harness.environment(namespace.name)
    others = "".join(f"{name}={value}\n" for name, value in OTHERS.items())
    for variables in ({}, OTHERS):
        for dotenv in (None, "", "OTHER_APP=true\n", others):
            with surroundings(variables, dotenv) as log:
                async with namespace.open_from_environment() as store:
                    await store.create_task(a_request())
                assert said_mode(log) == ["memory"], f"{variables} {dotenv}"


OTHERS = {
    "REDIS_HOST": "h",
    "REDIS_PORT": "1",
    "REDIS_DB": "7",
    "REDIS_URL": "redis://u:p@h:1/0",
    "REDIS_USERNAME": "u",
    "REDIS_PASSWORD": "p",
    "TASK_KEY_PREFIX": "another",
    "TASK_TTL": "60",
}
"""Other values than any subject has."""


@case("MODE-07", mode="either")
async def test_the_mode_of_an_opened_store_is_fixed(namespace: Namespace) -> None:
    """Changing variables and `.env` changes nothing for the store that is open, also when it has to connect again."""
    with application(namespace) as log:
        async with namespace.open_from_environment() as store:
            contents = await fill(store, namespace)
            before = await contents.seen(store)
            os.environ |= {SWITCH: other_mode(namespace), **OTHERS}
            dotenv = "".join(f"{name}={value}\n" for name, value in OTHERS.items())
            Path(".env").write_text(f"{SWITCH}={other_mode(namespace)}\n{dotenv}", "utf-8")
            if Capability.REMOTE in namespace.harness.capabilities:
                await reconnect(namespace, store)
            check_same(await contents.seen(store), before)
            await check_writes(store, contents, namespace)
            later = await store.create_task(a_request())
            lives = (
                namespace.inspector.lifetime_ms(later.task_id)
                if Capability.SHARED in namespace.harness.capabilities
                else 0
            )
        assert said_mode(log) == [namespace.harness.mode]
    if Capability.PERSISTENT in namespace.harness.capabilities:
        with application(namespace):
            async with namespace.open_from_environment() as store:
                assert await store.get_task(later.task_id) == later
                usual = lifetime_of(await store.create_task(a_request()), namespace)
        assert abs(usual - lives) < 60_000, "it lives as long as the changed variable says"


@case("MODE-07")
async def test_no_variable_moves_a_store_that_is_open(store: TaskStore, namespace: Namespace) -> None:
    """The same of a store that was not opened by the application's own function."""
    contents = await fill(store, namespace)
    before = await contents.seen(store)
    for switch in ("true", "false"):
        with surroundings({SWITCH: switch, **OTHERS}):
            check_same(await contents.seen(store), before)
            task = await store.create_task(a_request())
            assert await store.get_task(task.task_id) == task
        assert await store.get_task(task.task_id) == task
        assert (await store.list_tasks(limit=1)).tasks[0] == task
        before = await contents.seen(store)
    await check_writes(store, contents, namespace)


def lifetime_of(task: Task, namespace: Namespace) -> int:
    """How long the task is to live, in milliseconds; 0 if the harness cannot tell."""
    try:
        return namespace.inspector.lifetime_ms(task.task_id)
    except HookMissingError:
        return 0


@case("MODE-07", mode="redis")
async def test_tasks_in_redis_stay_when_the_mode_is_switched(namespace: Namespace) -> None:
    """To memory and back, by the variable and a new opening: unread and unwritten in between, and there again after."""
    with application(namespace):
        async with namespace.open_from_environment() as store:
            contents = await fill(store, namespace)
            before = await contents.seen(store)
        os.environ[SWITCH] = "false"
        async with namespace.open_from_environment() as memory:
            assert await contents.met(memory) == []
            in_memory = await fill(memory, namespace)
            await in_memory.outcomes(memory)
        os.environ[SWITCH] = "true"
        async with namespace.open_from_environment() as store:
            check_same(await contents.seen(store), before)
            for task_id in in_memory.ids - contents.ids:
                with pytest.raises(TaskNotFound):
                    await store.get_task(task_id)
            await check_writes(store, contents, namespace)


@case("MODE-08", mode="memory")
async def test_memory_mode_opens_nothing(namespace: Namespace) -> None:
    """As many files, sockets and threads are there as before it was opened, also in the middle of calls."""
    for _ in range(2):  # what is imported, and made once, is there after the first time
        before = what_is_open()
        async with namespace.harness.open(namespace.name) as store:
            contents = await fill(store, namespace)
            await contents.seen(store)
            while_open = what_is_open()
    kinds = ("files", "threads")
    assert {kind: while_open[kind] for kind in kinds} == {kind: before[kind] for kind in kinds}


ALONE = """
import asyncio, json, os, sys, threading
class NoRedis:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("redis", "hiredis"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, NoRedis())
opened = []
def watch(event, args):
    is_file = event == "open" and not str(args[0]).endswith((".py", ".pyc", ".so", *((".env",) if opening else ())))
    if watched and (is_file or event.startswith("socket.") or event == "_thread.start_new_thread"):
        opened.append(f"{event} {args}")
watched = opening = False
sys.addaudithook(watch)
from datetime import datetime, UTC
from taskstore import TaskCreateRequest
from {module} import {function} as open_store
async def main():
    global watched, opening
    files = lambda: len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    files_before, threads_before = files(), threading.active_count()
    async with open_store():  # what is imported later is imported now
        pass
    watched = opening = True
    async with open_store() as store:
        opening = False
        for number in range(1_000):
            task = await store.create_task(TaskCreateRequest(video_ids=["v"], config={"text": "x" * (number * 200)}))
            await store.update_task_status(task.task_id, "clipping", 50)
            assert (await store.get_task(task.task_id)).status == "clipping"
            if number % 2:
                await store.cancel_task(task.task_id)
        for words in ("x" * 300_000, "x" * 1_000_000):
            await store.create_task(TaskCreateRequest(video_ids=["v"], config={"text": words}))
            await store.create_task(TaskCreateRequest(video_ids=[words]))
            task = await store.create_task(TaskCreateRequest(video_ids=["v"]))
            task = await store.update_task_status(task.task_id, "failed", error_traceback=words)
        assert (await store.list_tasks("cancelled", limit=0)).total == 500
        total = len((await store.list_tasks(limit=1_000)).tasks)
        {more}
        left = {"files": files() - files_before, "threads": threading.active_count() - threads_before}
    watched = False
    print(json.dumps({"total": total, "opened": opened, **left, "redis": "redis" in sys.modules}))
asyncio.run(main())
"""
MAINTAINED = """
        await store.purge(datetime(2100, 1, 1, tzinfo=UTC))
        await store.restore(task)
"""


@case("MODE-08", mode="memory")
async def test_memory_mode_needs_nothing_of_redis(namespace: Namespace) -> None:
    """Where redis cannot be imported and its settings are set, it works, and never opens a socket, thread or file."""
    with application(namespace, {"REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_URL": "redis://h:1/0"}):
        more = MAINTAINED.strip() if Capability.MAINTENANCE in namespace.harness.capabilities else ""
        ran = run_python("-c", with_opener(ALONE.replace("{more}", more), namespace))
    assert json.loads(ran) == {"total": 1_000, "opened": [], "files": 0, "threads": 0, "redis": False}


CONFTEST = """
import os
os.environ["USE_REDIS_FOR_TASKS"] = "false"
"""

A_TEST = """
import asyncio
from taskstore import TaskCreateRequest
from {module} import {function} as open_store

def test_in_memory():
    async def body():
        async with open_store() as store:
            await store.create_task(TaskCreateRequest(video_ids=["v"]))
            assert (await store.list_tasks()).total == 1
    asyncio.run(body())
"""


@case("MODE-03", mode="memory")
async def test_conftest_forces_memory_mode(namespace: Namespace) -> None:
    """os.environ in conftest.py counts over a .env that asks for a Redis that is not there."""
    with closed_port() as port, application(namespace, dotenv=f"{SWITCH}=true\nREDIS_PORT={port}\n"):
        del os.environ[SWITCH]
        Path("conftest.py").write_text(CONFTEST, "utf-8")
        Path("test_it.py").write_text(with_opener(A_TEST, namespace), "utf-8")
        Path("pytest.ini").write_text("[pytest]\n", "utf-8")
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # whatever else is installed here takes its time
        assert "1 passed" in run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
