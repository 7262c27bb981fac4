"""The mode of an application, which settings select, in the environment or in `.env`."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case, showing
from conformance.tasks.cases.contents import create
from conformance.tasks.cases.environment import (
    ASCII,
    FOREIGN_LINE,
    PASSWORD,
    SWITCH,
    Opened,
    application,
    check_hidden,
    opened,
    surroundings,
)
from conformance.tasks.interpreter import run_elsewhere
from conformance.tasks.tables.tasks import MINUTE

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
    'OTHER_APP="-----BEGIN KEY-----\n{name}=wrong\n-----END KEY-----"\n{name}={value}\n',
)
"""The forms that a line of `.env` may have."""
_OTHER_MODE = {"memory": "USE_REDIS_FOR_TASKS = true", "redis": "USE_REDIS_FOR_TASKS = false"}
"""By mode, a line that selects the other one."""
_OTHERS = "REDIS_PORT=1\nREDIS_DB=7\nREDIS_URL=redis://u:p@h:1/0\nTASK_KEY_PREFIX=another\nOTHER_APP=true\n"


@case("MODE-01", "MODE-03", "MODE-06", mode="memory or redis")
async def test_a_variable_selects_the_mode(namespace: Namespace) -> None:
    """It is said at opening, memory by default; a line of `.env` may have any form, and yields to the environment."""
    given = namespace.harness.environment(namespace.name)
    mode = namespace.harness.mode
    with showing("MODE-03"):  # a variable that is set long after the store was imported: the way out in tests
        await _opens(namespace, given, f"{_OTHER_MODE[mode]}\nREDIS_PORT=1\n", mode)
    for line in LINES:
        dotenv = "\n".join(line.format(name=name, value=value) for name, value in given.items())
        await _opens(namespace, {}, dotenv, mode)
    for other in (None, "", _OTHERS):
        await _opens(namespace, {}, other)


async def _opens(
    namespace: Namespace, variables: Mapping[str, str], dotenv: str | None = None, mode: str = "memory"
) -> None:
    """Check that settings open the store, in this mode."""
    came = await opened(namespace, surroundings(variables, dotenv))
    assert (came.error, came.modes) == (None, [mode]), f"with {[*variables]} and the .env {dotenv!r}"


_MALFORMED = (
    "REDIS_HOST=redis://u:s3cret-w0rd@h:1/0",
    "REDIS_PORT=redis://u:s3cret-w0rd@h:1/0",
    "REDIS_DB=redis://u:s3cret-w0rd@h:1/0",
    "TASK_TTL=redis://u:s3cret-w0rd@h:1/0",
    "REDIS_URL=redis://u:s3cret-w0rd@127.0.0.1:port/0",
    "REDIS_URL=http://u:s3cret-w0rd@127.0.0.1",
    "REDIS_URL=redis://u:s3cret-w0rd@127.0.0.1/one?x=s3cret-w0rd",
    "REDIS_URL=u:s3cret-w0rd@127.0.0.1:6379",
    "REDIS_URL=redis://u:s3cret-w0rd/x@127.0.0.1:6379/0",
    "REDIS_URL=redis://u:s3cret-w0rd?x@127.0.0.1:6379/0",
    "REDIS_URL=redis://u:s3cret-w0rd#x@127.0.0.1:6379/0",
)
"""Settings that no store can use, with a password."""
_MALFORMED_LINES = (
    "REDIS_PASSWORD='s3cret-w0rd\nUSE_REDIS_FOR_TASKS=true\n",
    "USE_REDIS_FOR_TASKS=false\nREDIS_PASSWORD s3cret-w0rd\n",
    "REDIS_PASSWORD=one\nREDIS_PASSWORD=s3cret-w0rd\nUSE_REDIS_FOR_TASKS=false\n",
    "REDIS_PASSWORD=s3cret-w0rd\nUSE_REDIS_FOR_TASKS=maybe\nREDIS_PORT=70000\n",
)


@case("FAIL-05", mode="memory or redis")
async def test_malformed_settings_show_no_password(namespace: Namespace) -> None:
    """Whatever a store makes of a malformed variable or line of .env, it neither shows nor logs a password there."""
    for setting in _MALFORMED:
        name, _, value = setting.partition("=")
        came = await opened(namespace, application(namespace, {name: value}))
        check_hidden(PASSWORD, came.shown, f"with {name}")
    for lines in _MALFORMED_LINES:
        came = await opened(namespace, surroundings({}, lines))
        check_hidden(PASSWORD, came.shown, f"with the .env {lines!r}")


@case("MODE-07", mode="memory or redis")
async def test_a_change_of_dotenv_takes_effect_at_the_next_opening(namespace: Namespace) -> None:
    """Opening leaves the environment as it is, so a line of .env that is changed or removed counts from then on."""
    with application(namespace) as log:
        del os.environ[SWITCH]
        for text in (f"{SWITCH}=false", f"{SWITCH}=true", ""):
            Path(".env").write_text(text.ljust(40, "\n"), "utf-8")
            os.utime(".env", ns=(0, 0))  # neither its size nor the time of its change has to tell
            await opened(namespace, contextlib.nullcontext(log))  # the package redis may not be there
            assert SWITCH not in os.environ, "opening has changed the environment"
        assert Opened(None, log.getvalue()).modes == ["memory", "redis", "memory"]


_CHANGED = {
    SWITCH: "false",
    "REDIS_HOST": "h",
    "REDIS_PORT": "1",
    "REDIS_DB": "5",
    "REDIS_URL": "redis://h:1/5",
    "REDIS_USERNAME": "nobody",
    "REDIS_PASSWORD": PASSWORD,
    "REDIS_TIMEOUT": "0.001",
    "TASK_KEY_PREFIX": "another",
    "TASK_TTL": "1",
}


@case("MODE-07", mode="redis")
async def test_an_open_store_keeps_its_settings(namespace: Namespace) -> None:
    """Every variable changes while a store is open, and the folder: it goes on, and what it wrote is there later."""
    with application(namespace):
        async with namespace.open_from_environment() as store:
            await create(store)
            with surroundings(_CHANGED):
                task_id = await create(store)
                if namespace.has(Capability.EXPIRING):
                    namespace.advance(MINUTE)  # much more than TASK_TTL says now
                await store.get_task(task_id)
                async with namespace.open_from_environment() as memory:
                    assert not (await memory.list_tasks()).total
        async with namespace.open_from_environment() as store:
            await store.get_task(task_id)


ALONE = """
before = os.listdir(FILES), threading.active_count()
async with open_store():  # what is imported later is imported now
    pass
