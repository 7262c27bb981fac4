"""The registry: every requirement that the suite decides, each with a number, a level and a text.

MUST is what any two modes need to be interchangeable and safe. SHOULD is a choice of this contract's that another store
may have made differently. `claims` are the statements of Auto-Clip's document that the requirement decides, D01 to D42.
Every requirement bears on D33, "the API and its behaviour are identical in both modes". D33 is decided by comparing the
modes case by case, so no requirement lists it.

A number keeps its meaning. A number that is missing is not used again.
"""

# ruff: noqa: T201  run as a program it prints the specification

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How binding a requirement is, as in RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"


@dataclass(frozen=True)
class Requirement:
    """One numbered requirement."""

    id: str
    level: Level
    text: str
    claims: tuple[str, ...]


REQUIREMENTS: dict[str, Requirement] = {}
CHAPTERS = {
    "API": "The interface",
    "VAL": "Values",
    "LIFE": "Life cycle",
    "ATOM": "Atomicity",
    "LIST": "Listing",
    "EXP": "Expiry",
    "ID": "Identity",
    "DUR": "Durability",
    "SHARE": "Sharing",
    "FAIL": "Failure",
    "MODE": "Modes and settings",
    "COST": "Cost",
    "MAINT": "Maintenance",
}


def _must(number: str, text: str, *claims: str) -> None:
    REQUIREMENTS[number] = Requirement(number, Level.MUST, text, claims)


def _should(number: str, text: str, *claims: str) -> None:
    REQUIREMENTS[number] = Requirement(number, Level.SHOULD, text, claims)


_must(
    "API-02",
    "`create_task`, `get_task`, `list_tasks`, `update_task_status` and `cancel_task` are coroutine functions, and "
    "each of them works.",
    "D01",
    "D38",
    "D39",
)
_must("API-03", "Every operation of a closed store raises `StoreNotOpen`.")
_should(
    "API-04",
    "A store that is used on a second event loop raises `StoreNotOpen`. Closing a store ends the calls that still "
    "wait for a reply: they raise `StoreUnavailable` or `StoreNotOpen`.",
)
_should(
    "API-05",
    "An argument of the wrong type raises `InvalidArgument`. Every `InvalidArgument` names the argument, or the "
    "field of the request. Arguments are checked before a task is looked up.",
)

_must(
    "VAL-01",
    "`metadata` holds `webhook_url` and `config`, `None` where none was given. A config comes back equal in value "
    "and type from every operation.",
)
_must(
    "VAL-02",
    "Changing an object that was passed in or returned changes nothing in the store. A later write does not change a "
    "task that was returned earlier.",
)
_must("VAL-05", "A config that is not a JSON object of JSON values raises `InvalidArgument`, and nothing is stored.")
_should(
    "VAL-06",
    "Integers from −2⁶³ to 2⁶⁴−1, nesting of 100 levels and a task of 1 MiB (its texts in UTF-8, its video ids and "
    "metadata as compact JSON) are accepted. More raises `InvalidArgument`, which names `task` for its size.",
)
_must(
    "VAL-09",
    "A text comes back unchanged, whatever characters it holds. A text with a lone surrogate raises `InvalidArgument`.",
)
_must("VAL-10", "Timestamps are timezone-aware and in UTC, to the millisecond at least.")

_must(
    "LIFE-01",
    "A new task is `pending`, at progress 0, with its video ids in the given order. Its step is empty, and it has no "
    "result, error or `completed_at`.",
)
_must("LIFE-02", "A task that is not final can be given any status. An unknown status raises `InvalidArgument`.")
_must("LIFE-03", "Every write returns the task that a following `get_task` and a following listing return.")
_must(
    "LIFE-04",
    "An update sets every field whose argument is given, and leaves a field as it is if its argument is `None`.",
)
_must(
    "LIFE-05",
    "Completing sets progress to 100, and failing keeps the error message and traceback. Both set `completed_at`.",
)
_must("LIFE-09", "`cancel_task` sets the status to `cancelled` and changes no other field but times.")
_must(
    "LIFE-10",
    "An update or cancel that would change a final task raises `TaskFinal`, which states its status. One that would "
    "change no field but times, as a repetition does, succeeds and changes nothing, times included.",
)
_should(
    "LIFE-13",
    "An update raises `InvalidArgument` for a progress that is not a finite number from 0 to 100, for `completed` "
    "with another progress than 100, and for an error without `failed`.",
)
_must("LIFE-14", "A call that raises `InvalidArgument` or `TaskFinal` changes nothing, `updated_at` included.")
_must(
    "LIFE-17",
    "A write that changes a task keeps `created_at` and sets `updated_at` to the time of the write. `updated_at` and "
    "`completed_at` never go back, even if the clock does. An update with the values that are there may change "
    "nothing.",
)
_should("LIFE-18", "`cancel_task` sets `completed_at`.")

