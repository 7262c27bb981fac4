"""Stores that lose, convert or share what they were given."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from math import isnan
from typing import Any, ClassVar

from conformance.mutants.around import Around, Rewritten, Shown, altered, shaped, with_metadata
from conformance.mutants.mutant import On, mutant
from conformance.mutants.scripts import Scripted, edited
from taskstore import InvalidArgument, Task, TaskCreateRequest, TaskStatus
from taskstore.redis.scripts import UPDATE

EQUAL = "values.test_config_comes_back_equal_in_value_and_type"
REFUSED = "values.test_what_is_not_json_is_refused"


@mutant("VAL-01", by=EQUAL, on=On.REDIS, source="redis #856, #3292, #7520; sidekiq #2478")
class DecodesMetadataInTheScript(Scripted):
    """An update decodes and encodes the metadata in Lua: [] becomes {}, and long numbers lose digits."""

    scripts: ClassVar = {
        UPDATE: edited(
            UPDATE,
            "  .. string.sub(record, rest)",
            """  .. string.gsub(string.sub(record, rest), '"metadata":({[^\\n]*})\\n', function(metadata)
    return '"metadata":' .. cjson.encode(cjson.decode(metadata)) .. '\\n'
  end)""",
        )
    }


@mutant("VAL-01", by=EQUAL, source="redis #3292")
class EmptyListsBecomeObjects(Rewritten):
    """An empty list comes back as an empty object."""

    def leaf(self, value: Any) -> Any:
        return {} if value == [] else value


@mutant("VAL-01", by=EQUAL, source="redis-om-python #254")
class NoneBecomesText(Rewritten):
    """None is stored as an empty text."""

    def leaf(self, value: Any) -> Any:
        return "" if value is None else value


@mutant("VAL-01", by=EQUAL)
class LeavesOutWhatIsNone(Rewritten):
    """A name whose value is None is left out."""

    def config(self, value: Any) -> Any:
        return value and {name: item for name, item in value.items() if item is not None}


@mutant("VAL-01", by=EQUAL, source="civitai #4839")
class DigitsBecomeNumbers(Rewritten):
    """A text of digits comes back as a number."""

    def leaf(self, value: Any) -> Any:
        return int(value) if type(value) is str and value.isascii() and value.isdigit() else value


@mutant("VAL-01", by=EQUAL, source="nextcloud #62104")
class FloatsAreCut(Rewritten):
    """3.14 comes back as 3."""

    def leaf(self, value: Any) -> Any:
        return int(value) if type(value) is float else value


@mutant("VAL-01", by=EQUAL)
class WholeFloatsBecomeIntegers(Rewritten):
    """1.0 comes back as 1, which Python calls equal."""

    def leaf(self, value: Any) -> Any:
        return int(value) if type(value) is float and value.is_integer() else value


@mutant("VAL-01", by=EQUAL, source="redis #7520")
class IntegersBecomeFloats(Rewritten):
    """An integer beyond 2**53 loses digits."""

    def leaf(self, value: Any) -> Any:
        return int(float(value)) if type(value) is int and 2**53 < abs(value) < 10**300 else value


@mutant("VAL-01", by=EQUAL)
class BooleansBecomeNumbers(Rewritten):
    """True comes back as 1."""

    def leaf(self, value: Any) -> Any:
        return int(value) if type(value) is bool else value


@mutant("VAL-01", by=EQUAL)
class UpdateLosesTheConfig(Shown):
    """What an update returns has lost the config."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        task = await super().write(task_id, status, **fields)
        return with_metadata(task, {**task.metadata, "config": {}})


@mutant("VAL-01", "VAL-05", by=("tour", REFUSED), source="celery #2703")
class TakesWhateverJsonCanWrite(Rewritten):
    """A tuple becomes a list and a key 1 becomes "1", with no word."""

    def config(self, value: Any) -> Any:
        try:
            return json.loads(json.dumps(value))
        except TypeError:
            return value


@mutant("VAL-05", by=REFUSED, source="pydantic #7007")
class NanBecomesNull(Rewritten):
    """NaN is taken, and comes back as None."""

    def leaf(self, value: Any) -> Any:
        return None if type(value) is float and isnan(value) else value


@mutant("VAL-05", by="tour")
class TakesAListForConfig(Rewritten):
    """A config that is no object is put into one."""

    def config(self, value: Any) -> Any:
        return value if value is None or type(value) is dict else {"value": value}


@mutant("VAL-05", by=(REFUSED, "tour"))
class RefusesAfterItStored(Around):
    """A config that is refused leaves a task without it behind."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        try:
            return await super().create_task(request, **named)
        except InvalidArgument:
            await super().create_task(request.model_copy(update={"config": None}), **named)
            raise


@mutant("VAL-02", by="values.test_changing_what_was_passed_in_changes_nothing", source="rails #36956")
class KeepsTheCallersConfig(Shown):
    """The config is kept as the object that the caller holds."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._configs: dict[str, Any] = {}

    def show(self, task: Task) -> Task:
        return with_metadata(task, {**task.metadata, "config": self._configs[task.task_id]})

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        task = await self.store.create_task(request, **named)
        self._configs[task.task_id] = request.config
        return task


