"""aiogram: MemoryStorage and RedisStorage of the finite state machine."""

from aiogram.fsm.storage.base import StorageKey
from hypothesis import strategies as st
from modes import modes

from conformance.compare import Operation, hostile

LIBRARY = "aiogram"
KEY = {"key": st.sampled_from([StorageKey(1, 1, 1), StorageKey(1, 1, 2), StorageKey(1, 2, 1), StorageKey(2, 1, 1)])}
DATA = {"data": st.builds(lambda value: {"a": value}, hostile.values())}
OPERATIONS = (
    Operation("set_data", "set_data", KEY | DATA, writes="key"),
    Operation("get_data", "get_data", KEY, reads="key"),
    Operation("update_data", "update_data", KEY | DATA, writes="key"),
    Operation("set_state", "set_state", {**KEY, "state": st.none() | st.text()}, writes="key"),
    Operation("get_state", "get_state", KEY, reads="key"),
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from aiogram.fsm.storage.memory import MemoryStorage

    store = MemoryStorage()
    """,
    redis="""
    from aiogram.fsm.storage.redis import RedisStorage

    store = RedisStorage.from_url(url)
    """,
)
SHOWN = {
    "set_data > get_data(key: another value): length": (
        "Two bots that share a Redis share the state of a user; in memory each has its own. The docstring of "
        '`DefaultKeyBuilder`: "with_bot_id: include Bot id in the key", which is False by default.'
    ),
}
