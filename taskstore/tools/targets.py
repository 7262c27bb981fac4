"""Where `taskstore migrate` copies to: a store or a new file.

What happened to a task is `None` if it was copied, an empty text if it was there already, and else why it was left.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from taskstore.errors import InvalidArgument, RecordUnreadable, TaskExists, TaskNotFound
from taskstore.redis import RedisTaskStore
from taskstore.tools import lines
from taskstore.tools.common import UsageError, say
from taskstore.tools.lines import Found

_LEAST_MS = 1_000
"""The shortest life that a store gives."""


class Store:
    """A store as target."""

    def __init__(self, store: RedisTaskStore, dry_run: bool) -> None:
        self._store = store
        self._dry_run = dry_run

    async def take(self, batch: list[Found]) -> list[str | None]:
        """Copy tasks."""
        return await asyncio.gather(*map(self._take, batch))

    async def _take(self, found: Found) -> str | None:
        task, left_ms = found.task, found.left_ms
        life = None if left_ms is None else timedelta(milliseconds=max(left_ms, _LEAST_MS))
        try:
            if not self._dry_run:
                await self._store.restore(task, lifetime=life)
                return None
        except TaskExists:
            pass
        except InvalidArgument as fault:
            return f"{fault.argument}: {fault.reason}"
        try:
            return (
                ""
                if await self._store.get_task(task.task_id) == task
                else say("TARGET has another task under this id", "TARGET 中此 ID 下是不同的任务")
            )
        except TaskNotFound:
            return None
        except RecordUnreadable as fault:
            return say(
                f"TARGET has a record under this id that cannot be read: {fault.reason}",
                f"TARGET 中此 ID 的记录无法读取：{fault.reason}",
            )

    def finish(self) -> None:
        """Nothing is left to do."""

    give_up = finish

    def again(self) -> str:
        """What to do after an interruption."""
        return say(
            "What was copied stays. Run the same command again to go on.",
            "已复制的任务保留。再次执行同一命令即可继续。",
        )


class File:
    """A new file as target. It has its name only when it is complete."""

    def __init__(self, path: Path, dry_run: bool) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._seen: set[str] = set()
        self._file: Any = None
        if not dry_run:
            if path.exists():
                raise UsageError(
                    say(
                        f"{path} exists. Name another file, or remove it.",
                        f"{path} 已存在。请指定其他文件，或先删除它。",
                    )
                )
            self._file = self._part.open("wb")

    async def take(self, batch: list[Found]) -> list[str | None]:
        """Write tasks."""
        return [self._take(found) for found in batch]

    def _take(self, found: Found) -> str | None:
        if found.task.task_id in self._seen:
            return say("SOURCE has several tasks of this id", "SOURCE 中此 ID 出现多次")
        self._seen.add(found.task.task_id)
        if self._file is not None:
            self._file.write(lines.line_of(found))
        return None

    def finish(self) -> None:
        """Give the file its name."""
        if self._file is not None:
            self._file.close()
            self._part.replace(self._path)

    def give_up(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def again(self) -> str:
        """What to do after an interruption."""
        return say("No file was written. Run the same command again.", "没有生成文件。请再次执行同一命令。")
