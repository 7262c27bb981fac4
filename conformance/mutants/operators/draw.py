"""Faults that are drawn, to measure the tour: `python -m conformance.mutants.operators --sample 300 --seed 1`.

Each is an operator of `conformance.mutants.faulty` at one site, under one condition, with bounds that are drawn
log-uniformly. The tour is played on each until its first finding. A fault that survives is a gap: either no scene
reaches its condition, or one does and nothing is noticed. `survivors.toml` holds the survivors that have a reason.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import json
import math
import random
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from itertools import repeat
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from conformance.engine.play import MethodMissingError, Player
from conformance.engine.scene import Populate, Scene, Step, steps_of
from conformance.engine.tally import Tally
from conformance.harness import Harness, HookMissingError
from conformance.mutants.faulty import FIELDS, REQUESTED, Condition, Fault, FaultyHarness, size_of
from conformance.spec.model import FINAL, STATUSES, Request
from conformance.subjects.registry import find_subject
from conformance.tour.plan import plan

BASES = ("memory", "memory-expiring", "embedded")
SURVIVORS = Path(__file__).with_name("survivors.toml")
_SECONDS_OF_A_WEEK = 7 * 24 * 3600
_MIB = 1024 * 1024
_MOST_TASKS = 10_000
_MOST_OF_A_PAGE = 1_000
_LONGEST_ID = 256
_MOST_WRITES = 10
_BIG = 200_000
_FIRST = 60
"""Scenes that are played on each fault by itself. Most faults are killed there."""
_AT_ONCE = 8
_CRASH = "crash of the engine"

_KIND = {
    "task_id": "id",
    "status": "status",
    "progress": "number",
    "video_ids": "texts",
    "config": "json",
    **dict.fromkeys(("created_at", "updated_at", "completed_at"), "time"),
}
_TEXTS = ("truncate", "fold", "normalise", "strip")
_OPERATORS = {
    "id": ("fold", "truncate"),
    "status": ("default", "old", "type"),
    "number": ("drop", "default", "clamp", "round", "type", "off-by-one", "old"),
    "text": ("drop", "default", *_TEXTS),
    "texts": ("drop", "type", "reorder", "duplicate", *_TEXTS),
    "json": ("drop", "default", "clamp", "round", "type", "off-by-one", "reorder", *_TEXTS),
    "time": ("round", "type", "off-by-one"),
}
"""The operators that can change a value of that kind."""
_OLD = ("status", "progress", "current_step", "result_url", "updated_at")
"""The fields that can have had another value before: an error comes with the last write."""
_READS = ("get_task", "list_tasks")
_OF_ONE = ("get_task", "update_task_status", "cancel_task")
_ALWAYS = ("always", "tasks", "second", "reopened", "later")
_OF_TASK = ("writes", "restored", "status")
_OF_PAGE = ("filter", "offset", "limit", "cursor")
_OF_VALUE = {"text": ("size",), "texts": ("size", "items"), "json": ("size", "items", "depth"), "number": ("number",)}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a fault can be: a way, an operation and a field, with the operators and the conditions that make sense."""

    way: str
    operation: str
    field: str
    operators: tuple[str, ...]
    conditions: tuple[str, ...]
    statuses: tuple[str, ...] = STATUSES


def _kind(name: str) -> str:
    return _KIND.get(name, "text")


def _statuses(name: str) -> tuple[str, ...]:
    """The statuses with which a field can have a value."""
    if name in ("error_message", "error_traceback"):
        return ("failed",)
    return FINAL if name == "completed_at" else STATUSES


def _of_field(name: str) -> tuple[str, ...]:
    operators = _OPERATORS[_kind(name)]
    if name == "completed_at":
        operators = ("drop", *operators)
    return (*operators, "old") if name in _OLD and "old" not in operators else operators


def _sites() -> Iterator[Site]:
    yield from _sites_of_values()
    yield from _sites_of_arguments()
    yield from _sites_of_pages()
    yield from _sites_of_writes()
    yield from _sites_of_errors()


