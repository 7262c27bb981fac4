"""The mode of an application, and what its settings may say, in the environment or in `.env`."""

from __future__ import annotations

import contextlib
import os
import re
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
from taskstore import SettingsInvalid

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
        await _opens(namespace, {}, _lines(line, given), mode)
    for other in (None, "", _OTHERS):
        await _opens(namespace, {}, other)


@case("MODE-11", mode="memory or redis")
async def test_the_last_of_two_lines_counts_and_is_said(namespace: Namespace) -> None:
    """A .env with the variable twice, in any forms of a line: the last counts, and the log warns of the variable."""
    mode = namespace.harness.mode
    for line in LINES:
        lines = _lines(line, namespace.harness.environment(namespace.name))
        log = await _opens(namespace, {}, f"{_OTHER_MODE[mode]}\n# local Redis\n{lines}", mode)
        assert re.search(f"^WARNING.*{SWITCH}", log, re.MULTILINE), f"no warning, with the .env\n{lines}"


def _lines(form: str, given: Mapping[str, str]) -> str:
    return "\n".join(form.format(name=name, value=value) for name, value in given.items())


async def _opens(
    namespace: Namespace, variables: Mapping[str, str], dotenv: str | None = None, mode: str = "memory"
) -> str:
    """Check that settings open the store, in this mode, and return the log."""
    came = await opened(namespace, surroundings(variables, dotenv))
    assert (came.error, came.modes) == (None, [mode]), f"with {[*variables]} and the .env {dotenv!r}"
    return came.log


_SETTINGS = """
MODE-12 named REDIS_HOST=redis://u:s3cret-w0rd@h:1/0
MODE-12 named REDIS_PORT=redis://u:s3cret-w0rd@h:1/0
MODE-12 named REDIS_DB=redis://u:s3cret-w0rd@h:1/0
MODE-12 named TASK_TTL=redis://u:s3cret-w0rd@h:1/0
MODE-12 named REDIS_URL=redis://u:s3cret-w0rd@127.0.0.1:port/0
MODE-12 named REDIS_URL=http://u:s3cret-w0rd@127.0.0.1
MODE-12 named REDIS_URL=redis://u:s3cret-w0rd@127.0.0.1/one?x=s3cret-w0rd
MODE-12 named REDIS_URL=u:s3cret-w0rd@127.0.0.1:6379
MODE-12 named REDIS_URL=redis://u:s3cret-w0rd/x@127.0.0.1:6379/0
MODE-12 named REDIS_URL=redis://u:s3cret-w0rd?x@127.0.0.1:6379/0
MODE-12 named REDIS_URL=redis://u:s3cret-w0rd#x@127.0.0.1:6379/0
MODE-15 taken REDIS_PORT=1
MODE-15 taken REDIS_PORT=65535
MODE-15 taken REDIS_DB=0
MODE-15 taken REDIS_DB=15
MODE-15 taken REDIS_HOST=h
MODE-15 taken REDIS_HOST=::1
MODE-15 taken REDIS_URL=redis://h
MODE-15 taken REDIS_URL=redis://h:1/3
MODE-15 taken REDIS_URL=rediss://:secret@h:6380/0
MODE-15 taken REDIS_URL=unix:///run/redis.sock
MODE-15 taken REDIS_TIMEOUT=0.1
MODE-15 taken REDIS_TIMEOUT=60
MODE-15 taken TASK_KEY_PREFIX=p
MODE-15 taken TASK_KEY_PREFIX=a:b*
MODE-15 taken TASK_TTL=1
MODE-15 taken TASK_TTL=3155760000
MODE-15 named REDIS_PORT=
MODE-15 named REDIS_PORT=0
MODE-15 named REDIS_PORT=65536
MODE-15 named REDIS_PORT=1.5
MODE-15 named REDIS_PORT=http
MODE-15 named REDIS_DB=
MODE-15 named REDIS_DB=-1
MODE-15 named REDIS_DB=one
MODE-15 named REDIS_HOST=
MODE-15 named REDIS_HOST=h:6379
MODE-15 named REDIS_HOST=h/0
MODE-15 named REDIS_URL=http://h
MODE-15 named REDIS_URL=h:6379
MODE-15 named REDIS_URL=redis://h:70000/0
MODE-15 named REDIS_URL=redis://h:0/0
MODE-15 named REDIS_URL=redis://h/one
MODE-15 named REDIS_URL=redis://h?x=1
MODE-15 named REDIS_TIMEOUT=
MODE-15 named REDIS_TIMEOUT=0
MODE-15 named REDIS_TIMEOUT=-1
MODE-15 named REDIS_TIMEOUT=inf
MODE-15 named REDIS_TIMEOUT=nan
MODE-15 named REDIS_TIMEOUT=soon
MODE-15 named TASK_KEY_PREFIX=
MODE-15 named TASK_KEY_PREFIX=a{b
MODE-15 named TASK_KEY_PREFIX=}
MODE-15 named TASK_TTL=
MODE-15 named TASK_TTL=0
MODE-15 named TASK_TTL=0.5
MODE-15 named TASK_TTL=-1
MODE-15 named TASK_TTL=3155760001
MODE-15 named TASK_TTL=a week
"""
"""Requirements, and settings that are taken or named as wrong."""
_MALFORMED_LINES = (
    "\udcff\udcfe",  # bytes that are no UTF-8
    "USE_REDIS_FOR_TASKS='true\nREDIS_HOST=h\n",
    "USE_REDIS_FOR_TASKS: true\n",
    "REDIS_PASSWORD='s3cret-w0rd\nUSE_REDIS_FOR_TASKS=true\n",
    "USE_REDIS_FOR_TASKS=true\nOTHER APP = true\n",
    "USE_REDIS_FOR_TASKS=false\nREDIS_PASSWORD s3cret-w0rd\n",
)
_SEVERAL = {SWITCH: "maybe", "REDIS_PORT": "70000", "REDIS_DB": "-1", "REDIS_PASSWORD": PASSWORD}
_SEVERAL_LINES = "REDIS_HOST: h\nTASK_TTL=5\nREDIS_PORT\nREDIS_TIMEOUT=one\n"
_TWICE = "REDIS_PASSWORD=one\nREDIS_PASSWORD=s3cret-w0rd\nUSE_REDIS_FOR_TASKS=false\nUSE_REDIS_FOR_TASKS=false\n"


