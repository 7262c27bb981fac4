"""Ways of opening a store that choose the wrong mode, or say it wrongly.

Imports nothing of Redis: memory mode is opened from here where there is none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dotenv import dotenv_values, load_dotenv

from conformance.mutants.around import Around
from conformance.mutants.mutant import On, mutant
from taskstore import (
    MaintainedTaskStore,
    MemoryTaskStore,
    SettingsInvalid,
    StoreUnavailable,
    TaskPage,
    TaskStatus,
    TaskStoreSettings,
    migrate,
    open_store,
)

SWITCH = "USE_REDIS_FOR_TASKS"
ENVIRONMENT = "modes.test_the_environment_selects_the_mode"
DOTENV = "modes.test_dotenv_selects_the_mode"
OVER = "modes.test_the_environment_counts_over_dotenv"
SWITCHED = "modes.test_tasks_in_redis_stay_when_the_mode_is_switched"
TWICE = "modes.test_the_last_of_two_lines_counts_and_is_said"
MALFORMED = "modes.test_malformed_settings_are_named"
CHECK = "failure.test_the_exception_says_what_to_check"
ALONE = "modes.test_memory_mode_needs_nothing_of_redis"
_log = logging.getLogger("taskstore")
Opened = AsyncIterator[MaintainedTaskStore]


def _settings(**fields: Any) -> TaskStoreSettings:
    return TaskStoreSettings().model_copy(update=fields)


def _say(mode: str) -> None:
    _log.info("task_service_initialized storage_mode=%s", mode)


@mutant("MODE-01", "MODE-07", by=ENVIRONMENT, on=On.REDIS)
@asynccontextmanager
async def opens_memory_and_says_redis() -> Opened:
    """The mode that is said is not the one that is used."""
    _say("redis")
    async with MemoryTaskStore() as store:
        yield store


_kept: dict[str, Any] = {}


@mutant("MODE-01", "MODE-07", by=ENVIRONMENT, on=On.MEMORY)
@asynccontextmanager
async def opens_a_memory_that_remembers() -> Opened:
    """What is opened as memory is one store for every opening."""
    _say("memory")
    yield _kept.setdefault(str(Path.cwd()), MemoryTaskStore())


@mutant("MODE-07", by=ENVIRONMENT)
@asynccontextmanager
async def opens_both_modes() -> Opened:
    """Memory is opened beside whatever was chosen, and both are said."""
    _say("memory")
    async with MemoryTaskStore(), open_store() as store:
        yield store


@mutant("MODE-01", by=DOTENV, on=On.REDIS)
@asynccontextmanager
async def does_not_read_dotenv() -> Opened:
    """Only the environment counts."""
    async with open_store(TaskStoreSettings(_env_file=None)) as store:
        yield store


@mutant("MODE-01", by=DOTENV, on=On.MEMORY)
@asynccontextmanager
async def takes_any_text_for_true() -> Opened:
    """Where .env names the variable, whatever its value, it counts as true; memory is what it falls back to."""
    _say("redis" if dotenv_values(".env").get(SWITCH) or os.environ.get(SWITCH) else "memory")
    async with MemoryTaskStore() as store:
        yield store


@mutant("MODE-03", by=OVER, on=On.REDIS)
@mutant("MODE-03", by=OVER, on=On.MEMORY, instead=StoreUnavailable)
@mutant("MODE-03", by="modes.test_conftest_forces_memory_mode", on=On.MEMORY)
@asynccontextmanager
async def lets_dotenv_override() -> Opened:
    """A line in .env counts over the environment."""
    load_dotenv(".env", override=True)
    async with open_store() as store:
        yield store


@mutant("MODE-01", by="modes.test_unset_means_memory", on=On.MEMORY)
@asynccontextmanager
async def unset_means_redis() -> Opened:
    """Without a variable the mode is Redis, and memory only what it falls back to."""
    _say("redis" if SWITCH not in os.environ else "memory")
    async with MemoryTaskStore() as store:
        yield store


@mutant("MODE-05", by="modes.test_host_port_and_database_say_where_redis_is", on=On.REDIS)
@asynccontextmanager
async def ignores_the_database() -> Opened:
    """REDIS_DB is not looked at."""
    async with open_store(_settings(redis_db=0)) as store:
        yield store


@mutant("MODE-06", by=ENVIRONMENT)
@asynccontextmanager
async def says_nothing() -> Opened:
    """The mode is not logged."""
    _log.disabled = True
    try:
        async with open_store() as store:
            yield store
    finally:
        _log.disabled = False


@mutant("MODE-06", by=ENVIRONMENT)
@asynccontextmanager
async def says_it_twice() -> Opened:
    """The mode is logged twice at each opening."""
    _say(TaskStoreSettings().storage_mode)
    async with open_store() as store:
        yield store


@mutant("MODE-06", by=ENVIRONMENT)
@asynccontextmanager
async def says_it_as_a_warning() -> Opened:
    """The mode is logged as a warning."""
    _log.addFilter(_as_warning)
    try:
        async with open_store() as store:
            yield store
    finally:
        _log.removeFilter(_as_warning)


def _as_warning(record: logging.LogRecord) -> bool:
    record.levelname = "WARNING"
    return True


@mutant("MODE-06", by="modes.test_the_mode_is_said_before_redis_is_asked", on=On.REDIS)
@asynccontextmanager
async def says_it_when_redis_answered() -> Opened:
    """The mode is logged only once the server has answered."""
    held: list[logging.LogRecord] = []

    def hold(record: logging.LogRecord) -> bool:
        held.append(record)
        return False

    _log.addFilter(hold)
    try:
        async with open_store() as store:
            _log.removeFilter(hold)
            for record in held:
                _log.handle(record)
            yield store
    finally:
        _log.removeFilter(hold)


class _ListsFromTheModeOfTheMoment(Around):
    def __init__(self, store: MaintainedTaskStore) -> None:
        super().__init__(store)
        self._mode = os.environ.get(SWITCH)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        async with contextlib.AsyncExitStack() as stack:
            now = self.store
            if os.environ.get(SWITCH) != self._mode:
                now = await stack.enter_async_context(MemoryTaskStore())
            return await now.list_tasks(status, limit, offset, after=after)


@mutant("MODE-07", by="modes.test_the_mode_of_an_opened_store_is_fixed")
@asynccontextmanager
async def chooses_the_mode_at_every_listing() -> Opened:
    """A listing looks at the variable again, and asks the other mode when it has changed."""
    async with open_store() as store:
        yield _ListsFromTheModeOfTheMoment(store)


@mutant("MODE-08", by=ALONE, on=On.MEMORY)
@asynccontextmanager
async def imports_redis_first() -> Opened:
    """Redis is imported whatever the mode."""
    import redis  # noqa: F401

    async with open_store() as store:
        yield store


@mutant("MODE-08", by=ALONE, on=On.MEMORY)
@asynccontextmanager
async def looks_for_redis_first() -> Opened:
    """A socket is opened to see whether there is a Redis."""
    with socket.socket() as probe:
        probe.connect_ex(("127.0.0.1", 1))
    async with open_store() as store:
        yield store


@mutant("MODE-08", by=ALONE, on=On.MEMORY)
@asynccontextmanager
async def keeps_a_thread() -> Opened:
    """A thread looks after the tasks."""
    end = threading.Event()
    keeper = threading.Thread(target=end.wait)
    keeper.start()
    try:
        async with open_store() as store:
            yield store
    finally:
        end.set()
        keeper.join()


@mutant("MODE-08", by=ALONE, on=On.MEMORY)
@asynccontextmanager
async def keeps_a_file() -> Opened:
    """A file is open as long as the store is."""
    with tempfile.TemporaryFile():
        async with open_store() as store:
            yield store


@mutant("MODE-09", by=SWITCHED, on=On.REDIS)
@asynccontextmanager
async def memory_reads_what_is_in_redis() -> Opened:
    """Memory mode begins with the tasks that are in Redis."""
    async with open_store() as store:
        if isinstance(store, MemoryTaskStore):
            async with open_store(_settings(use_redis_for_tasks=True)) as redis:
                await migrate(redis, store)
        yield store


@mutant("MODE-09", by=SWITCHED, on=On.REDIS)
@asynccontextmanager
async def keeps_the_mode_of_the_first_opening() -> Opened:
    """The settings of the first opening count until the process ends."""
    settings = _kept.setdefault(f"settings in {Path.cwd()}", TaskStoreSettings())
    async with open_store(settings) as store:
        yield store


@mutant("MODE-11", by=TWICE)
@asynccontextmanager
async def does_not_say_what_stands_twice() -> Opened:
    """Of two lines in .env the last counts, and nobody is told."""
    _log.addFilter(_is_no_warning)
    try:
        settings = TaskStoreSettings()
    finally:
        _log.removeFilter(_is_no_warning)
    async with open_store(settings) as store:
        yield store


def _is_no_warning(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING


@mutant("MODE-11", by=TWICE)
@asynccontextmanager
async def the_first_of_two_lines_counts() -> Opened:
    """Of two lines in .env the first counts."""
    _say("redis" if _first_line().endswith("=true") else "memory")
    async with MemoryTaskStore() as store:
        yield store


def _first_line() -> str:
    return Path(".env").read_text("utf-8").splitlines()[0]


@mutant("MODE-12", by=MALFORMED)
@asynccontextmanager
async def names_the_first_wrong_setting() -> Opened:
    """Of several malformed settings one is named."""
    try:
        settings = TaskStoreSettings()
    except SettingsInvalid as fault:
        raise SettingsInvalid(fault.problems[:1]) from None
    async with open_store(settings) as store:
        yield store


@mutant("MODE-12", by=MALFORMED)
@asynccontextmanager
async def shows_the_settings_it_was_given() -> Opened:
    """A refusal of settings shows all of them, the password included."""
    try:
        settings = TaskStoreSettings()
    except SettingsInvalid as fault:
        raise SettingsInvalid((*fault.problems, ("given", str(dict(os.environ))))) from None
    async with open_store(settings) as store:
        yield store


@mutant("MODE-12", by=MALFORMED)
@asynccontextmanager
async def takes_the_default_for_what_is_wrong() -> Opened:
    """A setting that is malformed counts as unset."""
    try:
        settings = TaskStoreSettings()
    except SettingsInvalid:
        settings = TaskStoreSettings.model_construct()
    async with open_store(settings) as store:
        yield store


@mutant("MODE-12", by=MALFORMED)
@asynccontextmanager
async def skips_lines_that_it_cannot_read() -> Opened:
    """A line of .env that is malformed counts as absent, so that memory mode is chosen in silence."""
    read = {
        name.lower(): value for name, value in dotenv_values(".env", encoding="latin-1").items() if value is not None
    }
    given = {name.lower(): value for name, value in os.environ.items()}
    fields = {name: value for name, value in (read | given).items() if name in TaskStoreSettings.model_fields}
    async with open_store(TaskStoreSettings(_env_file=None, **fields)) as store:
        yield store


@mutant("FAIL-04", by=CHECK, on=On.REDIS)
@asynccontextmanager
async def opens_without_advice() -> Opened:
    """What is raised states facts only."""
    with _notes_kept(0):
        async with open_store() as store:
            yield store


@mutant("FAIL-04", by=CHECK, on=On.REDIS)
@asynccontextmanager
async def advises_in_english_only() -> Opened:
    """There is no Chinese note."""
    with _notes_kept(1):
        async with open_store() as store:
            yield store


@contextlib.contextmanager
def _notes_kept(count: int) -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        del error.__notes__[count:]
        raise


@mutant("FAIL-01", by="failure.test_opening_fails_when_nothing_listens", on=On.REDIS)
@asynccontextmanager
async def opens_memory_when_redis_is_away() -> Opened:
    """Where Redis does not answer, memory is opened, and the tasks are gone with the process."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_store())
        except StoreUnavailable:
            store = await stack.enter_async_context(MemoryTaskStore())
        yield store


@mutant("EXP-07", by="expiry.test_the_lifetime_can_be_set", on=On.REDIS)
@asynccontextmanager
async def ignores_the_lifetime() -> Opened:
    """TASK_TTL is not looked at."""
    async with open_store(_settings(task_ttl=7 * 24 * 3600)) as store:
        yield store


@mutant("MODE-15", by="modes.test_settings_have_bounds", source="redis-py #1576")
@asynccontextmanager
async def cuts_a_lifetime_to_whole_seconds() -> Opened:
    """Half a second becomes none, and nothing is said."""
    with contextlib.suppress(ValueError):
        os.environ["TASK_TTL"] = str(int(float(os.environ.get("TASK_TTL", "604800"))) or 604_800)
    async with open_store() as store:
        yield store