_must(
    "ATOM-01",
    "Every write takes effect exactly once: of concurrent creations and updates none is lost and none is repeated. "
    "An update or cancel never brings back a task that has expired or was purged.",
)
_must(
    "ATOM-02",
    "If a cancel and a completion race, one succeeds and the other raises `TaskFinal`, and every instance sees the "
    "same status.",
)
_must(
    "ATOM-06",
    "Each of up to 10,000 concurrent calls returns its own result, and none fails because there are many. Cancelling "
    "a call does not affect the others.",
)

_must("LIST-01", "A listing is in descending order of `created_at`, then of `task_id`. An update does not move a task.")
_must(
    "LIST-03",
    "A listing holds only tasks of the given status, if one is given, and `total` counts each task that matches "
    "once, on the page or not, also while others write.",
)
_must(
    "LIST-04",
    "A page has `limit` tasks, or all that are left. The pages of a store that does not change join without gap or "
    "repetition. With `limit=0` or past the end the page is empty and has the total.",
)
_must(
    "LIST-06",
    "A `limit` that is not an integer from 0 to 1,000, or an `offset` that is not one from 0 to 10¹², raises "
    "`InvalidArgument`. They are 50 and 0 by default, and a page states them.",
)
_must(
    "LIST-10",
    "Stores with different namespaces never show, count or remove each other's tasks and keys, even if one name "
    "begins with the other.",
)
_must(
    "LIST-11",
    "A task whose record was removed behind the store's back is never listed, and is not counted after a page has "
    "come to its place.",
)
_must(
    "LIST-12",
    "Pages by cursor hold every task that exists and matches the filter throughout exactly once and in order, "
    "whatever is written meanwhile, also to the task that the cursor names. The last page has no cursor.",
)
_must(
    "LIST-13",
    "A cursor is the microsecond of creation, a dot and the id of the last task of its page. It may be used with "
    "another status or limit. Other text, and a cursor with an offset, raises `InvalidArgument`.",
)

_must(
    "EXP-01",
    "A task is there until more milliseconds than its lifetime have passed, as in Redis. Then it is gone for get, "
    "list, total, update and cancel alike.",
    "D10",
)
_must("EXP-03", "Every write that changes a task renews its lifetime.")
_must("EXP-04", "After a listing, nothing is left in storage of tasks that had expired.", "D10")
_must("EXP-05", "In a store that does not expire tasks, no task disappears by itself.", "D11")
_must("EXP-06", "The default lifetime is 7 × 24 × 3600 seconds.", "D34")
_must("EXP-07", "`TASK_TTL` sets the lifetime in Redis mode.")
_should(
    "EXP-08",
    "Later writes remove expired tasks from storage. In a shared store that nobody calls, nothing is left of tasks "
    "one lifetime after the last of them expired.",
)

_must("ID-01", "No two tasks get the same id.")
_should(
    "ID-02",
    "An id that the store makes is `task_` and at least 32 random hexadecimal digits. A caller's id has 1 to 256 "
    "visible ASCII characters; any other raises `InvalidArgument`. The exception of a failed `create_task` states "
    "the id.",
)
_must(
    "ID-03",
    "`get_task`, `update_task_status` and `cancel_task` raise `TaskNotFound` for any text that is not the id of a "
    "task, and create nothing. An id is never used as a pattern.",
)
_must(
    "ID-06",
    "`create_task` with the id of a live task and an equal request (in value and type, whatever the order of keys) "
    "writes nothing and returns that task. Another request raises `TaskExists`. After expiry or purge the id is free.",
)

_must(
    "DUR-01",
    "In a persistent store tasks survive the end of the application that wrote them, and a restart of the server if "
    "it saves to disk.",
    "D04",
)
_must("DUR-03", "In a store that is not persistent an application starts without tasks.", "D05", "D13")

_must("SHARE-01", "In a shared store an instance sees at once what another instance wrote.", "D06")
_must("SHARE-02", "In a store that is not shared an instance sees only its own tasks.", "D07")
_must(
    "SHARE-03",
    "In a shared store the stored record holds every field under its name, so that another client can read it. "
    "Behind an adapter the names are the store's own.",
    "D06",
)

_must(
    "FAIL-01",
    'If nothing listens or the server stays silent, every operation raises `StoreUnavailable`, never "not found" or '
    "an empty page. So does opening from settings if nothing listens. Its `failure_kind` says what failed, and its "
    "`address` where.",
    "D27",
)
_should(
    "FAIL-04",
    "If Redis does not answer, opening raises `StoreUnavailable`. It states the address, with port and database, and "
    "says in English and Chinese what to check (`redis-cli ping`, the `REDIS_*` settings) and how to go on without "
    "Redis (`USE_REDIS_FOR_TASKS=false`).",
    "D27",
)
_must(
    "FAIL-05",
    "No message, `repr`, field or note of an exception or of its causes, no log and no `repr` of a store holds a "
    "password.",
)
_must(
    "FAIL-06",
    "A call that the server ends with an error raises `StoreUnavailable`, which says why; a write that it refuses "
    "because it is out of memory, read-only or busy has no effect.",
)
_must(
    "FAIL-09",
    "`get_task` and a write raise `RecordUnreadable`, which names the key, if they cannot read what they need of the "
    "record, and leave it as it is. A listing names the key, counts the record and returns the other tasks.",
)
_must(
    "FAIL-11",
    "`StoreUnavailable` says in its field and its message that nothing was written only if that is so, and always if "
    "nothing listens; a write that too few replicas confirmed in time may have happened.",
)
_must(
    "FAIL-13",
    "After a lost, late or foreign reply each call in flight ends with its own reply or `StoreUnavailable`, a read "
    'never with "not found" or an empty page. The next call gets its own reply. No connection is left over.',
)
_should("FAIL-14", "A connection that the server closed while it was idle makes no call fail.")
_should(
    "FAIL-17",
    "When another server has taken over from the one that failed, the open store works again by itself. Until then a "
    "call raises `StoreUnavailable`.",
    "D24",
    "D25",
)

