"""Mutants of opening: ways of opening a store that choose the wrong mode, or say it wrongly.

Imports nothing of Redis: memory mode is opened from here where there is none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dotenv import load_dotenv

from conformance.mutants.mutant import On, mutant
from taskstore import (
    MaintainedTaskStore,
    MemoryTaskStore,
    SettingsInvalid,
    StoreUnavailable,
    TaskStoreSettings,
    open_store,
)

ENVIRONMENT = "modes.test_the_environment_selects_the_mode"
OVER = "modes.test_the_environment_counts_over_dotenv"
ALONE = "modes.test_memory_mode_needs_nothing_of_redis"
PLACE = "places.test_host_port_and_database_say_where_redis_is"
SWITCHED = "modes.test_tasks_in_redis_stay_when_the_mode_is_switched"
MALFORMED = "settings.test_malformed_settings_are_named"
BOUNDS = "settings.test_settings_have_bounds"
LIFETIME = "expiry.test_the_lifetime_can_be_set"
_log = logging.getLogger("taskstore")
_kept: dict[str, Any] = {}
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


@mutant("MODE-01", "MODE-07", by=ENVIRONMENT, on=On.MEMORY)
@asynccontextmanager
async def opens_a_memory_that_remembers() -> Opened:
    """What is opened as memory is one store for every opening."""
    _say("memory")
    yield _kept.setdefault(str(Path.cwd()), MemoryTaskStore())


@mutant("MODE-03", by=OVER, on=On.REDIS)
@mutant("MODE-03", by=OVER, on=On.MEMORY, instead=StoreUnavailable)
@asynccontextmanager
async def lets_dotenv_override() -> Opened:
    """A line in .env counts over the environment."""
    load_dotenv(".env", override=True)
    async with open_store() as store:
        yield store


@mutant("MODE-05", by=PLACE, on=On.REDIS)
@asynccontextmanager
async def ignores_the_database() -> Opened:
    """REDIS_DB is not looked at."""
    async with open_store(_settings(redis_db=0)) as store:
        yield store


@mutant("MODE-06", by=ENVIRONMENT)
@asynccontextmanager
async def says_it_twice() -> Opened:
    """The mode is logged twice at each opening."""
    _say(TaskStoreSettings().storage_mode)
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


@mutant("MODE-07", by=SWITCHED, on=On.REDIS)
@asynccontextmanager
async def keeps_the_mode_of_the_first_opening() -> Opened:
    """The settings of the first opening count until the process ends."""
    settings = _kept.setdefault(f"settings in {Path.cwd()}", TaskStoreSettings())
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


@mutant("MODE-15", by=BOUNDS, source="redis-py #1576")
@asynccontextmanager
async def cuts_a_lifetime_to_whole_seconds() -> Opened:
    """Half a second becomes none, and nothing is said."""
    with contextlib.suppress(ValueError):
        os.environ["TASK_TTL"] = str(int(float(os.environ.get("TASK_TTL", "604800"))) or 604_800)
    async with open_store() as store:
        yield store


@mutant("EXP-07", by=LIFETIME, on=On.REDIS)
@asynccontextmanager
async def ignores_the_lifetime() -> Opened:
    """TASK_TTL is not looked at."""
    async with open_store(_settings(task_ttl=7 * 24 * 3600)) as store:
        yield store
