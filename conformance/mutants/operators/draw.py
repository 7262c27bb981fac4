"""The population of faults: operators at sites, under conditions, with bounds that are drawn log-uniformly.

None of the bounds is taken from the tour's tables.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.mutants.operators.fault import Condition, Fault
from conformance.mutants.operators.values import CHANGES_OF_TYPE, FIELDS, REQUESTED
from conformance.spec.model import FINAL, STATUSES

_SECONDS_OF_A_WEEK = 7 * 24 * 3600
_MIB = 1024 * 1024
_MOST_TASKS = 10_000
_MOST_OF_A_PAGE = 1_000
_LONGEST_ID = 256
_MOST_WRITES = 10
_VARIANTS = 24
"""How many values the amount has that only chooses a variant."""

_KIND = {
    "task_id": "id",
    "status": "status",
    "progress": "number",
    "video_ids": "texts",
    "config": "json",
    **dict.fromkeys(("created_at", "updated_at", "completed_at"), "time"),
}
"""The kinds of fields that are no text."""
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
_ERRORS = ("error_message", "error_traceback")
_UPDATED = ("progress", "current_step", "result_url", *_ERRORS)
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
    if name in _ERRORS:
        return ("failed",)
    return FINAL if name == "completed_at" else STATUSES


def _operators(name: str, *without: str) -> tuple[str, ...]:
    """The operators that can change a field, except those that make no sense at a site."""
    operators = _OPERATORS[_kind(name)]
    if name == "completed_at":
        operators = ("drop", *operators)
    if name in _OLD and "old" not in operators:
        operators = (*operators, "old")
    return tuple(one for one in operators if one not in without)


def _conditions(name: str, *others: str) -> tuple[str, ...]:
    """The conditions about the call and the value of a field, and others in between."""
    return (*_ALWAYS, *others, *_OF_VALUE.get(_kind(name), ()))


def _sites() -> Iterator[Site]:
    yield from _sites_of_values()
    yield from _sites_of_arguments()
    yield from _sites_of_pages()
    yield from _sites_of_writes()
    yield from _sites_of_errors()


def _sites_of_values() -> Iterator[Site]:
    """Fields that are wrong in an answer, or in what is stored."""
    for name in FIELDS:
        operators, of_task, statuses = _operators(name), _conditions(name, *_OF_TASK), _statuses(name)
        yield Site("answer", "get_task", name, operators, of_task, statuses)
        yield Site("answer", "list_tasks", name, operators, (*of_task, *_OF_PAGE), statuses)
        yield Site("answer", "update_task_status", name, operators, of_task, statuses)
        if name not in _ERRORS:  # a task that has one is final, and is not cancelled
            yield Site("answer", "cancel_task", name, operators, _conditions(name, "writes", "restored"))
        if name in (*REQUESTED, "task_id", "created_at", "updated_at"):
            yield Site("answer", "create_task", name, _operators(name, "old"), _conditions(name))
            if name != "task_id":
                yield Site("stored", "create_task", name, _operators(name, "old"), _conditions(name))
        if name not in ("task_id", "status", *REQUESTED, "created_at"):
            yield Site("stored", "update_task_status", name, operators, of_task, statuses)
        if name not in ("task_id", "status"):
            yield Site("stored", "restore", name, _operators(name, "old"), _conditions(name, "status"), statuses)
    for name in ("completed_at", "updated_at", "progress", "current_step", "result_url"):
        yield Site("stored", "cancel_task", name, _operators(name), (*_ALWAYS, "writes", "restored"))


def _sites_of_arguments() -> Iterator[Site]:
    """Arguments that are changed on their way in."""
    for name in (*REQUESTED, "task_id"):
        yield Site("argument", "create_task", name, _OPERATORS[_kind(name)], _conditions(name))
    for name in _UPDATED:
        operators = _operators(name, "default", "old", "type")
        yield Site("argument", "update_task_status", name, operators, _conditions(name, *_OF_TASK), _statuses(name))
    for name in FIELDS:
        operators = _operators(name, "old", "type")
        yield Site("argument", "restore", name, operators, _conditions(name), _statuses(name))
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
    for name in ("total", "limit"):
        yield Site("page", "list_tasks", name, ("off-by-one", "clamp", "default"), (*conditions, "number"))
    yield Site("page", "list_tasks", "offset", ("off-by-one", "clamp", "default"), (*conditions[:-1], "number"))
    yield Site("page", "list_tasks", "next", ("drop", "off-by-one"), conditions)
    for name in ("", "total"):
        yield Site("stale", "list_tasks", name, ("stale",), conditions)
    yield Site("stale", "get_task", "", ("stale",), (*_ALWAYS, "size", *_OF_TASK))
    yield Site("count", "purge", "", ("off-by-one", "clamp", "default"), (*_ALWAYS, "number"))


def _sites_of_writes() -> Iterator[Site]:
    """Writes, and what becomes of a task."""
    yield Site("write", "create_task", "", ("drop", "duplicate"), (*_ALWAYS, "size"))
    yield Site("write", "update_task_status", "", ("drop", "duplicate"), (*_ALWAYS, *_OF_TASK, "size"))
    yield Site("write", "cancel_task", "", ("drop",), (*_ALWAYS, "writes", "restored", "size"))
    yield Site("write", "restore", "", ("drop", "duplicate"), (*_ALWAYS, "status", "size"))
    yield Site("write", "purge", "", ("drop", "duplicate"), (*_ALWAYS, "number"))
    for name in ("progress", "current_step", "result_url"):
        yield Site("merge", "update_task_status", name, ("old",), ("always",))
    for operation in ("update_task_status", "cancel_task"):
        yield Site("check", operation, "", ("stale",), ("always",))
    for operation in _OF_ONE:
        yield Site("forget", operation, "", ("forget",), (*_ALWAYS, *_OF_TASK, "size"))
        yield Site("outlive", operation, "", ("stale",), (*_ALWAYS, *_OF_TASK, "size"))
    yield Site("forget", "list_tasks", "", ("forget",), (*_ALWAYS, *_OF_TASK, *_OF_PAGE, "size"))
    for operation in ("create_task", *_OF_ONE, "list_tasks"):
        conditions = (*_ALWAYS, "size", *(() if operation == "create_task" else ("writes", "restored")))
        for name in ("metadata", "live"):
            yield Site("alias", operation, name, ("alias",), conditions)
    for operation in _READS:
        yield Site("alias", operation, "request", ("alias",), (*_ALWAYS, "size", "items", "depth"))


_REFUSED = {
    "create_task": (*REQUESTED, "task_id", "task"),
    "update_task_status": ("status", "progress", "current_step", *_ERRORS, "task"),
    "list_tasks": ("status", "limit", "offset", "after"),
    "purge": ("before",),
    "restore": ("status", "progress", "error_message", "task_id", "video_ids", "created_at", "updated_at", "task"),
}
"""The arguments that an operation refuses, and names."""


def _sites_of_errors() -> Iterator[Site]:
    """Errors that are swallowed, replaced, or wrong in a fact; and calls that are refused though they are right."""
    wrong = ("swallow", "other-error", "wrong-fact")
    of_final = (*_ALWAYS, *_OF_TASK)
    for operation in _OF_ONE:
        yield Site("error", operation, "TaskNotFound task_id", wrong, _ALWAYS)
    for operation in ("update_task_status", "cancel_task"):
        final = FINAL if operation == "update_task_status" else FINAL[:2]
        yield Site("error", operation, "TaskFinal task_id", wrong, of_final, final)
        yield Site("error", operation, "TaskFinal status", ("wrong-fact",), of_final, final)
    for operation in ("create_task", "restore"):
        yield Site("error", operation, "TaskExists task_id", wrong, of_final)
    for operation, arguments in _REFUSED.items():
        for name in arguments:
            yield Site("error", operation, f"InvalidArgument {name}", wrong, _ALWAYS)
    for operation, names in {"create_task": REQUESTED, "update_task_status": _UPDATED, "restore": FIELDS}.items():
        for name in names:
            yield Site("refuse", operation, name, ("other-error",), _conditions(name), _statuses(name))
    for operation in ("get_task", "cancel_task"):
        yield Site("refuse", operation, "", ("other-error",), of_final)
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


def is_possible(fault: Fault) -> bool:
    """Whether such a fault can change anything. What is left out here is equivalent to a right store, by these rules.

    - A cancel changes the status and the times: `old` is what the other fields are.
    - What is final does not change: to show it from a cache is right as long as it is there.
    - A cursor comes without an offset, so an offset is never wrong with one.
    - With one status progress is 100, and it is a whole number with most: `round` is drawn with other conditions.
    - The number of bytes, of values and of levels is that of a value that is there: `old` shows another one.
    - What is no JSON is refused: it can be changed in the request of a creation only.
    """
    kind, operator = fault.condition.kind, fault.operator
    if kind == "status" and fault.field == "progress":
        return operator != "round"
    if operator == "old" and fault.operation == "cancel_task" and fault.field not in ("status", "updated_at"):
        return False
    if fault.way == "stale" and fault.operation == "get_task" and kind == "status" and fault.condition.bound in FINAL:
        return False
    if operator == "old" and kind in ("size", "items", "depth"):
        return False
    if operator == "type" and fault.field == "config" and fault.amount % len(CHANGES_OF_TYPE) in _OF_NO_JSON:
        return (fault.way, fault.operation) == ("argument", "create_task")
    return not (fault.field == "offset" and kind == "cursor")


_OF_NO_JSON = range(len(CHANGES_OF_TYPE) - 2, len(CHANGES_OF_TYPE))


@dataclass(frozen=True)
class Sample:
    """Faults that were drawn, and how many draws gave none that is possible and new."""

    faults: tuple[Fault, ...]
    left_out: int = 0


def draw(seed: int, sample: int) -> Sample:
    """Draw faults: an operator, an operation, a site and a condition, each with the same chance as its siblings."""
    random_one = random.Random(seed)  # noqa: S311  it is to be repeatable
    found: dict[Fault, None] = {}
    left_out = 0
    while len(found) < sample:
        operator = random_one.choice(sorted(sites()))
        by_operation = sites()[operator]
        site = random_one.choice(by_operation[random_one.choice(sorted(by_operation))])
        fault = _fault(random_one, operator, site, random_one.choice(site.conditions))
        left_out += fault in found or not is_possible(fault)
        if is_possible(fault):
            found[fault] = None
    return Sample(tuple(found), left_out)


def every(seed: int) -> Sample:
    """Each operator at each of its sites under each of its conditions once, with bounds that are drawn."""
    random_one = random.Random(seed)  # noqa: S311  it is to be repeatable
    faults = [
        _fault(random_one, operator, site, kind)
        for operator, by_operation in sites().items()
        for of_one in by_operation.values()
        for site in of_one
        for kind in site.conditions
    ]
    possible = tuple(dict.fromkeys(filter(is_possible, faults)))
    return Sample(possible, len(faults) - len(possible))


def _fault(random_one: random.Random, operator: str, site: Site, kind: str) -> Fault:
    condition = Condition(kind, _bound(random_one, kind, site))
    return Fault(operator, site.way, site.operation, site.field, _amount(random_one, operator, site), condition)


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
    return random_one.randrange(_VARIANTS)