def _sites_of_values() -> Iterator[Site]:
    """Fields that are wrong in an answer, or in what is stored."""
    for name in FIELDS:
        operators, value = _of_field(name), _OF_VALUE.get(_kind(name), ())
        for operation in _READS:
            page = _OF_PAGE if operation == "list_tasks" else ()
            conditions = (*_ALWAYS, *_OF_TASK, *value, *page)
            yield Site("answer", operation, name, operators, conditions, _statuses(name))
        yield Site("answer", "update_task_status", name, operators, (*_ALWAYS, *_OF_TASK, *value), _statuses(name))
        if name not in ("error_message", "error_traceback"):  # a task that has one is final, and is not cancelled
            conditions = (*_ALWAYS, "writes", "restored", *value)
            yield Site("answer", "cancel_task", name, operators, conditions)
        if name in (*REQUESTED, "task_id", "created_at", "updated_at"):
            new = tuple(one for one in operators if one != "old")
            yield Site("answer", "create_task", name, new, (*_ALWAYS, *value))
            if name != "task_id":
                yield Site("stored", "create_task", name, new, (*_ALWAYS, *value))
        if name not in ("task_id", "status", *REQUESTED, "created_at"):
            conditions = (*_ALWAYS, *_OF_TASK, *value)
            yield Site("stored", "update_task_status", name, operators, conditions, _statuses(name))
        if name not in ("task_id", "status"):
            known = tuple(one for one in operators if one != "old")
            yield Site("stored", "restore", name, known, (*_ALWAYS, "status", *value), _statuses(name))
    for name in ("completed_at", "updated_at", "progress", "current_step", "result_url"):
        yield Site("stored", "cancel_task", name, _of_field(name), (*_ALWAYS, "writes", "restored"))


def _sites_of_arguments() -> Iterator[Site]:
    """Arguments that are changed on their way in."""
    for name in (*REQUESTED, "task_id"):
        value = _OF_VALUE.get(_kind(name), ())
        yield Site("argument", "create_task", name, _OPERATORS[_kind(name)], (*_ALWAYS, *value))
    for name in ("progress", "current_step", "result_url", "error_message", "error_traceback"):
        value = _OF_VALUE.get(_kind(name), ())
        operators = tuple(one for one in _of_field(name) if one not in ("default", "old", "type"))
        conditions = (*_ALWAYS, *_OF_TASK, *value)
        yield Site("argument", "update_task_status", name, operators, conditions, _statuses(name))
    for name in FIELDS:
        operators = tuple(one for one in _of_field(name) if one not in ("old", "type"))
        if name == "status":
            operators = ("default",)
        yield Site("argument", "restore", name, operators, (*_ALWAYS, *_OF_VALUE.get(_kind(name), ())), _statuses(name))
    for operation in _OF_ONE:
        yield Site("argument", operation, "task_id", _TEXTS, _ALWAYS)
    yield Site("argument", "list_tasks", "status", ("drop",), (*_ALWAYS, "status", *_OF_PAGE[1:]))
    yield Site("argument", "list_tasks", "limit", ("clamp", "off-by-one", "default"), (*_ALWAYS, *_OF_PAGE))
    yield Site("argument", "list_tasks", "offset", ("clamp", "off-by-one", "default"), (*_ALWAYS, *_OF_PAGE[:3]))
    yield Site("argument", "list_tasks", "after", ("drop", "fold", "truncate"), (*_ALWAYS, "filter", "limit"))
    yield Site("argument", "purge", "before", ("off-by-one", "round"), _ALWAYS)


def _sites_of_pages() -> Iterator[Site]:
    """Pages, and counts."""
    conditions = (*_ALWAYS, *_OF_PAGE)
    yield Site("page", "list_tasks", "tasks", ("drop", "duplicate", "reorder"), (*conditions, "number"))
    yield Site("page", "list_tasks", "total", ("off-by-one", "clamp", "default"), (*conditions, "number"))
    yield Site("page", "list_tasks", "limit", ("off-by-one", "clamp", "default"), (*conditions, "number"))
    yield Site("page", "list_tasks", "offset", ("off-by-one", "clamp", "default"), (*conditions[:-1], "number"))
    yield Site("page", "list_tasks", "next", ("drop", "off-by-one"), conditions)
    yield Site("stale", "list_tasks", "", ("stale",), conditions)
    yield Site("stale", "list_tasks", "total", ("stale",), conditions)
    yield Site("stale", "get_task", "", ("stale",), (*_ALWAYS, "size", "writes", "restored", "status"))
    yield Site("count", "purge", "", ("off-by-one", "clamp", "default"), (*_ALWAYS, "number"))


