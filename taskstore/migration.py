"""Copying tasks from one store to another, in one process."""

from __future__ import annotations

from taskstore.contract import MAX_LIMIT, MaintainedTaskStore, TaskStore
from taskstore.errors import TaskExists


async def migrate(source: TaskStore, target: MaintainedTaskStore) -> int:
    """Copy every task of `source` into `target`, and return how many were copied.

    Ids, times and all other fields are kept; in `target` each lifetime starts anew. A task that `target` has already is
    left as it is there, so a migration that broke off can be repeated. `source` is not changed, and nobody should write
    to it meanwhile: what is created then may be missed. A record that cannot be read is left out.

    Raises:
        TaskStoreError: whatever reading or writing raises; what was copied until then stays.
    """
    copied, offset = 0, 0
    while True:
        page = await source.list_tasks(limit=MAX_LIMIT, offset=offset)
        for task in page.tasks:
            try:
                await target.restore(task)
            except TaskExists:
                continue
            copied += 1
        offset += MAX_LIMIT
        if offset >= page.total:
            return copied