class _LiveTask(Task):
    @property
    def metadata(self) -> Any:
        return vars(self)["live_metadata"]


@mutant("VAL-02", by="values.test_changing_what_came_out_changes_nothing", source="langgraph #8835; cashews #224")
class HandsOutLiveMetadata(Shown):
    """The metadata of a task is the object that the store keeps."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._metadata: dict[str, Any] = {}

    def show(self, task: Task) -> Task:
        return shaped(_LiveTask, task, live_metadata=self._metadata.setdefault(task.task_id, task.metadata))


@mutant("VAL-02", by="values.test_a_returned_task_stays_as_it_was", source="langgraph #8835")
class OneObjectPerTask(Shown):
    """A task that was handed out is the object that later writes change."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._objects: dict[str, Task] = {}

    def show(self, task: Task) -> Task:
        held = self._objects.setdefault(task.task_id, task)
        vars(held).update(vars(task))
        return held


@mutant("VAL-06", by="tour")
class CutsWhatIsNestedTooDeep(Rewritten):
    """What is nested deeper than 100 is left out, with no word."""

    def config(self, value: Any) -> Any:
        return value and self._cut(value, 100)

    def _cut(self, value: Any, depth: int) -> Any:
        if depth == 0:
            return None
        if type(value) is dict:
            return {key: self._cut(item, depth - 1) for key, item in value.items()}
        return [self._cut(item, depth - 1) for item in value] if type(value) is list else value


@mutant("VAL-06", by="tour")
class ClampsLongIntegers(Rewritten):
    """An integer of more than 4,300 digits becomes the longest that there is."""

    def leaf(self, value: Any) -> Any:
        most = 10**4_300 - 1
        return max(-most, min(value, most)) if type(value) is int else value


@mutant("VAL-06", by="values.test_a_task_has_a_largest_size")
class CutsLongTexts(Rewritten):
    """A text that does not fit is cut."""

    def leaf(self, value: Any) -> Any:
        return value[: 1024 * 1024 - 500] if type(value) is str else value


@mutant("VAL-06", by=("values.test_a_task_has_a_largest_size", "tour"))
class DropsTheStepThatDoesNotFit(Around):
    """An update that would make a task too large leaves out what is too long."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except InvalidArgument as fault:
            if fault.argument != "task":
                raise
            return await super().write(task_id, status)


@mutant("VAL-06", by="tour", on=On.REDIS)
class TakesOneByteMore(Scripted):
    """An update may make a task a byte larger than the bound."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, "size > tonumber(most_bytes)", "size > tonumber(most_bytes) + 1")}


def _texts(fields: dict[str, Any], change: Any) -> dict[str, Any]:
    return {name: change(value) if type(value) is str else value for name, value in fields.items()}


@mutant("VAL-09", by="values.test_texts_come_back_as_they_were")
class StripsTexts(Around):
    """White space around a text is lost."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        return await super().write(task_id, status, **_texts(fields, str.strip))


@mutant("VAL-09", by="values.test_texts_come_back_as_they_were")
class NulEndsAText(Around):
    """A text ends at its first NUL."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        return await super().write(task_id, status, **_texts(fields, lambda text: text.partition("\0")[0]))


@mutant("VAL-09", by="tour")
class ReplacesLoneSurrogates(Around):
    """Half a character is stored as a question mark."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        replaced = _texts(fields, lambda text: text.encode(errors="replace").decode())
        return await super().write(task_id, status, **replaced)


@mutant("VAL-10", by="values.test_times_are_aware_and_in_utc")
class NaiveTimes(Shown):
    """Times do not name their zone."""

    def show(self, task: Task) -> Task:
        return altered(task, created_at=task.created_at.replace(tzinfo=None))


@mutant("VAL-10", by="values.test_times_are_aware_and_in_utc", source="redis-om-python #815")
class LocalTimes(Shown):
    """Times are in the zone of the machine."""

    def show(self, task: Task) -> Task:
        return altered(task, updated_at=task.updated_at.astimezone(timezone(timedelta(hours=8))))


@mutant("VAL-01", by="values.test_metadata_holds_webhook_url_and_config")
class MetadataLeavesOutWhatIsNone(Shown):
    """A name that was not given is not in the metadata."""

    def show(self, task: Task) -> Task:
        return with_metadata(task, {name: value for name, value in task.metadata.items() if value is not None})


@mutant("VAL-01", by="values.test_metadata_holds_webhook_url_and_config", source="flask-caching #106")
class AnEmptyConfigIsNone(Rewritten):
    """An empty config comes back as None."""

    def config(self, value: Any) -> Any:
        return value or None
