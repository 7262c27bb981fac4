"""openai-agents: SQLiteSession in memory and RedisSession."""

from hypothesis import strategies as st
from modes import modes

from conformance.compare import WHOLE, Operation, hostile

LIBRARY = "openai-agents"
ITEM = st.builds(lambda value: {"role": "user", "content": value}, hostile.values())
OPERATIONS = (
    Operation("add_items", "add_items", {"items": st.lists(ITEM, max_size=3)}, writes=WHOLE),
    Operation("get_items", "get_items", {}, {"limit": st.sampled_from([None, 1, 2, 0, -1, 100])}, reads=WHOLE),
    Operation("pop_item", "pop_item", writes=WHOLE),
    Operation("clear_session", "clear_session", writes=WHOLE),
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from agents import SQLiteSession

    store = SQLiteSession("one")
    """,
    redis="""
    from agents.extensions.memory.redis_session import RedisSession

    store = RedisSession.from_url("one", url=url)
    """,
)
SHOWN = {
    "add_items > get_items(limit: negative integer): length": (
        "`get_items` with a negative limit returns all items from SQLiteSession, and none from RedisSession. "
        'The docstring of `get_items`: "limit: Maximum number of items to retrieve. If None, retrieves all '
        'items."'
    ),
}
