"""Steps: what a caller does in one sequence, in a form that every side can be given and that a file can hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

from hypothesis import strategies as st

from conformance import strategies as ours
from conformance.verify.model import FINAL, STATUSES

LENGTH = 22
"""Places for steps in a sequence; some stay empty."""
AGAIN = "again"
"""The operation of a step that repeats the last write, as a caller does whose answer was lost."""


@dataclass(frozen=True)
class Earlier:
    """Stands for the id of a task that was created earlier, counted from the latest."""

    back: int


@dataclass(frozen=True)
class Seen:
    """Stands for an earlier task as it was first seen, or so many sights later."""

    back: int
    sight: int


@dataclass(frozen=True)
class Behind:
    """Stands for a cursor: the time of an earlier task, and its id or one that may be no task's."""

    back: int
    task_id: str = ""


@dataclass(frozen=True)
class Deadline:
    """Stands for the last millisecond of an earlier task's life, or the one after it."""

    back: int
    after: bool


@dataclass(frozen=True)
class Step:
    """A call, and what time passes before it: hours, or as long as it takes to a deadline."""

    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    wait: int | Deadline = 0


@dataclass(frozen=True)
class Sequence:
    """Steps, and whether the whole visible state is looked at after each write, or (`quiet`) at the end only.

    A look sweeps up what has expired: what a store does without one shows in quiet sequences.
    """

    steps: tuple[Step | None, ...]
    quiet: bool = False

    def encode(self) -> dict[str, Any]:
        """The sequence as JSON. Values come back exactly, also those that JSON has not."""
        return {"quiet": self.quiet, "steps": [_encode(vars(step)) for step in self.steps if step is not None]}

    def simpler(self) -> Iterator[Sequence]:
        """The same without one of its steps, or without one optional argument."""
        for index, step in reversed([*enumerate(self.steps)]):
            before, after = self.steps[:index], self.steps[index + 1 :]
            yield replace(self, steps=before + after)
            if step is None:
                continue
            for fewer in [
                replace(step, arguments={name: value for name, value in step.arguments.items() if name != left_out})
                for left_out in step.arguments.keys() - {"video_ids", "task_id", "before", "task"}
                if (step.operation, left_out) != ("update_task_status", "status")
            ]:
                yield replace(self, steps=(*before, fewer, *after))

    @classmethod
    def decode(cls, data: Mapping[str, Any]) -> Sequence:
        """The sequence that `encode` wrote."""
        return cls(tuple(Step(**_decode(step)) for step in data["steps"]), data["quiet"])


def _encode(value: Any) -> Any:
    """A value as JSON: texts, booleans and None as they are, all else as a list of its type and what is in it."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    name = "IntEnum" if isinstance(value, IntEnum) else "subclass of str" if isinstance(value, str) else kind.__name__
    return [name, next(write(value) for kinds, write in _WRITERS if isinstance(value, kinds))]


def _decode(data: Any) -> Any:
    if not isinstance(data, list):
        return data
    kind, inside = data
    if kind in ("list", "tuple", "set"):
        return _KINDS[kind](map(_decode, inside))
    if kind in ("dict", "OrderedDict"):
        return _KINDS[kind]((_decode(key), _decode(item)) for key, item in inside)
    return _KINDS[kind](**inside) if isinstance(inside, dict) else _KINDS[kind](inside)


class _Text(str):
    __slots__ = ()


class _Number(IntEnum):
    ONE = 1


_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (dict, lambda value: [[_encode(key), _encode(item)] for key, item in value.items()]),
    ((list, tuple, set), lambda value: [_encode(item) for item in value]),
    ((Earlier, Behind, Seen, Deadline), vars),
    (bytes, bytes.hex),
    (IntEnum, int),
    (int, hex),
    (datetime, datetime.isoformat),
    (object, str),
)
_KINDS: Mapping[str, Callable[..., Any]] = {
    **{
        kind.__name__: kind
        for kind in (list, tuple, set, dict, OrderedDict, Earlier, Behind, Seen, Deadline, float, Decimal)
    },
    "bytes": bytes.fromhex,
    "int": lambda written: int(written, 16),
    "datetime": datetime.fromisoformat,
    "IntEnum": _Number,
    "subclass of str": _Text,
}


def _one_of(*shares: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of these, each in its share; `st.one_of` would look into what it is given, and share out its branches."""
    numbers = [number for number, (share, _) in enumerate(shares) for _ in range(share)]
    return st.sampled_from(numbers).flatmap(lambda number: shares[number][1])


def _rarely(rare: st.SearchStrategy[Any], often: st.SearchStrategy[Any], *, one_in: int) -> st.SearchStrategy[Any]:
    return _one_of((one_in - 1, often), (1, rare))