watched.append("opening")
async with open_store() as store:
    watched[:] = ["working"]
    for number in range(600):
        text = "x" * 1_000_000 if number == 150 else "x" * number * 100
        task = await store.create_task(TaskCreateRequest(video_ids=["v"], config={"text": text}))
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 50)
        await store.get_task(task.task_id)
        if number % 2:
            await store.cancel_task(task.task_id)
    await store.list_tasks(limit=1_000)
    total = (await store.list_tasks(TaskStatus.CANCELLED, limit=0)).total
    after = os.listdir(FILES), threading.active_count()
watched.clear()
return {"cancelled": total, "opened": opened, "left": len(after[0]) - len(before[0]) + after[1] - before[1],
        "redis": "redis" in sys.modules}
"""
NO_REDIS = """
class NoRedis:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("redis", "hiredis"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, NoRedis())
"""
WATCHED = """
import os, threading
FILES = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else os.curdir
opened, watched = [], []
def watch(event, args):
    mine = (".py", ".pyc", ".so", *([".env"] if "opening" in watched else ()))
    is_file = event == "open" and not str(args[0]).endswith(mine)
    if watched and (is_file or event.startswith("socket.") or event == "_thread.start_new_thread"):
        opened.append(f"{event} {args}")
sys.addaudithook(watch)
"""
WITHOUT_REDIS = NO_REDIS + WATCHED


@case("MODE-08", mode="memory")
async def test_memory_mode_needs_nothing_of_redis(namespace: Namespace) -> None:
    """Where redis cannot be imported and its settings are set, it works, and never opens a socket, thread or file."""
    given = {"REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_URL": "redis://h:1/0", **ASCII}
    with application(namespace, given, FOREIGN_LINE):
        found = await run_elsewhere(namespace, ALONE, first=WITHOUT_REDIS)
    assert found == {"cancelled": 300, "opened": [], "left": 0, "redis": False}
