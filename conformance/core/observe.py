"""What came out of a call, in the model's words, and in which fields it differs from what should have come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.adapter.views import TaskView
from conformance.spec.model import FIELDS, Json, Page, Raised, Record, Result, Symbol, canonical, is_same, plain
from taskstore import Task, TaskPage, TaskStatus, TaskStoreError

MARK = "changed by the caller"
"""What the player writes into objects that it passed in or got back: in a store it has no place."""
_PROSE = ("reason", "detail")
_TIMES = ("created_at", "updated_at", "completed_at")


@dataclass(frozen=True, slots=True)
class Odd:
    """A value that the contract does not have in this place, as text: it equals nothing of the model."""

    shown: str


class NotCompared:
    """A field that a store need not have, since its subject does not declare it."""


def result_of(answer: Any, *, has_cursor: bool = True) -> Result | Odd:
    """What an operation returned. A value of another type than the contract's becomes `Odd`.

    The `next` of a page is `NotCompared` unless `has_cursor`.
    """
    if answer is None or type(answer) is int:
        return answer
    try:
        is_page = not isinstance(answer, Task) and (isinstance(answer, TaskPage) or hasattr(answer, "tasks"))
        return _page(answer, has_cursor=has_cursor) if is_page else record_of(answer)
    except Exception as error:  # noqa: BLE001  an object of the store may raise anything
        return Odd(f"{shown(answer)}, which raises {type(error).__name__} when it is read: {error}")


def _page(page: Any, *, has_cursor: bool) -> Page:
    following: Any = getattr(page, "next", None) if has_cursor else NotCompared()
    return Page(
        tuple(map(record_of, page.tasks)),
        _exactly(int, page.total),
        _exactly(int, page.limit),
        _exactly(int, page.offset),
        following if following is None or not has_cursor else _exactly(str, following),
        len(getattr(page, "unreadable", ())),
    )


def _exactly(kind: type, value: Any) -> Any:
    return value if type(value) is kind else Odd(shown(value))


def record_of(task: Any) -> Record:
    """A task. Its values are taken as they are, and copied; those that cannot be hashed become `Odd`."""
    status, video_ids = task.status, task.video_ids
    completed_at = task.completed_at
    values = (
        task.task_id,
        str.__str__(status) if type(status) is TaskStatus else str(status),  # `type_faults` reports the type
        task.progress,
        task.current_step,
        tuple(video_ids) if type(video_ids) is list else video_ids,
        task.result_url,
        task.error_message,
        task.error_traceback,
    )
    is_plain = type(values[4]) is tuple and {*map(type, values)} <= _PLAIN and {*map(type, values[4])} <= {str}
    if not is_plain:
        values = tuple(map(_hashable, values))
    return Record(
        *values,
        _json(task.metadata),
        _time(task.created_at),
        _time(task.updated_at),
        completed_at if completed_at is None else _time(completed_at),
    )


_PLAIN = {str, float, tuple, type(None)}


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return Odd(shown(value))
    return value


def _time(time: Any) -> Any:
    if not isinstance(time, datetime):
        return Odd(shown(time))
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)  # `type_faults` reports it


def is_usable(record: Record) -> bool:
    """Whether the model can go on with a record: its id is a text and its times are times."""
    times = (record.created_at, record.updated_at)
    return isinstance(record.task_id, str) and all(isinstance(time, datetime) for time in times)


def type_faults(task: Any) -> list[tuple[str, str]]:
    """The fields of a task that are not of the contract's type, each with the requirement that it breaks.

    What equals the right value all the same is compared as if it were of the right type, so that a type that is wrong
    everywhere is reported once, and not as a difference between two calls.
    """
    found = [
        (name, "VAL-10")
        for name in _TIMES
        if isinstance(time := getattr(task, name, None), datetime) and time.utcoffset() != timedelta(0)
    ]
    if type(task.status) is not TaskStatus:
        found.append(("status", "LIFE-02"))
    if type(task.video_ids) is not tuple and not isinstance(task, TaskView):  # its types are the store's own
        found.append(("video_ids", "LIFE-01"))
    return found


def _json(value: Any) -> Json:
    return canonical(value) if type(value) is dict else ("odd", shown(value))


def raised_of(error: BaseException) -> Raised:
    """An exception by its facts. One that is not the contract's is named in full."""
    kind = next((one for one in type(error).__mro__ if one.__module__ == TaskStoreError.__module__), type(error))
    if not isinstance(error, TaskStoreError):
        return Raised(
            f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."), (("message", str(error)[:200]),)
        )
    facts = {name: value for name, value in vars(error).items() if name not in _PROSE and not name.startswith("_")}
    if "argument" in facts:
        facts["argument"] = str(facts["argument"]).partition("[")[0].removeprefix("request.").removeprefix("task.")
    if type(facts.get("status")) is TaskStatus:
        facts["status"] = facts["status"].value
    return Raised(kind.__name__, tuple(facts.items()))


def differences(expected: Any, observed: Any) -> tuple[str, ...]:
    """The names of the fields in which a result is not the expected one; `` for a result of another kind."""
    return () if _is_same_result(expected, observed) else tuple(_differences(expected, observed))