# Most values come from short lists, so that they come again: equal values are where the rules about repeating apply.
_plain_texts = ["", "a", "b", "*", "task_*", "a:b", "{x}", "null", "7", "\\", "\x00", "\n", "𝄞 文字", "\U0010ffff"]
_bad_texts = ["\ud800", 7, b"bytes"]
_large_texts = ["x" * 700_000, "\x01" * 100_000, "文" * 200_000]
_texts = _rarely(ours.texts, st.sampled_from(_plain_texts[:3] * 4 + _plain_texts), one_in=8)
_any_text = _rarely(st.sampled_from(_bad_texts + _large_texts), _texts, one_in=40)
_ids = _rarely(ours.unknown_ids, st.sampled_from([Earlier(back) for back in (0, 0, 0, 1, 1, 2, 3)]), one_in=14)
_statuses = st.sampled_from([*STATUSES, *STATUSES, *FINAL, *STATUSES, "done", "", None, 7])
_page_numbers = st.sampled_from(
    [0, 1, 2, 3, 4, 5, 1, 2, 50, 1_000, 1_001, 10**12, 10**12 + 1, 10**5_000, -1, True, 2.0, "10", None]
)
_progresses = _rarely(ours.progresses | ours.not_progresses, st.sampled_from([100, 0, 50.0, -0.0, 100.0]), one_in=3)
_configs = _one_of(
    (2, st.sampled_from([None, {}, {"a": [], "b": {}}, {"": -0.0}, {"n": 10**4_299}])),
    (2, ours.json_objects),
    (1, _rarely(ours.not_json_objects.map(lambda drawn: drawn["config"]), ours.not_json_objects, one_in=3)),
)
_videos = st.lists(
    _rarely(st.sampled_from(["\ud800", "x" * 1_000_000]), _texts, one_in=60), min_size=1, max_size=2
).map(tuple)
_errors = {"error_message": _any_text, "error_traceback": _any_text}
_fields = {"progress": _progresses, "current_step": _any_text, "result_url": _any_text}
_chosen_ids = _rarely(
    st.sampled_from(["", "a b", "é", "\ud800", "x" * 257, 7]),
    st.sampled_from([Earlier(0), Earlier(0), Earlier(1), Earlier(2), "c1", "c2", "c3", "{*}:'\"\\", "x" * 256]),
    one_in=8,
)
_few_requests = {"video_ids": st.sampled_from([("a",), ("a", "b")]), "task_id": _chosen_ids}
_few_configs = {
    "config": st.sampled_from([None, {"a": 1, "b": [0.0]}, {"b": [0.0], "a": 1}, {"a": 1.0, "b": [0.0]}, {}])
}
_at_once = st.just(0)
_later = st.integers(1, 200)


def _steps(
    operation: str,
    always: Mapping[str, st.SearchStrategy[Any]],
    maybe: Mapping[str, st.SearchStrategy[Any]] | None = None,
    wait: st.SearchStrategy[int | Deadline] = _at_once,
) -> st.SearchStrategy[Step]:
    arguments = st.fixed_dictionaries(dict(always), optional=dict(maybe or {}))
    return st.builds(Step, st.just(operation), arguments, wait)


_target = {"task_id": _ids, "status": _statuses}
_no_cursors = [
    "",
    ".",
    "1",
    "1.",
    ".t",
    "x.t",
    "01.t",
    "1 .t",
    "+1.t",
    "1e3.t",
    "-0.t",
    f"{10**18}.t",
    "253402300800000000.t",
    "1.\ud800",
    7,
    b"1.t",
]
_far_cursors = ["0.t", "-1.t", "-62135596800000000.t", "1.\n.t", "253402300799999999.t"]
_cursors = _one_of(
    (8, st.builds(Behind, st.integers(0, 5), st.sampled_from(["", "", "", "!", "~", "文"]))),
    (1, st.sampled_from(_far_cursors)),
    (1, st.sampled_from(_no_cursors)),
)
_pages = {"status": st.none() | _statuses, "limit": _page_numbers, "offset": _page_numbers}
_moments = _rarely(
    st.sampled_from([datetime(2026, 1, 1), None, "soon"]),  # noqa: DTZ001  it has to be refused
    st.sampled_from(["never", "never", "ever"]),
    one_in=6,
)
_tasks = _rarely(st.sampled_from([None, "task", 7]), st.builds(Seen, st.integers(0, 3), st.integers(0, 3)), one_in=10)


def _visits(back: int) -> st.SearchStrategy[Step]:
    """Each operation on a task at the end of its life, as the first call at that instant."""
    deadline = st.sampled_from([Deadline(back, after=False), Deadline(back, after=True)])
    it = {"task_id": st.just(Earlier(back))}
    return st.one_of(
        _steps("get_task", it, wait=deadline),
        _steps("list_tasks", {}, {"status": _statuses}, wait=deadline),
        _steps("list_tasks", {"limit": st.just(0)}, wait=deadline),
        _steps("update_task_status", {**it, "status": st.sampled_from(STATUSES)}, wait=deadline),
        _steps("cancel_task", it, wait=deadline),
    )


_step: st.SearchStrategy[Step | None] = _one_of(
    (1, st.none()),
    (7, _steps("create_task", {"video_ids": _videos}, {"webhook_url": st.none() | _texts, "config": _configs})),
    (3, _steps("create_task", _few_requests, _few_configs)),
    (1, _steps("create_task", _few_requests, _few_configs, wait=_later)),
    (4, _steps("update_task_status", _target)),
    (5, _steps("update_task_status", _target, _fields)),
    (2, _steps("update_task_status", {**_target, "status": st.just("failed")}, {**_errors, **_fields})),
    (1, _steps("update_task_status", _target, {**_errors, **_fields})),
    (1, _steps("update_task_status", _target, wait=_later)),
    (2, _steps("cancel_task", {"task_id": _ids})),
    (3, _steps(AGAIN, {})),
    (2, _steps("get_task", {"task_id": _ids})),
    (3, _steps("list_tasks", {}, _pages)),
    (2, _steps("list_tasks", {"after": _cursors, "limit": st.integers(0, 3)}, {"status": st.none() | _statuses})),
    (1, _steps("list_tasks", {"after": _cursors, "offset": _page_numbers})),
    (2, _steps("purge", {"before": _moments})),
    (4, _steps("restore", {"task": _tasks})),
    (3, _one_of(*((1, _visits(back)) for back in range(4)))),
)
sequences = st.builds(
    Sequence, st.lists(_step, min_size=LENGTH, max_size=LENGTH).map(tuple), st.sampled_from([False, False, True])
)
"""Sequences of one length, with None for a step that does nothing: shrinking puts None where it would else give up."""
