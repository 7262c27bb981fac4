"""The values that go in and come out: immutable, and the same in both modes."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    computed_field,
)

from taskstore.json_text import MAX_DEPTH, JsonObject, decode, encode
from taskstore.status import TaskStatus

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


class TaskCreateRequest(BaseModel):
    """What a task is created from.

    `config` is any object here: the store checks that it is a JSON object, at the moment it is written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    video_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    webhook_url: str | None = None
    config: Annotated[JsonObject | None, SkipValidation] = None


encode_metadata = partial(encode, "metadata", depth=MAX_DEPTH + 1)
"""Checks the metadata of a task and writes them as text; `config` stands one level deeper in them."""
_Utc = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class Task(BaseModel):
    """One task as it stood at one instant; nothing that is done through its public interface reaches the store.

    Immutable to the bottom: `metadata` is kept as JSON text, and each look at it makes a fresh object. Two tasks are
    equal when every field is, metadata in the types of its values too. `progress` is from 0 to 100. Times are aware,
    UTC, with microseconds; `completed_at` is there exactly when the status is final.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str
    status: TaskStatus
    progress: Annotated[float, Field(ge=0, le=100)]
    current_step: str
    video_ids: tuple[str, ...]
    result_url: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None
    metadata_json: Annotated[str, BeforeValidator(encode_metadata)] = Field(
        default="{}", validation_alias="metadata", exclude=True, repr=False
    )
    created_at: _Utc
    updated_at: _Utc
    completed_at: _Utc | None = None

    @computed_field  # type: ignore[prop-decorator]  # mypy cannot see through a decorated property; pydantic documents this
    @property
    def metadata(self) -> JsonObject:
        """`webhook_url` and `config` of the request, decoded afresh at every look."""
        value: JsonObject = decode(self.metadata_json)
        return value


class TaskPage(BaseModel):
    """One page of a listing, newest first.

    `total` counts every live task that matches the filter, on this page or not. `unreadable` names the keys of records
    on this page that could not be read; they are counted, since they are there. `next` is what `list_tasks` takes as
    `after` for the page that follows, `None` if none does or the limit was 0.
    """

    model_config = ConfigDict(frozen=True)

    tasks: tuple[Task, ...]
    total: int
    limit: int
    offset: int
    unreadable: tuple[str, ...] = ()
    next: str | None = None


_FIELDS = set(Task.model_fields)
_PENDING = TaskStatus.PENDING  # to find it in its class takes longer than all else about it
_set_dict, _set_fields_set, _set_extra, _set_private = (
    vars(BaseModel)[slot].__set__  # a frozen model refuses its own `setattr`
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


def trusted(fields: dict[str, Any]) -> Task:
    """Make a task of all its fields, which are known to be valid.

    Sets what `BaseModel.model_construct` sets, which takes ten times as long.
    """
    made = object.__new__(Task)
    _set_dict(made, fields)
    _set_fields_set(made, _FIELDS)
    _set_extra(made, None)
    _set_private(made, None)
    return made


def new_task(task_id: str, video_ids: tuple[str, ...], metadata: str, now: datetime | None) -> Task:
    """Make a new task of values that were checked. Its fields stand in the order in which it is written as JSON."""
    fields = {
        "task_id": task_id,
        "status": _PENDING,
        "progress": 0.0,
        "current_step": "",
        "video_ids": video_ids,
        "result_url": None,
        "error_message": None,
        "error_traceback": None,
        "metadata_json": metadata,
        "created_at": now,
        "updated_at": now,
        "completed_at": None,
    }
    return trusted(fields)
