"""huey: MemoryStorage and RedisStorage."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from modes import modes

from conformance.compare import WHOLE, Operation, hostile

LIBRARY = "huey"
KEY = {"key": hostile.keys()}
DATA = {"data": st.binary(max_size=4)}
VALUE = {"value": st.binary(max_size=4)}
SOON = datetime.fromisoformat("2026-01-01")
TIME = {"ts": st.datetimes(SOON, SOON + timedelta(days=2)) | st.just(SOON.astimezone(UTC))}
LIMIT = {"limit": st.sampled_from([None, 1, 2, 0, -1, 100])}
OPERATIONS = (
    Operation("add_to_schedule", "add_to_schedule", DATA | TIME, writes=WHOLE),
    Operation("read_schedule", "read_schedule", TIME, writes=WHOLE),
    Operation("scheduled_items", "scheduled_items", {}, LIMIT, reads=WHOLE),
    Operation("enqueue", "enqueue", DATA, {"priority": st.sampled_from([None, 0, 1, -1])}, writes=WHOLE),
    Operation("dequeue", "dequeue", writes=WHOLE),
    Operation("enqueued_items", "enqueued_items", {}, LIMIT, reads=WHOLE),
    Operation("put_data", "put_data", KEY | VALUE, writes="key"),
    Operation("put_if_empty", "put_if_empty", KEY | VALUE, writes="key"),
    Operation("peek_data", "peek_data", KEY, reads="key"),
    Operation("pop_data", "pop_data", KEY, writes="key"),
    Operation("result_items", "result_items", reads=WHOLE),
    Operation("incr", "incr", KEY, {"amount": st.sampled_from([1, 2, 0, -1, 2**63])}, writes="key"),
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from huey.storage import MemoryStorage

    store = MemoryStorage()
    """,
    redis="""
    from huey.storage import RedisStorage

    store = RedisStorage(url=url, blocking=False)
    """,
)
SHOWN = {
    "add_to_schedule × 2 > scheduled_items: length": (
        "A task that is scheduled twice is read twice from memory, and from Redis once, at the time of the "
        'later call. The docstring of `add_to_schedule`: "Add the given task data to the schedule, to be '
        'executed at the given timestamp."'
    ),
}