def _sites_of_writes() -> Iterator[Site]:
    """Writes, and what becomes of a task."""
    yield Site("write", "create_task", "", ("drop", "duplicate"), (*_ALWAYS, "size"))
    yield Site("write", "update_task_status", "", ("drop", "duplicate"), (*_ALWAYS, *_OF_TASK, "size"))
    yield Site("write", "cancel_task", "", ("drop",), (*_ALWAYS, "writes", "restored", "size"))
    yield Site("write", "restore", "", ("drop", "duplicate"), (*_ALWAYS, "status", "size"))
    yield Site("write", "purge", "", ("drop", "duplicate"), (*_ALWAYS, "number"))
    for operation in _OF_ONE:
        yield Site("forget", operation, "", ("forget",), (*_ALWAYS, *_OF_TASK, "size"))
        yield Site("outlive", operation, "", ("stale",), (*_ALWAYS, *_OF_TASK, "size"))
    yield Site("forget", "list_tasks", "", ("forget",), (*_ALWAYS, *_OF_TASK, *_OF_PAGE, "size"))
    for operation in ("create_task", *_OF_ONE, "list_tasks"):
        conditions = (*_ALWAYS, "size", *(() if operation == "create_task" else ("writes", "restored")))
        yield Site("alias", operation, "metadata", ("alias",), conditions)
        yield Site("alias", operation, "live", ("alias",), conditions)
    for operation in _READS:
        yield Site("alias", operation, "request", ("alias",), (*_ALWAYS, "size", "items", "depth"))


_REFUSED = {
    "create_task": (*REQUESTED, "task_id", "task"),
    "update_task_status": ("status", "progress", "current_step", "error_message", "error_traceback", "task"),
    "list_tasks": ("status", "limit", "offset", "after"),
    "purge": ("before",),
    "restore": ("status", "progress", "error_message", "task_id", "video_ids", "created_at", "updated_at", "task"),
}
"""The arguments that an operation refuses, and names."""


def _sites_of_errors() -> Iterator[Site]:
    """Errors that are swallowed, replaced, or wrong in a fact; and calls that are refused though they are right."""
    both = ("swallow", "other-error")
    for operation in _OF_ONE:
        yield Site("error", operation, "TaskNotFound task_id", (*both, "wrong-fact"), _ALWAYS)
    for operation in ("update_task_status", "cancel_task"):
        conditions = (*_ALWAYS, "writes", "restored", "status")
        final = FINAL if operation == "update_task_status" else FINAL[:2]
        yield Site("error", operation, "TaskFinal task_id", (*both, "wrong-fact"), conditions, final)
        yield Site("error", operation, "TaskFinal status", ("wrong-fact",), conditions, final)
    for operation in ("create_task", "restore"):
        conditions = (*_ALWAYS, "writes", "restored", "status")
        yield Site("error", operation, "TaskExists task_id", (*both, "wrong-fact"), conditions)
    for operation, arguments in _REFUSED.items():
        for name in arguments:
            yield Site("error", operation, f"InvalidArgument {name}", (*both, "wrong-fact"), _ALWAYS)
    given = {
        "create_task": REQUESTED,
        "update_task_status": ("progress", "current_step", "result_url", "error_message", "error_traceback"),
        "restore": FIELDS,
    }
    for operation, names in given.items():
        for name in names:
            value = _OF_VALUE.get(_kind(name), ())
            yield Site("refuse", operation, name, ("other-error",), (*_ALWAYS, *value), _statuses(name))
    for operation in ("get_task", "cancel_task"):
        yield Site("refuse", operation, "", ("other-error",), (*_ALWAYS, "writes", "restored", "status"))
    for name in ("limit", "offset"):
        yield Site("refuse", "list_tasks", name, ("other-error",), (*_ALWAYS, *_OF_PAGE))
    yield Site("refuse", "purge", "before", ("other-error",), _ALWAYS)


@cache
def sites() -> dict[str, dict[str, list[Site]]]:
    """All sites, by operator and by operation."""
    found: dict[str, dict[str, list[Site]]] = {}
    for site in _sites():
        for operator in site.operators:
            found.setdefault(operator, {}).setdefault(site.operation, []).append(site)
    return found


