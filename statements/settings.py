"""What the document says of the variable that selects the mode, of the log, and of what memory mode needs."""

import asyncio
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

from conformance.backends.proxy import unused_port
from conformance.harness import HookMissingError
from conformance.tasks.case import Namespace
from conformance.tasks.cases.contents import a_request
from conformance.tasks.cases.environment import SWITCH, application, opened, surroundings
from conformance.tasks.cases.settings import ALONE, WATCHED, WITHOUT_REDIS
from conformance.tasks.interpreter import PATH, run_elsewhere
from statements.check import check, check_every_operation, is_there, keys_of

_ALL_OPERATIONS = """
async with open_store() as store:
    task = await store.create_task(TaskCreateRequest(video_ids=["v"]))
    await store.get_task(task.task_id)
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 50)
    await store.cancel_task(task.task_id)
    return [task.task_id, (await store.list_tasks()).total]
"""
_FORCED = "import os\nos.environ['USE_REDIS_FOR_TASKS'] = 'false'\n"
"""The lines of the document."""
_TEST = """
import asyncio
from {module} import {function} as open_store
from taskstore import TaskCreateRequest

def test_memory_mode():
    async def create():
        async with open_store() as store:
            await store.create_task(TaskCreateRequest(video_ids=["v"]))
    asyncio.run(create())
"""


def _dotenv(namespace: Namespace, mode: str) -> str:
    """The `.env` of an application in this mode, whose Redis is the one of the store."""
    given = {**namespace.harness.environment(namespace.name), SWITCH: "true" if mode == "redis" else "false"}
    return "".join(f"{name}={value}\n" for name, value in given.items())


def _without_redis(switch: str) -> str:
    """A `.env` where no Redis is."""
    return f"{SWITCH}={switch}\nREDIS_HOST=127.0.0.1\nREDIS_PORT={unused_port()}\nREDIS_DB=0\n"


@check("redis", "memory")
async def selected_by_dotenv(namespace: Namespace) -> None:
    is_memory = namespace.harness.mode == "memory"
    dotenv = _without_redis("false") if is_memory else _dotenv(namespace, "redis")
    with surroundings({}, dotenv):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
            await check_every_operation(store, task.task_id)
            assert is_memory or keys_of(namespace, task.task_id), "the task is not in Redis"


@check("redis")
async def in_the_named_database(namespace: Namespace) -> None:
    harness = namespace.harness
    if not (database := harness.spare_database()):
        raise HookMissingError("spare_database")
    with application(namespace, {"REDIS_DB": str(database)}, in_dotenv=True):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
            assert not keys_of(namespace, task.task_id), "the task is in database 0"
            assert f"db{database}" in harness.administer("INFO", "keyspace"), f"database {database} is empty"
            await store.cancel_task(task.task_id)


@check("memory")
async def needs_no_redis(namespace: Namespace) -> None:
    with application(namespace, {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(unused_port())}):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
            await check_every_operation(store, task.task_id)


@check("memory")
async def uses_no_network(namespace: Namespace) -> None:
    with application(namespace):
        found = await run_elsewhere(namespace, ALONE, first=WATCHED)
    events = [event for event in found["opened"] if event.startswith("socket.")]
    assert not events, f"{events}"


@check("memory")
async def opens_nothing(namespace: Namespace) -> None:
    with application(namespace):
        found = await run_elsewhere(namespace, ALONE, first=WITHOUT_REDIS)
    assert not found["opened"], f"{found['opened']}"
    assert not found["left"], f"{found['left']} files or threads are left"


@check("redis")
async def lost_by_switching(namespace: Namespace) -> None:
    with surroundings({}, _dotenv(namespace, "memory")):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
        Path(".env").write_text(_dotenv(namespace, "redis"), "utf-8")
        async with namespace.open_from_environment() as store:
            assert not await is_there(store, task.task_id), "the task is found"


@check("redis")
async def kept_by_switching(namespace: Namespace) -> None:
    with surroundings({}, _dotenv(namespace, "redis")):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
        Path(".env").write_text(_dotenv(namespace, "memory"), "utf-8")
        async with namespace.open_from_environment() as store:
            assert not await is_there(store, task.task_id), "the task is found"
        assert keys_of(namespace, task.task_id), "its record is gone"


@check("redis")
async def switched_by_the_variable(namespace: Namespace) -> None:
    with surroundings({}, _dotenv(namespace, "redis")):
        for mode in ("memory", "redis"):
            Path(".env").write_text(_dotenv(namespace, mode), "utf-8")
            task_id, _ = await run_elsewhere(namespace, _ALL_OPERATIONS)
            where = "redis" if keys_of(namespace, task_id) else "memory"
            assert where == mode, f"with the variable for {mode} a new process is in {where} mode"


@check("redis")
async def fixed_until_a_restart(namespace: Namespace) -> None:
    with application(namespace):
        async with namespace.open_from_environment() as store:
            os.environ[SWITCH] = "false"
            task = await store.create_task(a_request())
            assert keys_of(namespace, task.task_id), "the open store has left Redis mode"
        async with namespace.open_from_environment() as store:
            assert not await is_there(store, task.task_id), "the next store is in Redis mode"


@check("redis")
async def back_in_memory_mode(namespace: Namespace) -> None:
    with surroundings({SWITCH: "false"}, _without_redis("true")):
        await run_elsewhere(namespace, _ALL_OPERATIONS)


@check("memory", "redis")
async def logged_at_start(namespace: Namespace) -> None:
    log = (await opened(namespace, application(namespace))).log
    lines = [line for line in log.splitlines() if "task_service_initialized" in line]
    # The document shows a line of text. It says that the mode is recorded, and not that the log is text: JSON does too.
    modes = [re.findall(r'^INFO .*storage_mode"?[=:] ?"?(\w+)', line) for line in lines]
    assert modes == [[namespace.harness.mode]], f"{lines}"


@check("memory", "redis")
async def found_by_grep(namespace: Namespace) -> None:
    with application(namespace):
        Path("logs").mkdir()
        root, handler = logging.getLogger(), logging.FileHandler("logs/app.log")
        root.addHandler(handler)
        try:
            async with namespace.open_from_environment():
                pass
        finally:
            root.removeHandler(handler)
            handler.close()
        found = (await _run("grep", "task_service_initialized", "logs/app.log")).stdout
        assert namespace.harness.mode in found, f"grep prints {found!r}"


@check("memory")
async def forced_by_conftest(namespace: Namespace) -> None:
    with surroundings({SWITCH: "true"}, _without_redis("true")):
        ran = await _run_test(namespace, "conftest.py")
    assert not ran.returncode, f"the test fails: {ran.stdout[-300:]}"


@check("memory")
async def refused_in_pytest_ini(namespace: Namespace) -> None:
    with surroundings({SWITCH: "true"}, _without_redis("true")):
        ran = await _run_test(namespace, "pytest.ini")
    assert "pytest.ini:1" in ran.stderr, f"pytest ran: {(ran.stdout + ran.stderr)[-300:]}"


async def _run_test(namespace: Namespace, file: str) -> subprocess.CompletedProcess[str]:
    """Put the document's lines into a file, and run a test of the application beside it."""
    module, _, function = namespace.opener.partition(":")
    Path(file).write_text(_FORCED, "utf-8")
    Path("test_mode.py").write_text(_TEST.format(module=module, function=function), "utf-8")
    return await _run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mode.py")


async def _run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of this moment."""
    return await asyncio.to_thread(
        subprocess.run,
        command,
        env={**os.environ, "PYTHONPATH": PATH, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
