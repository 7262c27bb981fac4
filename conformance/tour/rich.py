"""Rich values: texts, requests and tasks in which everything counts that a store may change, and one that is large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Optional,
    Text,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.spec.model import FINAL, Record, canonical
from conformance.tour.tasks import BEYOND, CURSOR, LONG_AGO, MICROSECOND, MINUTE, restorable
from taskstore import TaskStatus

_UNIT = " A\r\n\0É\ufb01e\u0301:bC \u2460 \u212a\t文\n"
MARK = "\ufeff"
_LARGE = 44_000
"""Characters of a text, of which a task that is large in every field has six."""
LONG_AGO_US = (LONG_AGO - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND


def text(length: int) -> str:
    """A text of that length in which blanks, capitals, controls and the forms of characters count, at both ends too."""
    return (_UNIT * (length // len(_UNIT) + 1))[: length - 2] + "\u00e9 "


def edged(length: int) -> str:
    """A text of so many bytes whose ends count: blanks, a capital, and a letter in two code points."""
    return " A" + "x" * (length - 7) + "e\u0301b "


def rich(random: Random, size: int = 1, mark: str = "") -> dict[str, Any]:
    """The fields of a request in which order, types, forms and repetitions count, and whose texts begin with a mark."""
    deep: Any = [text(12)]
    for level in range(26):
        deep = {"K": deep} if level % 2 else [deep, level]
    numbers = [3, 1, 2, 1, 1.0, True, None, -0.0, 0.30000000000000004, 2**53 + 1, 2**63 + 1, 1e22, random.uniform(1, 2)]
    config = {
        "b": numbers * size,
        "B": {"z": [], "Z": {}, "": text(20)},
        "deep": deep,
        "names": [mark + text(9), text(10), mark + text(9)],
        "a": text(700 * size),
        text(15): [{"é": 1, "e\u0301": 2, "É": 3}],
    }
    videos = tuple(f"{mark}{text(12)}{number}" for number in (3, 1, 2, 1, *range(12 * size, 0, -1)))
    return {"video_ids": videos, "webhook_url": mark + text(90), "config": config}


def record(random: Random, task_id: str, status: str = "uploading", size: int = 1, mark: str = "") -> Record:
    """A rich task to restore."""
    request = rich(random, size, mark)
    is_final = status in FINAL
    return restorable(
        task_id,
        status=status,
        progress=100.0 if status == "completed" else 99 + 2 / 3,
        current_step=mark + text(40 * size),
        video_ids=request["video_ids"],
        result_url=mark + text(300 * size),
        error_message=mark + text(200 * size) if status == "failed" else None,
        error_traceback=mark + text(5_000 * size) if status == "failed" else None,
        metadata=canonical({"webhook_url": request["webhook_url"], "config": request["config"]}),
        created_at=LONG_AGO,
        updated_at=LONG_AGO + 9 * MINUTE + 6_543 * MICROSECOND,
        completed_at=LONG_AGO + 5 * MINUTE + 4_321 * MICROSECOND if is_final else None,
    )


def large(random: Random, statuses: Sequence[TaskStatus] = (TaskStatus.CLIPPING,)) -> tuple[Action, ...]:
    """A task that is large in every field, in every operation, and in each of these statuses."""
    deep: Any = [text(12)]
    for level in range(94):
        deep = {"K": deep} if level % 2 else [deep, level]
    plain = rich(random, 4)
    numbers = [2**64 - 1, -(2**63), *plain["config"]["b"] * 50]
    values: dict[str, Any] = {
        "video_ids": (*plain["video_ids"], text(_LARGE), *map(str, range(2_500))),
        "webhook_url": text(_LARGE),
        "config": {**plain["config"], "deep": deep, "b": numbers, "a": text(3 * _LARGE)},
    }
    words: dict[str, Any] = {"current_step": text(_LARGE), "result_url": text(_LARGE)}
    errors: dict[str, Any] = {"error_message": text(_LARGE), "error_traceback": text(_LARGE)}
    metadata = canonical({name: values[name] for name in ("webhook_url", "config")})
    old = record(random, "Large-1")._replace(**words, video_ids=values["video_ids"], metadata=metadata)
    failed = old._replace(task_id="Large-2", status="failed", **errors, current_step="", completed_at=LONG_AGO + MINUTE)
    look = (get("l"), listing(limit=1))
    restored = (
        restore(old),
        restore(failed),
        Optional((listing(limit=2, after=f"{LONG_AGO_US}.~"),), CURSOR),
        get(Text("Large-2")),
        update(Text("Large-1"), TaskStatus.CLIPPING, label=""),
        get(Text("Large-1")),
        replace(cancel(Text("Large-1")), label=""),
        get(Text("Large-1")),
    )
    purged = (purge(BEYOND), get("l"), update("l", TaskStatus.CLIPPING, label=""), replace(cancel("l"), label=""))
    return (
        create("l", **values),
        *look,
        *(step for status in statuses for step in (update("l", status, **words), *look)),
        cancel("l"),
        *look,
        create("l", **values),
        update("l", TaskStatus.CANCELLED, **words),
        *look,
        create("l", **{**values, "webhook_url": None}),
        update("l", TaskStatus.FAILED, **errors),
        *look,
        listing(status=TaskStatus.FAILED, limit=1),
        Optional((*restored, *purged)),
    )
