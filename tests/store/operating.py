"""What tests of Redis mode share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from taskstore import TaskCreateRequest
from taskstore.redis import RedisTaskStore, connect

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
        async with RedisTaskStore(connect(url, **limits), prefix=prefix, partitions=partitions) as store:
            return await body(store)

    return asyncio.run(run())
