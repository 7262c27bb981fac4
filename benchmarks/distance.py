"""Distance: proxies that hold back every byte, each for a time of its own, in one process beside client and server.

A proxy on the client's loop would wait for the client, and its waiting would be measured. `conformance.verify.proxy`
passes on what is due to some ten microseconds; what a distance really came to is measured by PINGs through it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

from conformance.subjects.servers import ServerError
from conformance.verify.proxy import Proxy


class Proxies:
    """One proxy in front of the server at `url` for each distance, a round-trip time in milliseconds.

    Raises:
        ServerError: from the `with` block's start, if they do not come up.
    """

    def __init__(self, url: str, distances_ms: Sequence[float]) -> None:
        self._url = url
        self._distances = distances_ms

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__, self._url, *map(str, self._distances)]
        # It ends with its standard input, so also when this process is killed.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  this Python
        try:
            line = self._process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
        except BaseException:  # Ctrl-C too: what was started goes
            self.__exit__()
            raise
        if not line:
            self.__exit__()
            raise ServerError("the proxies did not start")
        self.urls: dict[float, str] = dict(zip(self._distances, json.loads(line), strict=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


async def _serve(url: str, distances_ms: Sequence[float]) -> None:
    async with AsyncExitStack() as opened:
        proxies = [
            await opened.enter_async_context(Proxy(url, delay=distance / 2 / 1_000)) for distance in distances_ms
        ]
        print(json.dumps([proxy.url for proxy in proxies]), flush=True)  # noqa: T201  what the parent waits for
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to heed
    asyncio.run(_serve(sys.argv[1], list(map(float, sys.argv[2:]))))