def is_possible(operator: str, site: Site, condition: Condition) -> bool:
    """Whether such a fault can change anything. What is left out here is equivalent to a right store, by these rules.

    - A cancel changes the status and the times: `old` is what the other fields are.
    - What is final does not change: to show it from a cache is right as long as it is there.
    - A cursor comes without an offset, so an offset is never wrong with one.
    - With one status progress is 100, and it is a whole number with most: `round` is drawn with other conditions.
    - The number of bytes, of values and of levels is that of a value that is there: `old` shows another one.
    """
    kind = condition.kind
    if kind == "status" and site.field == "progress":
        return operator != "round"
    if operator == "old" and site.operation == "cancel_task" and site.field not in ("status", "updated_at"):
        return False
    if site.way == "stale" and site.operation == "get_task" and condition.kind == "status" and condition.bound in FINAL:
        return False
    if operator == "old" and kind in ("size", "items", "depth"):
        return False
    return not (site.field == "offset" and kind == "cursor")


def draw(seed: int, sample: int) -> list[Fault]:
    """Draw faults: an operator, an operation, a site and a condition, each with the same chance as its siblings."""
    random_one = random.Random(seed)  # noqa: S311  it is to be repeatable
    found: dict[Fault, None] = {}
    while len(found) < sample:
        operator = random_one.choice(sorted(sites()))
        by_operation = sites()[operator]
        site = random_one.choice(by_operation[random_one.choice(sorted(by_operation))])
        kind = random_one.choice(site.conditions)
        condition = Condition(kind, _bound(random_one, kind, site))
        if not is_possible(operator, site, condition):
            continue
        amount = _amount(random_one, operator, site)
        found[Fault(operator, site.way, site.operation, site.field, amount, condition)] = None
    return list(found)


def log_uniform(random_one: random.Random, least: float, most: float) -> float:
    """A number that is as likely between 1 and 10 as between 10 and 100."""
    return math.exp(random_one.uniform(math.log(least), math.log(most)))


def _bound(random_one: random.Random, kind: str, site: Site) -> Any:
    whole = {
        "writes": (2, _MOST_WRITES + 1),
        "size": (1, _MIB - 4_096),
        "items": (1, _MOST_TASKS),
        "depth": (1, 100),
        "tasks": (1, _MOST_TASKS),
        "offset": (1, _MOST_TASKS),
        "limit": (1, _MOST_OF_A_PAGE),
        "later": (1, _SECONDS_OF_A_WEEK),
    }
    if kind == "status":
        return random_one.choice(site.statuses)
    if kind == "number":
        if site.field == "progress":
            return round(log_uniform(random_one, 0.01, 100), 3)
        most = _MOST_OF_A_PAGE if site.field in ("tasks", "limit") else _MOST_TASKS
        return int(log_uniform(random_one, 1, most))
    return int(log_uniform(random_one, *whole[kind])) if kind in whole else None


def _amount(random_one: random.Random, operator: str, site: Site) -> int:
    if operator == "truncate":
        most = _LONGEST_ID if site.field in ("task_id", "after") else _MIB
        return int(log_uniform(random_one, 1, most))
    if operator == "clamp":
        most = {"progress": 100, "limit": _MOST_OF_A_PAGE, "config": 14_000}.get(site.field, _MOST_TASKS)
        return int(log_uniform(random_one, 1, most))
    if operator == "round":
        return random_one.randint(1, 16)
    if site.way == "stale":
        return random_one.choice((0, int(log_uniform(random_one, 1, _MOST_WRITES))))
    is_place = site.way == "page" and site.field == "tasks"
    if is_place or (operator == "wrong-fact" and site.field.endswith("task_id")):
        return int(log_uniform(random_one, 1, _MOST_OF_A_PAGE)) - 1
    return random_one.randrange(24)


def cost_of(scene: Scene) -> int:
    """About how much work a scene is: tasks that are made, and bytes that are sent."""
    tasks = sum(one.count for one in scene.actions if isinstance(one, Populate))
    return tasks * 500 + sum(_bytes_of(step) for step in steps_of(scene.actions))


def _bytes_of(step: Step) -> int:
    request = step.arguments.get("request")
    values = [request.webhook_url, request.config] if isinstance(request, Request) else []
    values += [one for one in step.arguments.values() if type(one) is str]
    return 1_000 + sum(len(one) if type(one) is str else size_of(one) for one in values if one is not None)


