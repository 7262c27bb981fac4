"""What tests of Redis mode share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from taskstore import TaskCreateRequest
from taskstore.redis import PartitionedTaskStore, RedisTaskStore, connect

REQUEST = TaskCreateRequest(video_ids=("v1", "视频"), webhook_url="https://x", config={"f": 1.0})
_Result = TypeVar("_Result")


def on_store(
    url: str,
    body: Callable[[RedisTaskStore], Awaitable[_Result]],
    prefix: str = "taskstore",
    partitions: int = 1,
    **limits: Any,
) -> _Result:
    """What comes of a body on a store there; `limits` as `connect` takes them."""

    async def run() -> _Result:
        make = RedisTaskStore if partitions == 1 else partial(PartitionedTaskStore, partitions=partitions)
        async with make(connect(url, **limits), prefix=prefix) as store:
            return await body(store)

    return asyncio.run(run())
