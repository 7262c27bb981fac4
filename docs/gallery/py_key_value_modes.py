"""py-key-value-aio: MemoryStore and RedisStore."""

from cache import key_value
from hypothesis import strategies as st
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from modes import modes

from conformance.compare import hostile

LIBRARY = "py-key-value-aio"
OPERATIONS = key_value(
    set="put",
    ttl="ttl",
    get_many="get_many",
    set_many=lambda store, items, **given: store.put_many([*items], [*items.values()], **given),
    delete_many="delete_many",
    lifetime="ttl",
    values=st.builds(lambda value: {"a": value}, hostile.values()),
    optional={"collection": st.sampled_from(["other", "", "a:b"])},
)
MemoryMode, RedisMode = modes(OPERATIONS, memory=MemoryStore, redis=lambda url: RedisStore(url=url))
