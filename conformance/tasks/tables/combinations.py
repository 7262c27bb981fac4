"""Combinations: writes in a row, and each page of each listing. What depends on luck elsewhere is enumerated here."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from conformance.engine.kinds import Scenarios, scenario
from conformance.engine.scenario import Action, ReadBack, Reopen, Wait
from conformance.tasks import calls as do
from conformance.tasks.calls import create, get, listing, many
from conformance.tasks.spec.model import LIFETIME
from conformance.tasks.tables.arguments import REFUSED
from conformance.tasks.tables.tasks import EXTRAS, MADE, MINUTE, MIXED, WRITES, A, B, to
from taskstore import TaskStatus

_CHANGES = to("failed", progress=0, error_message="e"), to("pending", progress=100, current_step="")
_WRITES: Sequence[Action] = (*WRITES, *EXTRAS, *_CHANGES, Reopen(), Wait(LIFETIME - MINUTE))
"""Actions, each of which may leave something that the next one needs."""
_REFUSED = [calls[0] for calls in REFUSED if calls[0].operation == "update_task_status"]
_LIMITS = (0, 1, 3, 50, 1_000)
_OFFSETS = (0, 1, 3, 50, 51, 109, 10**12)
_TASKS = 110


def scenarios(in_a_row: int) -> Scenarios:
    """All of them, with so many writes in a row."""
    for writes in product(_WRITES, repeat=in_a_row):
        yield scenario(MADE, *((write, get(A)) for write in writes), ReadBack())
    for task_id in ("nobody", B):  # whatever there is of the task, the arguments are looked at first
        refused = [replace(call, arguments={**call.arguments, "task_id": task_id}) for call in _REFUSED]
        yield scenario(MADE, refused, about="API-05")
    statuses = None, *TaskStatus
    after = do.CursorOf("a")
    for limit in _LIMITS:
        pages = [listing(status=status, limit=limit, offset=offset) for status, offset in product(statuses, _OFFSETS)]
        behind = [listing(status=status, limit=limit, after=after) for status in statuses]
        made = *many(_TASKS // 2, MIXED), create("a"), *many(_TASKS // 2, MIXED)
        yield scenario(made, pages, about="LIST-04 LIST-06")
        yield scenario(made, behind, about="LIST-12")
