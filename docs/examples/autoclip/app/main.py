"""Auto-Clip's task service: the five operations of the task store over HTTP, in the mode that `.env` selects."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from taskstore import (
    InvalidArgument,
    MaintainedTaskStore,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreSettings,
    open_store,
)

LOG_FILE = Path("logs/app.log")
RETRY_AFTER = "5"
"""Seconds after which a client may try again when Redis does not answer."""

REFUSED = {TaskNotFound: 404, TaskFinal: 409, InvalidArgument: 422}

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the store when the service starts, and close it when the service ends."""
    LOG_FILE.parent.mkdir(exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[logging.StreamHandler(), logging.FileHandler(LOG_FILE, encoding="utf-8", delay=True)],
    )
    settings = TaskStoreSettings()
    async with open_store(settings) as store:
        app.state.store, app.state.storage_mode = store, settings.storage_mode
        yield


async def opened(request: Request) -> MaintainedTaskStore:
    """Return the store that the service has opened."""
    store: MaintainedTaskStore = request.app.state.store
    return store


Store = Annotated[MaintainedTaskStore, Depends(opened)]
app = FastAPI(title="Auto-Clip", lifespan=lifespan)


class Change(BaseModel):
    """What an update sets; a field that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    status: TaskStatus
    progress: float | None = None
    current_step: str | None = None
    result_url: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None


@app.post("/tasks", status_code=201)
async def create_task(request: TaskCreateRequest, store: Store) -> Task:
    """Create a pending task."""
    return await store.create_task(request)


@app.get("/tasks")
async def list_tasks(
    store: Store, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, after: str | None = None
) -> TaskPage:
    """Return a page of tasks, newest first. `after` takes the `next` of the page before."""
    return await store.list_tasks(status, limit, offset, after=after)


@app.get("/tasks/{task_id}")
async def get_task(task_id: str, store: Store) -> Task:
    """Return a task."""
    return await store.get_task(task_id)


@app.patch("/tasks/{task_id}")
async def update_task_status(task_id: str, change: Change, store: Store) -> Task:
    """Set the status of a task and whatever else is given."""
    return await store.update_task_status(task_id, **change.model_dump())


@app.post("/tasks/{task_id}/cancel")
async def cancel_task(task_id: str, store: Store) -> Task:
    """Cancel a task."""
    return await store.cancel_task(task_id)


@app.get("/tasks.jsonl")
async def export_tasks(store: Store) -> StreamingResponse:
    """Return every task as a line of JSON."""
    first = await store.list_tasks(limit=100)  # a store that does not answer is a 503, and no broken file

    async def lines() -> AsyncIterator[str]:
        page = first
        while True:
            for task in page.tasks:
                yield f"{task.model_dump_json()}\n"
            if page.next is None:
                return
            page = await store.list_tasks(limit=100, after=page.next)

    return StreamingResponse(lines(), media_type="application/jsonl")


@app.put("/tasks.jsonl")
async def import_tasks(request: Request, store: Store) -> dict[str, int]:
    """Restore exported tasks, and return how many were not there yet."""
    restored = 0
    for line in (await request.body()).splitlines():
        with suppress(TaskExists):
            await store.restore(Task.model_validate_json(line))
            restored += 1
    return {"restored": restored}


@app.get("/health")
async def health(request: Request, store: Store) -> dict[str, str]:
    """Answer 200 if the store answers."""
    await store.list_tasks(limit=0)
    return {"storage_mode": request.app.state.storage_mode}


@app.exception_handler(TaskNotFound)
@app.exception_handler(TaskFinal)
@app.exception_handler(InvalidArgument)
async def refuse(_: Request, error: Exception) -> Response:
    """Answer a call that the store refused: the message says why."""
    return JSONResponse({"detail": str(error)}, REFUSED[type(error)])


@app.exception_handler(RequestValidationError)
@app.exception_handler(ValidationError)
async def refuse_request(_: Request, error: RequestValidationError | ValidationError) -> Response:
    """Name what is wrong with a request. It is not repeated: it may hold what a response cannot, such as NaN."""
    detail = [{"loc": fault["loc"], "msg": fault["msg"]} for fault in error.errors()]
    return Response(json.dumps({"detail": detail}), 422, media_type="application/json")


@app.exception_handler(StoreUnavailable)
async def ask_to_wait(_: Request, error: StoreUnavailable) -> Response:
    """Answer when Redis does not. Where it is stands in the log only."""
    log.error("%s", error)
    facts = {"write_may_have_happened": error.write_may_have_happened, "task_id": error.task_id}
    return JSONResponse({"detail": "The task store does not answer.", **facts}, 503, {"Retry-After": RETRY_AFTER})