@case("MODE-12", "FAIL-05", mode="memory or redis")
async def test_malformed_settings_are_named(namespace: Namespace) -> None:
    """One line for each wrong variable and for each malformed one of .env, and a password neither there nor logged."""
    await _refused(namespace, _SEVERAL, "", SWITCH, "REDIS_PORT", "REDIS_DB")
    await _refused(namespace, {SWITCH: "false"}, _SEVERAL_LINES, ".env", ".env", "REDIS_TIMEOUT")
    await _check_rows(namespace, "MODE-12")
    for line in _MALFORMED_LINES:
        await _refused(namespace, {}, line, ".env")
    came = await opened(namespace, surroundings({}, _TWICE))
    check_hidden(PASSWORD, came.shown, "for lines twice")


@case("MODE-15", mode="memory or redis")
async def test_settings_have_bounds(namespace: Namespace) -> None:
    """A value at a bound is taken, and one beyond it is named, also in memory mode: half a second is not none."""
    await _check_rows(namespace, "MODE-15")


async def _check_rows(namespace: Namespace, number: str) -> None:
    for outcome, name, value in re.findall(rf"{number} (taken|named) (\w+)=(.*)", _SETTINGS):
        if outcome == "taken":
            await _opens(namespace, {SWITCH: "false", name: value})
        else:
            await _refused(namespace, {name: value}, "", name)


async def _refused(namespace: Namespace, variables: Mapping[str, str], dotenv: str, *names: str) -> None:
    """Check that settings are refused, on a line for each of these names, without the password."""
    came = await opened(namespace, application(namespace, variables, dotenv))

    given = f"with {[*variables]} and the .env {dotenv!r}"
    check_hidden(PASSWORD, came.shown, given)
    assert isinstance(came.error, SettingsInvalid), f"expected SettingsInvalid, got {came.error!r} {given}"
    lines = str(came.error).splitlines()
    for name in names:
        assert sum(name in line for line in lines) == names.count(name), f"lines with {name} in {lines} {given}"


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
