"""taskiq and taskiq-redis: InmemoryResultBackend and RedisAsyncResultBackend."""

from hypothesis import strategies as st
from modes import modes
from taskiq import TaskiqResult

from conformance.compare import Operation, hostile

LIBRARY = "taskiq-redis"
TASK = {"task_id": hostile.keys()}
RESULT = {
    "result": st.builds(TaskiqResult, is_err=st.booleans(), return_value=hostile.values(), execution_time=st.just(0.1))
}
OPERATIONS = (
    Operation("set_result", "set_result", TASK | RESULT, writes="task_id"),
    Operation("get_result", "get_result", TASK, {"with_logs": st.booleans()}, reads="task_id"),
    Operation("is_result_ready", "is_result_ready", TASK, reads="task_id"),
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from taskiq.brokers.inmemory_broker import InmemoryResultBackend

    store = InmemoryResultBackend()
    """,
    redis="""
    from taskiq_redis import RedisAsyncResultBackend

    store = RedisAsyncResultBackend(url)
    """,
)
SHOWN = {
    "get_result: KeyError / taskiq_redis.exceptions.ResultIsMissingError": (
        "`get_result` of an unknown task raises KeyError in memory, and ResultIsMissingError in Redis. The "
        'docstring in memory: "It throws exception in case if result dict doesn\'t have a value for task_id".'
    ),
}