def _is_same_result(expected: Any, observed: Any) -> bool:
    """Whether a result is the expected one, found fast: where this is not so, there may be no difference either."""
    kind = type(expected)
    if kind is not type(observed):
        return False
    if kind is Record:
        return _is_same_record(expected, observed)
    if kind is Page:
        pairs = zip(expected.records, observed.records, strict=False)
        return (
            len(expected.records) == len(observed.records)
            and all(one is other or _is_same_record(one, other) for one, other in pairs)
            and tuple(map(type, expected)) == tuple(map(type, observed))
            and bool(expected[1:] == observed[1:])
        )
    return False


def _differences(expected: Any, observed: Any) -> Iterator[str]:
    kinds = type(expected), type(observed)
    if kinds == (Record, Record):
        yield from _record_differences(expected, observed)
    elif kinds == (Page, Page):
        yield from _page_differences(expected, observed)
    elif kinds == (Raised, Raised) and expected.error == observed.error:
        facts = dict(observed.facts)
        yield from (name for name, value in expected.facts if not is_same(facts.get(name), value))
    elif not is_same(expected, observed):
        yield ""


def _record_differences(expected: Record, observed: Record) -> Iterator[str]:
    for name, one, other in zip(FIELDS, expected, observed, strict=True):
        if not (_binds(one, other) if isinstance(one, Symbol) else is_same(one, other)):
            yield name


def _is_same_record(one: Record, other: Record) -> bool:
    """Whether nothing differs, found fast: types first, since values of one type are equal only if they are the same.

    But for the signs of zeros, and the types of video ids.
    """
    return (
        tuple(map(type, one)) == tuple(map(type, other))
        and one == other
        and is_same(one.progress, other.progress)
        and is_same(one.video_ids, other.video_ids)
    )


def _page_differences(expected: Page, observed: Page) -> Iterator[str]:
    if [one.task_id for one in expected.records] != [one.task_id for one in observed.records]:
        yield "tasks"
    else:
        found: dict[str, None] = {}
        for one, other in zip(expected.records, observed.records, strict=True):
            if one is not other and not _is_same_record(one, other):
                found.update(dict.fromkeys(_record_differences(one, other)))
        yield from found
    for name in Page._fields[1:]:
        wanted, came = getattr(expected, name), getattr(observed, name)
        if not is_same(wanted, came) and not isinstance(came, NotCompared):
            yield name


def _binds(symbol: Symbol, value: Any) -> bool:
    """Whether a value may be what a symbol stands for."""
    if symbol.kind == "id":
        return type(value) is str
    before = symbol.not_before
    return isinstance(value, datetime) and not (isinstance(before, datetime) and value < before)


def spoil(value: Any) -> None:
    """Change all that can be changed in it, as a careless caller may."""
    if isinstance(value, dict):
        for inside in value.values():
            spoil(inside)
        value[MARK] = True
    elif isinstance(value, list):
        for inside in value:
            spoil(inside)
        value.append(MARK)
    elif isinstance(value, set):
        value.add(MARK)


def spoil_task(task: Any) -> None:
    """Change a task that was returned, its fields too where they can be set, and all that its own object holds."""
    if isinstance(task, TaskView):
        for inside in _inside(task.own):
            spoil(inside)
    spoil(task.metadata)
    if type(task.video_ids) is not tuple:
        spoil(task.video_ids)
    for name in ("current_step", "result_url"):
        try:
            setattr(task, name, MARK)
        except Exception:  # noqa: BLE001  an immutable task refuses, in its own way
            return


def _inside(own: Any) -> list[Any]:
    """The values that an object of a store's own holds."""
    if isinstance(own, dict):
        return list(own.values())
    slots = [getattr(own, name, None) for kind in type(own).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*slots, *getattr(own, "__dict__", {}).values()]


def holds_mark(value: object) -> bool:
    """Whether a result holds what the engine wrote into its objects."""
    if isinstance(value, str):
        return MARK in value
    if isinstance(value, tuple | frozenset):
        return any(map(holds_mark, value))
    return isinstance(value, Odd) and MARK in value.shown


def shown(value: object, longest: int = 120) -> str:
    """A value for people, cut short."""
    if isinstance(value, Symbol):
        return "a new id" if value.kind == "id" else "a time that is not earlier"
    if isinstance(value, Odd):
        return value.shown
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  a value of the store may raise anything
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= longest else f"{text[: longest - 30]}… ({len(text):,} characters)"


def describe(result: object, names: tuple[str, ...] = ()) -> str:
    """A result in words, and of a task the fields `names`."""
    if isinstance(result, Raised):
        return f"{result.error}({', '.join(f'{name}={shown(value, 60)}' for name, value in result.facts)})"
    if isinstance(result, Page):
        head = f"a page of {len(result.records)} of {result.total} tasks"
        wanted = [name for name in names if name in ("limit", "offset", "following", "unreadable")]
        if "tasks" in names:
            head += f": {shown([one.task_id for one in result.records], 300)}"
        return ", ".join([head, *(f"{name}={shown(getattr(result, name))}" for name in wanted)])
    if isinstance(result, Record):
        chosen = tuple(name for name in names if name in FIELDS) or ("task_id", "status")
        values = ((name, getattr(result, name)) for name in chosen)
        return ", ".join(f"{name}={shown(plain(one) if name == 'metadata' else one, 200)}" for name, one in values)
    return shown(result)
