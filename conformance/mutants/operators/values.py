"""Operators on values, and what they need to know of a task."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from math import isnan
from typing import Any, Literal

from conformance.spec.model import is_same
from taskstore import Task, TaskStatus
from taskstore.values import trusted

FIELDS = (
    "task_id",
    "status",
    "progress",
    "current_step",
    "video_ids",
    "result_url",
    "error_message",
    "error_traceback",
    "webhook_url",
    "config",
    "created_at",
    "updated_at",
    "completed_at",
)
"""The fields of a task. The two that are inside `metadata` count as fields of their own."""
REQUESTED = ("video_ids", "webhook_url", "config")
DEFAULTS: Mapping[str, Any] = {
    "status": TaskStatus.PENDING,
    "progress": 0.0,
    "current_step": "",
    "limit": 50,
    "offset": 0,
}
"""What a new task, or a call, has if nothing is given. For every other field that is `None`."""
UPDATABLE = ("status", "progress", "current_step", "result_url", "error_message", "error_traceback")
_IN_METADATA = ("webhook_url", "config")
_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")


def altered(task: Task, **fields: Any) -> Task:
    """The task with other fields, whether a right store would have them or not."""
    return trusted(Task, {**vars(task), **fields})


def field_of(task: Task, name: str) -> Any:
    """A field of a task."""
    return task.metadata.get(name) if name in _IN_METADATA else getattr(task, name)


def with_field(task: Task, name: str, value: Any) -> Task:
    """The task with another value of a field."""
    if name in _IN_METADATA:
        metadata = {**task.metadata, name: value}
        return altered(task, metadata_json=json.dumps(metadata, ensure_ascii=False))
    return altered(task, **{name: value})


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in value and type, at any depth."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, datetime):
        return bool(one == other) and one.tzinfo == other.tzinfo
    return is_same(one, other)


# Operators on values. Each takes a value and the amount, and returns the value where it has nothing to change.

_STRIPS: tuple[Callable[[str], str], ...] = (
    str.strip,
    str.rstrip,
    str.lstrip,
    lambda text: text.replace("\0", ""),
    lambda text: text.replace("\r\n", "\n"),
    lambda text: text.removeprefix("\ufeff"),
    lambda text: text.partition(":")[0],
)
FOLDS: tuple[Callable[[str], str], ...] = (str.lower, str.upper, str.casefold)


def _leaves(change: Callable[[Any], Any], value: Any, *, keys: bool = False) -> Any:
    """Change every value inside a JSON value, empty lists and objects too, and the keys if they are asked for."""
    if type(value) in (dict, list) and not value:
        return change(value)
    if type(value) is dict:
        return {change(key) if keys else key: _leaves(change, one, keys=keys) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_leaves(change, one, keys=keys) for one in value)
    return change(value)


def _of_texts(change: Callable[[str], str], value: Any) -> Any:
    return _leaves(lambda one: change(one) if type(one) is str else one, value, keys=True)


def _drop(value: Any, _: int) -> Any:
    if type(value) in (tuple, list) and len(value) > 1:
        return value[:-1]
    if type(value) is dict and value:
        return dict(list(value.items())[:-1])
    return None


def _truncate(value: Any, amount: int) -> Any:
    if type(value) is dict:
        return {key: _truncate(one, amount) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_truncate(one, amount) for one in value[: max(amount, 1)])
    return value[:amount] if type(value) is str else value


def _clamp(value: Any, amount: int) -> Any:
    """Of numbers inside JSON the amount is the number of bits."""

    def change(one: Any) -> Any:
        return min(one, (1 << amount) - 1) if type(one) is int else one

    if type(value) is float:
        return min(value, float(amount))
    return min(value, amount) if type(value) is int else _leaves(change, value)


def _round(value: Any, amount: int) -> Any:
    """Keep so many significant digits; of a time milliseconds, or seconds if the amount is even."""
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1_000 * 1_000 if amount % 2 else 0)
    return _leaves(lambda one: float(f"{one:.{amount}g}") if type(one) is float else one, value)


def _fold(value: Any, amount: int) -> Any:
    return _of_texts(FOLDS[amount % len(FOLDS)], value)


def _normalise(value: Any, amount: int) -> Any:
    return _of_texts(lambda text: unicodedata.normalize(_FORMS[amount % len(_FORMS)], text), value)


def _strip(value: Any, amount: int) -> Any:
    return _of_texts(_STRIPS[amount % len(_STRIPS)], value)


def _whole(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


def _floating(value: Any) -> Any:
    return float(value) if type(value) is int and abs(value) < 1 << 53 else value


def _number(value: Any) -> Any:
    is_number = type(value) is str and value.isascii() and value.isdigit()
    return int(value) if is_number and len(value) < 16 else value  # noqa: PLR2004  exact as a float


def _through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _without_digits(value: Any) -> Any:
    return int(float(value)) if type(value) is int and 1 << 53 < abs(value) < 1 << 1_000 else value


CHANGES_OF_TYPE: Mapping[str, Callable[[Any], Any]] = {
    "whole floats are integers": _whole,
    "integers are floats": _floating,
    "digits are numbers": _number,
    "booleans are integers": lambda value: int(value) if type(value) is bool else value,
    "None is an empty text": lambda value: "" if value is None else value,
    "-0.0 is 0.0": lambda value: abs(value) if type(value) is float and value == 0 else value,
    "floats are cut": lambda value: int(value) if type(value) is float and abs(value) < 1 << 53 else value,
    "long integers lose digits": _without_digits,
    "empty lists are objects": lambda value: {} if value == [] else value,
    "what is empty is None": lambda value: None if value in ("", [], {}) else value,
    "NaN is None": lambda value: None if type(value) is float and isnan(value) else value,
    "what is no JSON is made JSON": _through_json,
}
"""What becomes of a value inside a config. The last two change what has to be refused."""
_CHANGES = tuple(CHANGES_OF_TYPE.values())


def _type(value: Any, amount: int) -> Any:
    if isinstance(value, TaskStatus):
        return value.value
    if isinstance(value, datetime):
        zone = timezone(timedelta(hours=1))
        return value.replace(tzinfo=None) if amount % 2 else value.astimezone(zone)
    if type(value) is tuple:
        return list(value)
    change = _CHANGES[amount % len(_CHANGES)]
    if type(value) is dict:
        return change(value) if change is _through_json else _leaves(change, value)
    return change(value) if type(value) is str else _whole(value)


def _off_by_one(value: Any, amount: int) -> Any:
    by = 1 if amount % 2 else -1
    if isinstance(value, datetime):
        return value + timedelta(microseconds=by)
    if type(value) is float:
        return value + by if 0 <= value + by <= 100 else value - by  # noqa: PLR2004  what progress may be
    if type(value) is int:
        return max(value + by, 0)
    return _leaves(lambda one: one + by if type(one) is int else one, value)


def _reorder(value: Any, amount: int) -> Any:
    if type(value) is dict:
        return {key: _reorder(one, amount) for key, one in value.items()}
    if type(value) not in (list, tuple):
        return value
    if amount % 3 == 0:
        return value[::-1]
    if amount % 3 == 1:
        return type(value)(sorted(value, key=repr))
    unlike = {repr(one): one for one in value}
    return type(value)(unlike.values())


def _duplicate(value: Any, _: int) -> Any:
    return value + value[-1:] if type(value) in (list, tuple) else value


VALUE_OPERATORS: Mapping[str, Callable[[Any, int], Any]] = {
    "drop": _drop,
    "truncate": _truncate,
    "clamp": _clamp,
    "round": _round,
    "fold": _fold,
    "normalise": _normalise,
    "strip": _strip,
    "type": _type,
    "off-by-one": _off_by_one,
    "reorder": _reorder,
    "duplicate": _duplicate,
}


def size_of(value: Any) -> int:
    """How many bytes a value has as JSON text, or a text as UTF-8."""
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    try:
        return len(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (TypeError, ValueError, RecursionError):
        return 0


def items_of(value: Any) -> int:
    """How many values are inside a value, at any depth."""
    if isinstance(value, dict):
        return len(value) + sum(map(items_of, value.values()))
    return len(value) + sum(map(items_of, value)) if isinstance(value, list | tuple) else 0


def depth_of(value: Any) -> int:
    """How deep the lists and objects of a value are nested."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    return 0 if inside is None else 1 + max(map(depth_of, inside), default=0)
