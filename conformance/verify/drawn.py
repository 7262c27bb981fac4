"""Random scenes: hostile sequences of calls, as strategies of Hypothesis.

The scenes of a batch have a few kinds of actions only (swarm testing, Groce and others 2012): they go deeper into these
than scenes that have all of them. Hypothesis does not choose the kinds: its own choices are nearly none or nearly all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeAlias

from hypothesis import strategies as st

from conformance import strategies
from conformance.engine.scene import (
    Action,
    Advance,
    Copy,
    Cursor,
    Known,
    Optional,
    Ref,
    Reopen,
    Scene,
    Step,
    Text,
    Tick,
    TimeOf,
    Together,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.spec.model import FINAL, TEXTS, Record, canonical
from conformance.tour import values
from conformance.tour.tasks import BEYOND, DAY, FULL, LONG_AGO, MINUTE, WEEK, restorable
from taskstore import TaskStatus

_LONGEST = 2_000
"""Longer values are left to the tour: here they would take the time of many scenes."""
_FEWEST, _MOST = 10, 50
"""Actions of a scene. What is found is then tried without each of them."""
_OWN_IDS = ("own-1", "own-2")
_RESTORED = "restored"


@dataclass
class _Names:
    """What the actions so far have created: tasks by label or id, and pages by label."""

    tasks: list[str | Text] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    is_lost: bool = False
    """Whether an answer was lost, so that a call may still take effect."""

    def task(self, number: int) -> str | Text:
        """One of the tasks; where there is none, an id of none."""
        return self.tasks[number % len(self.tasks)] if self.tasks else Text("nobody")

    def labels(self) -> list[str]:
        return [one for one in self.tasks if isinstance(one, str)]


_Drawn: TypeAlias = Callable[[_Names], Action | None]
"""Makes an action when it is known what it can refer to; None if there is nothing to refer to."""
Drawn: TypeAlias = st.SearchStrategy[_Drawn]


def _some(table: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([value for value in table.values() if _size(value) < _LONGEST])


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_size(key) + _size(inside) for key, inside in value.items())
    return sum(map(_size, value)) if isinstance(value, list | tuple) else 1


_random = Random(0)  # noqa: S311  the tables vary a little with it
_texts = _some(values.texts(_random)) | strategies.texts
_on = st.sampled_from([0, 0, 1])
_which = st.integers(0, 5)
_statuses = st.sampled_from(list(TaskStatus))
_configs = (
    st.none()
    | st.dictionaries(_texts, _some(values.json_values(_random)), max_size=3)
    | st.dictionaries(strategies.texts, strategies.json_values, max_size=3)
)
_video_ids = _some(values.video_ids(_random)) | st.lists(_texts, min_size=1, max_size=3).map(tuple)
_fields = {
    "progress": _some(values.progresses(_random)) | strategies.progresses,
    **dict.fromkeys(("current_step", "result_url"), _texts),
}
_errors = dict.fromkeys(("error_message", "error_traceback"), _texts)


def _draw(action: Callable[..., Action | None], *arguments: st.SearchStrategy[Any]) -> Drawn:
    """An action of these arguments, and of the names that are known when it is made."""
    return st.builds(partial, st.just(action), *arguments)


def _created(video_ids: Any, webhook_url: Any, config: Any, on: int, names: _Names) -> Action:
    label = f"t{len(names.tasks) + 1}"
    names.tasks.append(label)
    return create(label, on=on, video_ids=video_ids, webhook_url=webhook_url, config=config)


def _created_under_an_id(task_id: str, config: Any, on: int, names: _Names) -> Action:
    names.tasks.append(Text(task_id))
    return Optional((create("", task_id, on, config=config),), frozenset({Capability.CALLER_IDS}))


def _got(which: int, around: tuple[str, str], on: int, names: _Names) -> Action:
    task = names.task(which)
    if isinstance(task, Text):
        return get(Text(f"{around[0]}{task.value}{around[1]}"), on)
    return get(Ref(task, *around), on)


def _listed(arguments: Mapping[str, Any], on: int, names: _Names) -> Action:
    names.pages.append(f"p{len(names.pages) + 1}")
    return listing(names.pages[-1], on, **arguments)


def _listed_behind(which: int, arguments: Mapping[str, Any], on: int, names: _Names) -> Action | None:
    if not names.pages:
        return None
    return _behind(Cursor(names.pages[which % len(names.pages)]), arguments, on, names)


def _behind(after: Any, arguments: Mapping[str, Any], on: int, _: _Names) -> Action:
    return Optional((listing(on=on, after=after, **arguments),), frozenset({Capability.CURSOR}))


def _purged(before: Any, on: int, _: _Names) -> Action:
    return Optional((purge(before, on),))


def _purged_around(which: int, plus: timedelta, on: int, names: _Names) -> Action | None:
    if not (labels := names.labels()):
        return None
    return _purged(TimeOf(labels[which % len(labels)], "updated_at", plus), on, names)


def _restored_copy(which: int, fields: Mapping[str, Any], on: int, names: _Names) -> Action | None:
    if not (labels := names.labels()):
        return None
    label = labels[which % len(labels)]
    if "task_id" in fields:
        names.tasks.append(Text(fields["task_id"]))
    return Optional((restore(Copy(label, fields), on=on),))


def _restored(record: Record, on: int, names: _Names) -> Action:
    names.tasks.append(Text(record.task_id))
    return Optional((restore(record, on=on),))


def _together(drawn: Sequence[_Drawn], cancelled: int, names: _Names) -> Action | None:
    made = [one(names) for one in drawn]
    steps = tuple(replace(one, label="") for one in made if isinstance(one, Step))
    lost = 0 if names.is_lost else min(cancelled, len(steps))
    names.is_lost = names.is_lost or lost > 0
    return Together(steps, lost) if steps else None


def _advanced(by: timedelta, names: _Names) -> Action | None:
    # A call whose answer was lost may take effect before the time passes or after it, so its lifetime is unknown.
    return None if names.is_lost else Advance(by)


def _restorable_records() -> list[Record]:
    ended = {"progress": 100.0, "completed_at": LONG_AGO + 2 * MINUTE}
    failed = {"error_message": "m", "completed_at": LONG_AGO + 2 * MINUTE, "progress": 99.9}
    return [
        restorable(_RESTORED),
        restorable(_RESTORED, **FULL),
        restorable(_RESTORED, **{**FULL, **ended, "status": "completed"}),
        restorable(f"{_RESTORED}-2", **{**FULL, **failed, "status": "failed"}),
        restorable(f"{_RESTORED}-2", status="cancelled", completed_at=LONG_AGO),
    ]


def _unrestorable_records() -> list[Record]:
    return [
        restorable("wrong", progress=101.0),
        restorable("wrong", status="completed", progress=99.0, completed_at=LONG_AGO),
        restorable("wrong", error_message="m"),
        restorable("wrong", updated_at=LONG_AGO - DAY),
        restorable("wrong", completed_at=LONG_AGO),
        restorable("wrong", status="failed"),
        restorable("a b"),
        restorable("wrong", video_ids=()),
        restorable("wrong", metadata=canonical({"config": "x" * values.MOST_BYTES})),
    ]


def _updated(which: int, status: Any, fields: Mapping[str, Any], on: int, names: _Names) -> Action:
    return update(names.task(which), status, on, **fields)


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _one_wrong(table: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """One argument that has to be refused."""
    return st.one_of(*(st.fixed_dictionaries({name: strategy}) for name, strategy in table.items()))


_update = _draw(_updated, _which, _statuses, st.just({}), _on)
_full_update = _draw(_updated, _which, _statuses, _optional(**_fields), _on)
_cancel = _draw(lambda which, on, names: cancel(names.task(which), on), _which, _on)
_get = _draw(_got, _which, st.just(("", "")), _on)
_create = _draw(_created, _video_ids, st.none() | _texts, _configs, _on)
_unnamed = _draw(lambda video_ids, on, _: create("", on=on, video_ids=video_ids), _video_ids, _on)
_at_once = _full_update | _cancel | _get | _unnamed
_pages = _optional(status=_statuses, limit=st.integers(0, 4), offset=st.integers(0, 4))
_instants = st.sampled_from([datetime(1970, 1, 2, tzinfo=UTC), LONG_AGO + DAY, BEYOND])
_wrong_fields: dict[str, st.SearchStrategy[Any]] = {
    "progress": _some(values.WRONG_PROGRESSES),
    **{name: _some(values.WRONG_TEXTS) for name in TEXTS},
}

_KINDS: Mapping[str, Drawn] = {
    "create": _create,
    "create the same": _draw(
        _created_under_an_id,
        st.sampled_from(_OWN_IDS),
        st.sampled_from([None, {}, {"a": 1, "b": [0.0]}, {"b": [0.0], "a": 1}, {"a": 1.0, "b": [0.0]}]),
        _on,
    ),
    "create refused": _draw(
        lambda fields, on, _: create("", on=on, **fields),
        _one_wrong(
            {
                "video_ids": _some(values.WRONG_VIDEO_IDS),
                "webhook_url": _some(values.WRONG_TEXTS),
                "config": _some(values.WRONG_CONFIGS) | st.builds(lambda one: {"a": [one]}, _some(values.WRONG_JSON)),
            }
        ),
        _on,
    ),
    "update": _update,
    "update fields": _full_update,
    "fail": _draw(_updated, _which, st.just(TaskStatus.FAILED), _optional(**_fields, **_errors), _on),
    "finish": _draw(_updated, _which, st.sampled_from([TaskStatus(one) for one in FINAL]), _optional(**_fields), _on),
    "update refused": _draw(_updated, _which, _statuses, _one_wrong(_wrong_fields), _on)
    | _draw(_updated, _which, _statuses, _optional(**_errors), _on)
    | _draw(_updated, _which, _some(values.WRONG_STATUSES), st.just({}), _on),
    "cancel": _cancel,
    "get": _get,
    "get another": _draw(_got, _which, _some(values.OTHER_IDS), _on)
    | _draw(lambda task_id, on, _: get(Text(task_id), on), _some(values.UNKNOWN_IDS) | _some(values.WRONG_IDS), _on),
    "list": _draw(_listed, _pages, _on),
    "list refused": _draw(
        lambda arguments, on, _: listing(on=on, **arguments),
        _one_wrong(dict.fromkeys(("limit", "offset"), _some(values.WRONG_NUMBERS))),
        _on,
    ),
    "list behind": _draw(_listed_behind, _which, _optional(status=_statuses, limit=st.integers(0, 3)), _on)
    | _draw(_behind, _some(values.WRONG_CURSORS), _optional(offset=st.integers(0, 2)), _on),
    "purge": _draw(_purged, _instants, _on)
    | _draw(_purged_around, _which, st.integers(-1, 1).map(lambda number: timedelta(microseconds=number)), _on),
    "purge refused": _draw(_purged, _some(values.WRONG_MOMENTS), _on),
    "restore": _draw(_restored, st.sampled_from(_restorable_records()), _on)
    | _draw(_restored_copy, _which, st.sampled_from([{}, {}, {"task_id": "copied"}]), _on),
    "restore refused": _draw(_restored, st.sampled_from(_unrestorable_records()), _on),
    "time": _draw(_advanced, st.sampled_from([DAY, 4 * DAY, WEEK - MINUTE, WEEK + MINUTE])),
    "reopen": _draw(lambda on, _: Reopen(on), _on),
    "together": _draw(_together, st.lists(_at_once, min_size=2, max_size=5), st.just(0)),
    "lost": _draw(_together, st.lists(_at_once, min_size=1, max_size=4), st.integers(1, 2)),
    "tick": _draw(lambda _: Tick()),
}
KINDS = tuple(_KINDS)


def kinds_of(seed: str) -> tuple[str, ...]:
    """A few kinds of actions."""
    random = Random(seed)  # noqa: S311  nothing secret is made
    return tuple(random.sample(KINDS, random.randint(2, 8)))


@st.composite
def scenes(draw: st.DrawFn, kinds: Sequence[str]) -> Scene:
    """A scene of these kinds of actions, on two instances. Where writes are not audited, all is read at the end."""
    chosen = [_create, *(_KINDS[kind] for kind in kinds)]
    drawn = draw(st.lists(st.one_of(chosen), min_size=_FEWEST, max_size=_MOST))
    is_audited = draw(st.booleans())
    names = _Names()
    actions = [action for one in drawn if (action := one(names)) is not None]
    reads: list[Action] = [get(task) for task in dict.fromkeys(names.tasks)]
    reads += [listing(on=on) for on in (0, 1)]
    played = actions if is_audited else [Known((one,)) for one in actions]
    return Scene("random", (*played, *reads), tuple(kinds), instances=2)
