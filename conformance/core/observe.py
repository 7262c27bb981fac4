"""What came out of a call, in the model's words, and in which fields it differs from what should have come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conformance.spec.model import FIELDS, Page, Raised, Record, Result, Symbol, canonical, is_same, plain
from conformance.text import cut, source
from taskstore import Task, TaskPage, TaskStatus, TaskStoreError

MARK = "changed by the caller"
"""What the player writes into objects that it passed in or got back: in a store it has no place."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A value that the contract does not have in this place, as text: it equals nothing of the model."""

    shown: str

    def __repr__(self) -> str:
        return self.shown


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
    following: Any = _exactly((str, type(None)), getattr(page, "next", None)) if has_cursor else NotCompared()
    total, limit, offset = (_exactly((int,), getattr(page, name)) for name in ("total", "limit", "offset"))
    unreadable = len(getattr(page, "unreadable", ()))
    return Page(tuple(map(record_of, page.tasks)), total, limit, offset, following, unreadable)


def _exactly(kinds: tuple[type, ...], value: Any) -> Any:
    return value if type(value) in kinds else Odd(shown(value))


def record_of(task: Any) -> Record:
    """A task. Its values are taken as they are, and copied; those that cannot be hashed become `Odd`."""
    status, video_ids, metadata = task.status, task.video_ids, task.metadata
    return Record(
        _hashable(task.task_id),
        str.__str__(status) if type(status) is TaskStatus else str(status),  # another type is reported by itself
        _hashable(task.progress),
        _hashable(task.current_step),
        _hashable(tuple(video_ids) if type(video_ids) is list else video_ids),
        _hashable(task.result_url),
        _hashable(task.error_message),
        _hashable(task.error_traceback),
        canonical(metadata) if type(metadata) is dict else ("odd", shown(metadata)),
        _time(task.created_at),
        _time(task.updated_at),
        None if task.completed_at is None else _time(task.completed_at),
    )


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return Odd(shown(value))
    return value


def _time(time: Any) -> Any:
    if not isinstance(time, datetime):
        return Odd(shown(time))
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)  # no zone is reported by itself


def is_usable(record: Record) -> bool:
    """Whether the model can go on with a record: its id is a text and its times are times."""
    times = (record.created_at, record.updated_at)
    return isinstance(record.task_id, str) and all(isinstance(time, datetime) for time in times)


def raised_of(error: BaseException) -> Raised:
    """An exception by its facts. One that is not the contract's is named in full."""
    kind = next((one for one in type(error).__mro__ if one.__module__ == TaskStoreError.__module__), type(error))
    if not isinstance(error, TaskStoreError):
        name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        return Raised(name, (("message", str(error)[:200]),))
    prose = ("reason", "detail")
    facts = {name: value for name, value in vars(error).items() if name not in prose and not name.startswith("_")}
    if "argument" in facts:
        facts["argument"] = str(facts["argument"]).partition("[")[0].removeprefix("request.").removeprefix("task.")
    if type(facts.get("status")) is TaskStatus:
        facts["status"] = facts["status"].value
    return Raised(kind.__name__, tuple(facts.items()))


def differences(expected: Any, observed: Any) -> tuple[str, ...]:
    """The names of the fields in which a result is not the expected one; `` for a result of another kind."""
    if is_same(expected, observed):
        return ()
    if isinstance(expected, Record) and isinstance(observed, Record):
        return tuple(_of_records(expected, observed))
    if isinstance(expected, Page) and isinstance(observed, Page):
        return tuple(dict.fromkeys(_of_pages(expected, observed)))
    if isinstance(expected, Raised) and isinstance(observed, Raised) and expected.error == observed.error:
        facts = dict(observed.facts)
        return tuple(name for name, value in expected.facts if not is_same(facts.get(name), value))
    return ("",)


def _of_records(expected: Record, observed: Record) -> Iterator[str]:
    for name, one, other in zip(FIELDS, expected, observed, strict=True):
        if not (_binds(one, other) if isinstance(one, Symbol) else is_same(one, other)):
            yield name


def _of_pages(expected: Page, observed: Page) -> Iterator[str]:
    if [one.task_id for one in expected.records] != [one.task_id for one in observed.records]:
        yield "tasks"
    else:
        for one, other in zip(expected.records, observed.records, strict=True):
            if not is_same(one, other):
                yield from _of_records(one, other)
    for name in Page._fields[1:]:
        came = getattr(observed, name)
        if not is_same(getattr(expected, name), came) and not isinstance(came, NotCompared):
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


def spoil_task(task: Any) -> None:
    """Change a task that was returned, its fields too where they can be set."""
    spoil(task.metadata)
    spoil(task.video_ids)
    for name in ("current_step", "result_url"):
        try:
            setattr(task, name, MARK)
        except Exception:  # noqa: BLE001  an immutable task refuses, in its own way
            return


def shown(value: object, longest: int = 120) -> str:
    """A value for people, cut short."""
    return cut(source(value), longest)


def describe(result: object, names: tuple[str, ...] = ()) -> str:
    """A result in words, and of a task the fields `names`."""
    if isinstance(result, Raised):
        return f"{result.error}({', '.join(f'{name}={shown(value, 60)}' for name, value in result.facts)})"
    if isinstance(result, Page):
        ids = f": {shown([one.task_id for one in result.records], 300)}" if "tasks" in names else ""
        wanted = (f"{name}={shown(getattr(result, name))}" for name in names if name in Page._fields[2:])
        return ", ".join([f"a page of {len(result.records)} of {result.total} tasks{ids}", *wanted])
    if isinstance(result, Record):
        values = result._asdict() | {"metadata": plain(result.metadata)}
        chosen = [name for name in names if name in FIELDS] or ("task_id", "status")
        return ", ".join(f"{name}={shown(values[name], 200)}" for name in chosen)
    return shown(result)
