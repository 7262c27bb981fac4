"""Play again, without pytest, what a test found. The scripts that are printed under failures import all from here."""

# ruff: noqa: F401  those scripts use what is imported here

from __future__ import annotations

import asyncio
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast

from conformance.case import in_a_namespace
from conformance.engine.play import Player
from conformance.engine.scene import (
    Action,
    Advance,
    Close,
    Copy,
    Cursor,
    Known,
    Member,
    Optional,
    Populate,
    Ref,
    Reopen,
    Scene,
    Step,
    Text,
    Tick,
    TimeOf,
    Together,
    Walk,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.engine.tally import Tally
from conformance.harness import Capability, Harness
from conformance.script import Script
from conformance.spec.model import Record, Request, canonical
from conformance.tour.made_ids import about_ids
from conformance.tour.values import _Number, _Text
from conformance.verify.histories.contradiction import in_words, shorten
from conformance.verify.histories.history import Planned
from conformance.verify.histories.judge import Verdict
from conformance.verify.histories.reproduction import replay
from taskstore import TaskStatus

_SECONDS = 3
"""For how long a scene is played until it shows what it is to show."""


def play(harness: Harness, *actions: Action, shows: str = "", instances: int = 1) -> None:
    """Play the actions of a scene. Print each call with its result, and what is wrong; then the exit status is 1.

    Args:
        harness: The subject.
        actions: What is done, as the tour plans it.
        shows: The requirement that was broken.
        instances: On how many instances of the store.

    After each write the engine reads the task and the listings, and it changes the objects that it passed in and got
    back, as in the tour. What depends on chance is played again, each time in another namespace, until the requirement
    `shows` is broken or some seconds are over.
    """
    scene = Scene("played again", actions, instances=instances)
    with harness.running(), ExitStack() as discarded:
        until = time.monotonic() + _SECONDS
        while True:
            tally, script = Tally(), Script(shows_results=True)
            shown = cast(Harness, _Shown(harness, script, discarded))
            asyncio.run(Player(shown, tally).play(scene))
            found = [*tally.findings, *about_ids(tally)]
            is_shown = any(not shows or shows in one.requirements for one in found)
            if is_shown or not shows or time.monotonic() > until:
                break
    print(script)
    print(*(f"{', '.join(one.requirements)}: {one.words}" for one in found), sep="\n")
    if not is_shown:
        print(f"{shows} was kept: what broke it has gone, or depends on chance or on what else the server holds")
    sys.exit(1 if is_shown else 0)


def play_case(function: Callable[..., Awaitable[None]], harness: Harness) -> None:
    """Play a readable case: a coroutine function that takes a `store` or a `namespace`.

    Print each call with its result. What the case raises comes out.
    """
    script = Script(shows_results=True)
    with harness.running():
        try:
            asyncio.run(in_a_namespace(function, harness, script))
        finally:
            print(script, flush=True)


def play_history(harness: Harness, *calls: Planned) -> None:
    """Make calls of several clients again, until no order explains their results or some attempts were made.

    Print what each client called and got. Calls of one round are made at the same time, those of one client in turn.
    """
    with harness.running():
        history, judgement = replay(harness, calls)
    print(*map(in_words, history.intervals), sep="\n")
    print(
        "explained by an order of the calls" if judgement.verdict is Verdict.EXPLAINED else shorten(history, judgement)
    )


class _Shown:
    """A harness whose stores write down their calls, and whose namespaces are discarded at the end of all."""

    def __init__(self, harness: Harness, script: Script, discarded: ExitStack) -> None:
        self._harness = harness
        self._script = script
        self._discarded = discarded

    def __getattr__(self, name: str) -> Any:
        return getattr(self._harness, name)

    def discard(self, namespace: str) -> None:
        self._discarded.callback(self._harness.discard, namespace)

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        async with self._harness.open(namespace) as store:
            yield self._script.recorded(store)