@cache
def _scenes(seed: int) -> tuple[tuple[frozenset[str], Scene], ...]:
    """The scenes, each with its operations, in a drawn order but for the big ones, which come last."""
    scenes = list(plan(seed))
    random.Random(seed).shuffle(scenes)  # noqa: S311  it is to be repeatable
    scenes.sort(key=lambda scene: cost_of(scene) // _BIG)
    return tuple((frozenset(step.operation for step in steps_of(one.actions)), one) for one in scenes)


@dataclass
class Trial:
    """A fault on a base, while the tour is played on it."""

    fault: Fault
    base: str
    reached: bool = False
    changed: bool = False
    requirements: tuple[str, ...] = ()
    scene: str = ""
    words: str = ""

    @property
    def reason(self) -> str:
        """Why the fault survived; nothing if it was killed."""
        if self.requirements:
            return ""
        if not self.reached:
            return "not reached"
        return "unnoticed" if self.changed else "changed nothing"

    @property
    def has_crashed(self) -> bool:
        """Whether the engine raised something, which it never should."""
        return self.requirements[:1] == (_CRASH,)

    def as_json(self) -> dict[str, Any]:
        """What is written to a file."""
        return {**asdict(self), "fault": str(self.fault), "reason": self.reason}


async def play(trials: Sequence[Trial], base: Harness, scene: Scene) -> list[Trial]:
    """Play a scene on a store that has the faults of all the trials. Return those that changed something.

    Of one trial the finding is kept; of several nobody can say whose it is, so if nothing was changed but something
    was found all are returned.
    """
    if scene.needs - base.capabilities or scene.lacks & base.capabilities:
        return []
    harness = FaultyHarness(base, *(one.fault for one in trials))
    requirements: tuple[str, ...] = ()
    words = ""
    try:
        findings = await Player(harness, Tally()).play(scene)
    except (HookMissingError, MethodMissingError):
        return []
    except Exception as error:  # noqa: BLE001  what the engine does not survive is to be known
        requirements, words = (_CRASH,), f"{type(error).__name__}: {error}"
    else:
        if findings:
            requirements, words = findings[0].requirements, findings[0].words
    changed = [one for one in trials if harness.traces[one.fault].changed] or (list(trials) if requirements else [])
    if len(trials) == 1 or not changed:  # what one fault changes may reach another
        for one in trials:
            one.reached |= harness.traces[one.fault].reached
            one.changed |= harness.traces[one.fault].changed
    if len(trials) == 1 and requirements:
        (one,) = trials
        one.requirements, one.words, one.scene = requirements, words[:300], scene.name
    return changed


async def play_alone(trial: Trial, base: Harness, seed: int, most: int | None = None) -> None:
    """Play scenes on one fault until it is killed: those that call its operation first."""
    known = sorted(_scenes(seed)[:most], key=lambda one: trial.fault.operation not in one[0])
    for _, scene in known:
        await play([trial], base, scene)
        if trial.requirements:
            return


async def play_stacked(trials: Sequence[Trial], base: Harness, seed: int) -> None:
    """Play the tour on many faults at once: until one of them changes something, they are a right store together."""
    left = sorted(trials, key=lambda one: one.fault.way == "alias")  # what an alias hands out is no task for the others
    for _, scene in _scenes(seed):
        await _sift(left, base, scene)
        left = [one for one in left if not one.requirements]


async def _sift(trials: Sequence[Trial], base: Harness, scene: Scene) -> None:
    """Play a scene on faults until each that changes something has been played alone, and the others without it."""
    changed = await play(trials, base, scene) if trials else []
    if not changed or len(trials) == 1:
        return
    if len(changed) < len(trials):
        parts = [*([one] for one in changed), [one for one in trials if one not in changed]]
    else:
        parts = [list(trials[: len(trials) // 2]), list(trials[len(trials) // 2 :])]
    for part in parts:
        await _sift(part, base, scene)


_RUNNING: dict[str, Harness] = {}


def _running(name: str) -> Harness:
    """A base that runs until this process ends."""
    if name not in _RUNNING:
        harness = _RUNNING[name] = find_subject(name)()
        stack = ExitStack()
        stack.enter_context(harness.running())
        Finalize(None, stack.close, exitpriority=1)  # a pool's process does not run what `atexit` knows
    return _RUNNING[name]


def _first_scenes(trials: list[Trial], seed: int) -> list[Trial]:
    for one in trials:
        asyncio.run(play_alone(one, _running(one.base), seed, _FIRST))
    return trials


def _all_scenes(trials: list[Trial], seed: int) -> list[Trial]:
    asyncio.run(play_stacked(trials, _running(trials[0].base), seed))
    return trials


def run(faults: Sequence[Fault], bases: Sequence[str], seed: int, processes: int = 2) -> list[Trial]:
    """Judge the faults, each on one of the bases in turn."""
    trials = [Trial(fault, bases[place % len(bases)]) for place, fault in enumerate(faults)]
    with ProcessPoolExecutor(processes) as pool:
        parts = [trials[start : start + _AT_ONCE] for start in range(0, len(trials), _AT_ONCE)]
        begun = [one for part in pool.map(_first_scenes, parts, repeat(seed)) for one in part]
        left = [one for one in begun if not one.requirements]
        stacks = [
            [one for one in left if one.base == base][first::share]
            for base in dict.fromkeys(bases)
            for share in [max(1, processes // len(bases))]
            for first in range(share)
        ]
        judged = [one for part in pool.map(_all_scenes, filter(None, stacks), repeat(seed)) for one in part]
    return [one for one in begun if one.requirements] + judged


def reasons(path: Path = SURVIVORS) -> list[tuple[str, str]]:
    """The survivors that have a reason: a pattern of `fnmatch` for the description, and the reason."""
    known = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return [(one["pattern"], one["reason"]) for one in known.get("survivor", [])]


def main(given: list[str] | None = None) -> int:
    """Draw, judge, and print. 1 if a fault survives without a reason, or the engine crashes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=300, help="how many faults are drawn")
    parser.add_argument("--seed", type=int, default=1, help="of the faults, and of the tour")
    parser.add_argument("--base", choices=BASES, action="append", help="the right stores: both of memory by default")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="only the faults whose description matches")
    parser.add_argument("--verbose", action="store_true", help="print the faults that are killed too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts to this file")
    asked = parser.parse_args(given)
    began = time.perf_counter()
    faults = [one for one in draw(asked.seed, asked.sample) if fnmatch.fnmatchcase(str(one), asked.only)]
    trials = run(faults, asked.base or BASES[:2], asked.seed)
    seconds = time.perf_counter() - began
    if asked.json:
        asked.json.write_text(json.dumps([one.as_json() for one in trials], indent=1))
    known = reasons()
    survivors = [one for one in trials if one.reason]
    for one in trials:
        if one.reason:
            print(f"{one.reason:15} {one.base}: {one.fault}")  # noqa: T201
        elif one.has_crashed:
            print(f"{one.requirements[0]:15} {one.base}: {one.fault}, in {one.scene!r}: {one.words}")  # noqa: T201
        elif asked.verbose:
            print(f"{one.requirements[0]:15} {one.base}: {one.fault}, in {one.scene!r}")  # noqa: T201
    unknown = [one for one in survivors if not any(fnmatch.fnmatchcase(str(one.fault), name) for name, _ in known)]
    killed = Counter(one.requirements[0] for one in trials if one.requirements)
    for title, names in (
        ("operator", [one.fault.operator for one in trials]),
        ("condition", [one.fault.condition.kind for one in trials]),
    ):
        drawn = Counter(names)
        dead = Counter(name for name, one in zip(names, trials, strict=True) if one.requirements)
        print(f"killed by {title}: " + ", ".join(f"{name} {dead[name]} of {drawn[name]}" for name in sorted(drawn)))  # noqa: T201
    print("reported first: " + ", ".join(f"{name} {count}" for name, count in killed.most_common()))  # noqa: T201
    print(  # noqa: T201
        f"{len(trials)} faults, {sum(one.reached for one in trials)} reached, "
        f"{sum(one.changed for one in trials)} changed something, {killed.total()} killed, {len(survivors)} survived, "
        f"{len(unknown)} of them without a reason; {seconds:.0f} s"
    )
    return 1 if unknown or _CRASH in killed else 0


if __name__ == "__main__":
    sys.exit(main())
