"""Redis mode on fakeredis as a backend. It needs the extra `conformance-redis`."""

# ruff: noqa: D102  `Harness` and `RedisServer` say what each method does

from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import version
from threading import Thread
from typing import Any

from fakeredis import TcpFakeServer

from conformance.backends.proxy import unused_port
from conformance.backends.redis import RedisHarness
from conformance.backends.servers import RedisServer
from conformance.harness import Capability, Harness


class FakeServer(RedisServer):
    """A server of fakeredis, in threads of this process."""

    def _set_up(self, undo: ExitStack) -> None:
        port = unused_port()
        server = TcpFakeServer(("127.0.0.1", port), server_version=(7, 4))
        server.daemon_threads = True
        handler: Any = server.RequestHandlerClass
        handler.disable_nagle_algorithm = True  # it sends each reply of a pipeline by itself
        undo.callback(server.server_close)
        undo.callback(server.shutdown)
        Thread(target=server.serve_forever, daemon=True).start()
        self.url = self.store_url = f"redis://127.0.0.1:{port}/0"

    def facts(self) -> Mapping[str, str]:
        return {"server": f"fakeredis {version('fakeredis')}", "transport": "TCP, in this process"}


class FakeredisHarness(RedisHarness):
    """The Redis store on fakeredis: one more backend, never the oracle, never timed. No server that fails."""

    server_class = FakeServer
    mode = opener = ""
    capabilities = RedisHarness.capabilities - {Capability.REMOTE}
    url = Harness.url
