"""When a store may be used: until it is closed, on the event loop that used it first.

A Redis connection belongs to one loop. The memory store keeps the same law, so that a store made for one loop and used
on another is found on the laptop and not in production.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop

from taskstore.errors import StoreNotOpen


class Session:
    """The life of one store object."""

    __slots__ = ("_closed", "_loop")

    def __init__(self) -> None:
        self._closed = False
        self._loop: AbstractEventLoop | None = None

    def check(self) -> None:
        """Let the call pass.

        Raises:
            StoreNotOpen: if the store is closed, or belongs to another loop.
        """
        if self._closed:
            raise StoreNotOpen("the store is closed")
        loop = get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise StoreNotOpen("the store belongs to another event loop")

    def close(self) -> bool:
        """End it; says whether this call did."""
        was_open, self._closed = not self._closed, True
        return was_open
