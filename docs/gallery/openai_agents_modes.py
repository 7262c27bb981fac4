"""openai-agents: SQLiteSession in memory and RedisSession."""

from contextlib import asynccontextmanager

from agents import SQLiteSession
from agents.extensions.memory.redis_session import RedisSession
from hypothesis import strategies as st
from server import ServerHarness

from conformance import Harness
from conformance.compare import WHOLE, Operation, hostile

LIBRARY = "openai-agents"
ITEMS = st.lists(
    st.builds(lambda value: {"role": "user", "content": value}, st.sampled_from(hostile.JSON_VALUES)), max_size=3
)


class MemoryMode(Harness):
    """The session in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty session."""
        session = SQLiteSession(namespace)
        try:
            yield session
        finally:
            session.close()

    def operations(self):
        """The operations of `Session`."""
        limits = {"limit": st.sampled_from([None, 1, 2, 0, -1, 100])}
        return (
            Operation("add_items", lambda session, items: session.add_items(items), {"items": ITEMS}, writes=WHOLE),
            Operation("get_items", lambda session, **given: session.get_items(**given), {}, limits, reads=WHOLE),
            Operation("pop_item", lambda session: session.pop_item(), writes=WHOLE),
            Operation("clear_session", lambda session: session.clear_session(), writes=WHOLE),
        )


class RedisMode(ServerHarness, MemoryMode):
    """The session in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A session on the server."""
        session = RedisSession.from_url(namespace, url=self.server.url)
        try:
            yield session
        finally:
            await session.close()


STORES = MemoryMode, RedisMode
