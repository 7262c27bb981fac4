"""Stores of boxes that `compare` is tried on, one right and others wrong, and their operations."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from conformance.compare import WHOLE, Operation, earlier_ids
from conformance.harness import Harness


class Shelf:
    """Operations that are right as far as they go; each of the shelves below is wrong in one way."""

    def __init__(self) -> None:
        self.boxes: dict[str, dict[str, Any]] = {}

    async def put(self, label: Any, note: Any = None) -> str:
        box_id = f"box-{id(self)}-{len(self.boxes)}"
        self.boxes[box_id] = {"box_id": box_id, "label": label, "note": note, "since": datetime.now(UTC)}
        return box_id

    async def look(self, box_id: str) -> dict[str, Any]:
        if box_id not in self.boxes:
            raise LookupError(f"no box {box_id}")
        return dict(self.boxes[box_id])

    async def relabel(self, box_id: str, label: str) -> dict[str, Any]:
        await self.look(box_id)
        self.boxes[box_id]["label"] = label
        return dict(self.boxes[box_id])

    def rows(self) -> list[str]:
        return list(self.boxes)

    def count(self) -> int:
        return len(self.boxes)


class Miscounting(Shelf):
    def count(self) -> int:
        return min(2, len(self.boxes))


class Listing(Shelf):
    """Turns lists into tuples, at each put; loses those with a note if `loses`."""

    loses = False

    async def put(self, label: Any, note: Any = None) -> str:
        box_id = await super().put(tuple(label) if isinstance(label, list) else label, note)
        if self.loses and isinstance(label, list) and label:
            del self.boxes[box_id]
        return box_id


class Losing(Listing):
    loses = True


BOX: Any = {"box_id": earlier_ids()}
READ: Any = {"ids": ("box_id", WHOLE), "times": ("since",)}
TEXTS = st.text(max_size=3)
LABELS = TEXTS | st.lists(st.integers(), max_size=2)
SHELF = (
    Operation("put", "put", {"label": LABELS}, {"note": TEXTS}, writes=WHOLE, **READ),
    Operation("look", "look", BOX, reads="box_id", **READ),
    Operation("relabel", "relabel", {**BOX, "label": TEXTS}, writes="box_id", **READ),
    Operation("rows", "rows", reads=WHOLE, **READ),
    Operation("count", "count", reads=WHOLE),
)


class Harnessed(Harness):
    """Opens what `make` makes."""

    def __init__(self, make: Callable[[], Any], operations: Any = SHELF) -> None:
        self._make, self._named = make, operations
        self._opened: dict[str, Any] = {}

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        self._opened[namespace] = self._make()
        yield self._opened[namespace]

    def operations(self) -> Any:
        return self._named

    @property
    def standalone(self) -> str:
        name = getattr(self._make, "__name__", "")
        return f"from {self._make.__module__} import {name}\nstore = {name}()"
