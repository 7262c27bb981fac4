"""aiogram: MemoryStorage and RedisStorage of the finite state machine."""

from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage
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
MemoryMode, RedisMode = modes(OPERATIONS, memory=MemoryStorage, redis=RedisStorage.from_url)