_must(
    "MODE-01",
    "`USE_REDIS_FOR_TASKS` selects the mode, in the environment or in `.env`. If it is unset the mode is memory.",
    "D02",
    "D15",
)
_must(
    "MODE-03",
    "The environment takes precedence over `.env`, so setting `os.environ` in `conftest.py` forces memory mode in "
    "tests.",
    "D26",
    "D28",
)
_must("MODE-05", "`REDIS_HOST`, `REDIS_PORT` and `REDIS_DB` say where Redis is.", "D03")
_must(
    "MODE-06",
    "Opening logs `task_service_initialized storage_mode=…` once, at INFO, on a line that grep finds, also if "
    "opening then fails.",
    "D30",
    "D31",
)
_must(
    "MODE-07",
    "A store uses one mode from opening to closing. A change of the variable takes effect at the next opening, and "
    "nothing else is needed. Tasks in Redis are not read in memory mode, and are there after changing back.",
    "D14",
    "D15",
    "D32",
    "D36",
)
_must("MODE-08", "Memory mode works without the redis package and opens no socket, thread or file.", "D09")
_should(
    "MODE-11",
    "If `.env` sets `USE_REDIS_FOR_TASKS` twice, the last value is used and opening logs a warning.",
    "D41",
)
_must(
    "MODE-12",
    "Malformed settings and malformed lines of `.env` raise `SettingsInvalid`, whose message has one line for each "
    "and no password.",
)
_should(
    "MODE-15",
    "`REDIS_PORT` from 1 to 65,535, `REDIS_DB` from 0, timeouts above 0, `TASK_TTL` from 1 to 3,155,760,000 and any "
    "`TASK_KEY_PREFIX` that is not empty and has no brace are accepted, and other values raise `SettingsInvalid`.",
)
_should(
    "MODE-17",
    "The port is 6379 and the database 0 by default. `REDIS_URL` replaces host, port and database; `REDIS_USERNAME` "
    "and `REDIS_PASSWORD` are used to log in.",
)
_should(
    "MODE-18",
    "`REDIS_HOST` and `REDIS_PORT` may name any node of a Redis Cluster. Every operation works, and no call fails "
    "because another node has got the tasks.",
    "D24",
)

_must("COST-01", "An operation of a remote store costs at least one request to the server.", "D08")
_should(
    "COST-02",
    "An operation of a remote store costs one request to each partition that it concerns, however many tasks there "
    "are; pages beyond 1 MiB and offsets in several partitions may cost more.",
)
_must(
    "COST-04",
    "Memory mode holds every task that was created, and uses more memory the more there are.",
    "D12",
    "D35",
)
_must("COST-05", "Connections, files, threads and timers do not grow with the number of calls.")

_must(
    "MAINT-01",
    "`purge` removes the final tasks that were completed before the given moment, and no others, and returns how "
    "many it removed.",
    "D29",
)
_must(
    "MAINT-02",
    "Tasks that are migrated from memory keep their ids, times and values, and get the lifetime of the new store. "
    "Restoring a task under an id that is taken raises `TaskExists` and leaves the stored task as it is.",
    "D37",
)
_should(
    "MAINT-04",
    "`restore` raises `InvalidArgument` for a task that no store could have produced, or whose times are not from "
    "1970 to 2200 in UTC.",
)


def specification() -> str:
    """The registry as a document for people: what `SPEC.md` holds."""
    musts = sum(one.level is Level.MUST for one in REQUIREMENTS.values())
    lines = [
        "# What a task store promises",
        "",
        f"{len(REQUIREMENTS)} requirements, {musts} of them MUST. This file is made by",
        "`python -m conformance.spec.requirements`.",
        "",
        "MUST is what any two modes need to be interchangeable and safe. SHOULD is a choice of this contract's that",
        "another store may have made differently, alike in both its modes. D01 to D42 are the statements of",
        "Auto-Clip's document that a requirement decides. A number that is missing is not used again.",
    ]
    for prefix, title in CHAPTERS.items():
        lines += ["", f"## {title}", "", "| | level | requirement | decides |", "|---|---|---|---|"]
        lines += [
            f"| {one.id} | {one.level} | {one.text} | {', '.join(one.claims)} |"
            for one in REQUIREMENTS.values()
            if one.id.partition("-")[0] == prefix
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(specification())
