"""A minimal dual-mode async task store: memory or Redis, chosen once at start by `USE_REDIS_FOR_TASKS`.

Start reading at `taskstore.contract`. `RedisTaskStore` is in `taskstore.redis`, which alone imports redis.
"""

from taskstore.contract import MAX_BYTES, MAX_LIMIT, MAX_OFFSET, MaintainedTaskStore, TaskStore
from taskstore.errors import (
    FailureKind,
    InvalidArgument,
    RecordUnreadable,
    SettingsInvalid,
    StoreNotOpen,
    StoreUnavailable,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskStoreError,
)
from taskstore.memory import MemoryTaskStore
from taskstore.opening import open_store
from taskstore.settings import TaskStoreSettings
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage

__all__ = [
    "MAX_BYTES",
    "MAX_LIMIT",
    "MAX_OFFSET",
    "FailureKind",
    "InvalidArgument",
    "MaintainedTaskStore",
    "MemoryTaskStore",
    "RecordUnreadable",
    "SettingsInvalid",
    "StoreNotOpen",
    "StoreUnavailable",
    "Task",
    "TaskCreateRequest",
    "TaskExists",
    "TaskFinal",
    "TaskNotFound",
    "TaskPage",
    "TaskStatus",
    "TaskStore",
    "TaskStoreError",
    "TaskStoreSettings",
    "open_store",
]
