"""The registry: every requirement that the suite decides, each with a number, a level and a text.

MUST is what any two modes need to be interchangeable and safe. SHOULD is a choice of this contract's that another store
may have made differently. `claims` are the statements of Auto-Clip's document that the requirement decides, D01 to D42.
Every requirement bears on D33, "the API and its behaviour are identical in both modes". D33 is decided by comparing the
modes case by case, so no requirement lists it.

A number is used once. A requirement may be widened by merging another into it. `WITHDRAWN` keeps the numbers that are
no longer used and says why.
"""

# ruff: noqa: T201  run as a program it prints the specification

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How binding a requirement is, as in RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


@dataclass(frozen=True)
class Requirement:
    """One numbered requirement."""

    id: str
    level: Level
    text: str
    claims: tuple[str, ...]
    since: int = 1
    """The first revision of the specification that demanded all of it."""


@dataclass(frozen=True)
class Withdrawn:
    """Why a number is no longer used."""

    reason: str
    now: str = ""
    """The requirement that it was merged into or renamed to, if any."""


REVISION = 3
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


def _require(level: Level, number: str, text: str, *claims: str, since: int) -> None:
    if number in REQUIREMENTS or number in WITHDRAWN:
        raise ValueError(f"the number {number} is already used")
    REQUIREMENTS[number] = Requirement(number, level, text, claims, since)


def _must(number: str, text: str, *claims: str, since: int = 1) -> None:
    _require(Level.MUST, number, text, *claims, since=since)


def _should(number: str, text: str, *claims: str, since: int = 1) -> None:
    _require(Level.SHOULD, number, text, *claims, since=since)


WITHDRAWN: dict[str, Withdrawn] = {
    "API-01": Withdrawn("An operation can only work if it exists.", "API-02"),
    "API-06": Withdrawn("How exceptions compare and pickle is a matter of the exception classes, not of a store."),
    "VAL-03": Withdrawn("It is one promise for what goes in and what comes out.", "VAL-02"),
    "VAL-04": Withdrawn("It is one promise for what goes in and what comes out.", "VAL-02"),
    "VAL-07": Withdrawn("It is one of the limits of a task.", "VAL-06"),
    "VAL-08": Withdrawn("It is one of the limits of a task.", "VAL-06"),
    "VAL-11": Withdrawn("The metadata holds the config.", "VAL-01"),
    "VAL-12": Withdrawn("An assignment to a returned task does not reach the store, so it hurts nobody."),
    "LIFE-06": Withdrawn("It is one of the checks of an update's arguments.", "LIFE-13"),
    "LIFE-07": Withdrawn("Completing and failing both finish a task.", "LIFE-05"),
    "LIFE-08": Withdrawn("It is one of the checks of an update's arguments.", "LIFE-13"),
    "LIFE-11": Withdrawn("A final task refuses an update and a cancel alike.", "LIFE-10"),
    "LIFE-15": Withdrawn("An unknown id is treated alike by reads and writes.", "ID-03"),
    "ATOM-04": Withdrawn("A creation is a write.", "ATOM-01"),
    "ATOM-05": Withdrawn("A lost write and a repeated write break the same promise.", "ATOM-01"),
    "ATOM-07": Withdrawn("It is one promise about calls that run at the same time.", "ATOM-06"),
    "LIST-02": Withdrawn("It completes the order of a listing.", "LIST-01"),
    "LIST-05": Withdrawn("It is an edge of paging.", "LIST-04"),
    "LIST-07": Withdrawn("The total counts what the filter matches.", "LIST-03"),
    "LIST-08": Withdrawn("It is an edge of paging.", "LIST-04"),
    "EXP-02": Withdrawn("It is the other half of when a task expires.", "EXP-01"),
    "EXP-09": Withdrawn("It is the same promise for a store that nobody calls.", "EXP-08"),
    "ID-04": Withdrawn("A pattern is one more id that no task has.", "ID-03"),
    "FAIL-02": Withdrawn("It is one case of what is said about a write.", "FAIL-11"),
    "FAIL-03": Withdrawn("Opening fails as an operation does.", "FAIL-01"),
    "FAIL-07": Withdrawn("It is the same promise for another cause.", "FAIL-06"),
    "FAIL-08": Withdrawn("It is the same promise for another cause.", "FAIL-01"),
    "FAIL-10": Withdrawn("A listing is one of the operations that meet an unreadable record.", "FAIL-09"),
    "FAIL-15": Withdrawn("It is the same promise for another cause.", "FAIL-12"),
    "FAIL-16": Withdrawn("The message repeats what the field says.", "FAIL-11"),
    "MODE-02": Withdrawn("It is the same variable in another place.", "MODE-01"),
    "MODE-04": Withdrawn("It is the default of the same variable.", "MODE-01"),
    "MODE-10": Withdrawn("It is one promise about switching.", "MODE-09"),
    "MODE-13": Withdrawn("A mode that is fixed is one mode.", "MODE-07"),
    "MODE-14": Withdrawn("It follows from the order of precedence.", "MODE-03"),
    "MODE-16": Withdrawn("It is one of the settings that say how to connect.", "MODE-17"),
    "COST-03": Withdrawn("A store that holds every task needs memory for each.", "COST-04"),
    "CARE-01": Withdrawn("The chapter is called maintenance now.", "MAINT-01"),
    "CARE-02": Withdrawn("The chapter is called maintenance now.", "MAINT-02"),
    "CARE-03": Withdrawn("A migration restores task by task.", "ID-05"),
    "CARE-04": Withdrawn("The chapter is called maintenance now.", "MAINT-04"),
}
"""The numbers that are no longer used."""

_must(
    "API-02",
    "`create_task`, `get_task`, `list_tasks`, `update_task_status` and `cancel_task` are coroutine functions, and "
    "each of them works.",
    "D01",
    "D38",
    "D39",
)
_must("API-03", "Every operation of a closed store raises `StoreNotOpen`.")
_should("API-04", "A store that is used on a second event loop raises `StoreNotOpen`, in either mode.")
_should(
    "API-05",
    "An argument of the wrong type raises `InvalidArgument`. Every `InvalidArgument` names the argument, or the field "
    "of the request. Arguments are checked before a task is looked up.",
    since=3,
)
_should(
    "API-07",
    "Closing a store ends the calls that still wait for a reply: they raise `StoreUnavailable` or `StoreNotOpen`.",
    since=2,
)

_must(
    "VAL-01",
    "`metadata` holds `webhook_url` and `config`, `None` where none was given. A config comes back equal in value "
    "and type from every operation.",
)
_must(
    "VAL-02",
    "Changing an object that was passed in or returned changes nothing in the store. A later write does not change "
    "a task that was returned earlier.",
)
_must("VAL-05", "A config that is not a JSON object of JSON values raises `InvalidArgument`, and nothing is stored.")
_should(
    "VAL-06",
    "A config nested 100 levels deep, an integer of 4,300 digits and a task of 1 MiB are accepted. More raises "
    "`InvalidArgument`, on creation and on update. The size is that of the video ids, the metadata, the step, the URL, "
    "the error and the traceback, each as JSON in UTF-8 without spaces or needless escapes, `null` where there is "
    "none. For what is too large the argument is named `task`.",
    since=3,
)
_must(
    "VAL-09",
    "A text comes back unchanged, whatever characters it holds. A text with a lone surrogate raises `InvalidArgument`.",
)
_must("VAL-10", "Timestamps are timezone-aware and in UTC, to the millisecond at least.", since=3)

_must(
    "LIFE-01",
    "A new task is `pending`, at progress 0, with its video ids in the given order. Its step is empty, and it has "
    "no result, error or `completed_at`.",
)
_must("LIFE-02", "A task that is not final can be given any status.")
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
    "An update or cancel that would change a final task raises `TaskFinal`, which states the status of the task.",
)
_must(
    "LIFE-12",
    "A write to a final task that would change no field but times, as a repetition of the one that made it final, "
    "succeeds and changes nothing, times included.",
)
_should(
    "LIFE-13",
    "An update raises `InvalidArgument` for a progress that is not a finite number from 0 to 100, for `completed` "
    "with another progress than 100, and for an error without `failed`.",
)
_must("LIFE-14", "A call that raises `InvalidArgument` or `TaskFinal` changes nothing, `updated_at` included.")
_must("LIFE-16", "An unknown status raises `InvalidArgument`.")
_must(
    "LIFE-17",
    "A write that changes a task keeps `created_at` and sets `updated_at` to the time of the write. `updated_at` and "
    "`completed_at` never go back, even if the clock does. An update with the values that are there may change "
    "nothing.",
    since=3,
)
_should("LIFE-18", "`cancel_task` sets `completed_at`.")

_must(
    "ATOM-01",
    "Every write takes effect exactly once. Of concurrent creations and updates none is lost and none is repeated.",
)
_must(
    "ATOM-02",
    "If a cancel and a completion race, one succeeds and the other raises `TaskFinal`, and every instance sees the "
    "same status.",
)
_must("ATOM-03", "An update or cancel never brings back a task that has expired or was purged.")
_must(
    "ATOM-06",
    "Each of up to 10,000 concurrent calls returns its own result, and none fails because there are many. Cancelling "
    "a call does not affect the others.",
    since=3,
)

_must("LIST-01", "A listing is in descending order of `created_at`, then of `task_id`. An update does not move a task.")
_must(
    "LIST-03",
    "A listing holds only tasks of the given status, if one is given. `total` is the number of all tasks that "
    "match, on the page or not. While others write it counts each task that matches throughout the call, none that "
    "matches at no moment of it, and none twice; the page is in order all the same, and a task may show a status that "
    "it got during the call. If a server that may evict keys has removed keys other than the records, a listing is "
    "right all the same, or raises `StoreUnavailable`.",
    since=3,
)
_must(
    "LIST-04",
    "A page has `limit` tasks, or all that are left. The pages of a store that does not change join without gap or "
    "repetition. With `limit=0` or past the end the page is empty and has the total.",
)
_must(
    "LIST-06",
    "A `limit` that is not an integer from 0 to 1,000, or an `offset` that is not one from 0 to 10¹², raises "
    "`InvalidArgument`.",
)
_should("LIST-09", "A page states its `limit` and `offset`, which are 50 and 0 by default.")
_must(
    "LIST-10",
    "Stores with different namespaces never show, count or remove each other's tasks and keys, even if one name "
    "begins with the other.",
)
_must(
    "LIST-11",
    "A task whose record was removed behind the store's back is never listed, and is not counted after a page "
    "has come to its place.",
)
_must(
    "LIST-12",
    "Pages by cursor hold every task that exists and matches the filter throughout exactly once and in order, whatever "
    "is written meanwhile, also to the task that the cursor names. The last page has no cursor.",
    since=3,
)
_must(
    "LIST-13",
    "A cursor is the microsecond of creation, a dot and the id of the last task of its page. It may be used with "
    "another status or limit. Any other text, and a cursor with an offset, raises `InvalidArgument` for `after`.",
    since=3,
)

_must(
    "EXP-01",
    "A task is there until more milliseconds than its lifetime have passed, as in Redis. Then it is gone for get, "
    "list, total, update and cancel alike.",
    "D10",
    since=3,
)
_must("EXP-03", "Every write that changes a task renews its lifetime.")
_must("EXP-04", "After a listing, nothing is left in storage of tasks that had expired.", "D10")
_must("EXP-05", "In a store that does not expire tasks, no task disappears by itself.", "D11")
_must("EXP-06", "The default lifetime is 7 × 24 × 3600 seconds.", "D34")
_must("EXP-07", "`TASK_TTL` sets the lifetime in Redis mode.")
_should(
    "EXP-08",
    "Later writes remove expired tasks from storage, in a store of several partitions each from its own. In a shared "
    "store that nobody calls, nothing is left of tasks one lifetime after the last of them expired.",
    since=2,
)

_must("ID-01", "No two tasks get the same id.")
_should("ID-02", "An id is `task_` followed by at least 32 random hexadecimal digits.")
_must(
    "ID-03",
    "`get_task`, `update_task_status` and `cancel_task` raise `TaskNotFound` for any text that is not the id of a "
    "task, and create nothing. An id is never used as a pattern.",
)
_must(
    "ID-05",
    "Restoring a task under an id that is taken raises `TaskExists` and leaves the stored task as it is, so a "
    "migration can be repeated.",
)
_must(
    "ID-06",
    "`create_task` with the id of a live task and the same request writes nothing and returns that task. Another "
    "request raises `TaskExists` and changes nothing. Requests are the same if they are equal in value and type; the "
    "order of keys does not count. After the task has expired or was purged, its id can be used again.",
    since=3,
)
_should(
    "ID-07",
    "A caller's id of 1 to 256 visible ASCII characters is accepted. Any other raises `InvalidArgument`.",
    since=3,
)
_should("ID-08", "The exception of a failed `create_task` states the id that was used.", since=3)

_must("DUR-01", "In a persistent store tasks survive the end of the application that wrote them.", "D04")
_must("DUR-02", "In a persistent store tasks survive a restart of the server if it saves to disk.", "D04")
_must("DUR-03", "In a store that is not persistent an application starts without tasks.", "D05", "D13")
_must("SHARE-01", "In a shared store an instance sees at once what another instance wrote.", "D06")
_must("SHARE-02", "In a store that is not shared an instance sees only its own tasks.", "D07")
_must(
    "SHARE-03",
    "In a shared store the stored record is JSON that holds every field under its name, so that another client can "
    "read it. Behind an adapter the names are the store's own.",
    "D06",
    since=3,
)

_must(
    "FAIL-01",
    "If nothing listens or the server stays silent, every operation raises `StoreUnavailable` and never reports "
    '"not found" or an empty page. Opening from settings also raises `StoreUnavailable` if nothing listens. The '
    "`failure_kind` of every `StoreUnavailable` says what failed, and its `address` says where.",
    "D27",
    since=3,
)
_should(
    "FAIL-04",
    "If Redis does not answer, opening raises `StoreUnavailable`, which states the address, with port and database. It "
    "says in English and Chinese what to check, `redis-cli ping` for that address and the `REDIS_*` settings, and how "
    "to go on without Redis: `USE_REDIS_FOR_TASKS=false`.",
    "D27",
    since=3,
)
_must(
    "FAIL-05",
    "No message, `repr`, field or note of an exception or of its causes, no log and no `repr` of a store holds a "
    "password.",
    since=3,
)
_must(
    "FAIL-06",
    "A write to a server that is out of memory, read-only or busy has no effect and raises `StoreUnavailable`, which "
    "says what is wrong and that nothing was written. If the server ends a call with any other error, it raises "
    "`StoreUnavailable` as well.",
    since=3,
)
_must(
    "FAIL-09",
    "`get_task`, `update_task_status` and `cancel_task` raise `RecordUnreadable`, which names the key, if the "
    "record of the task cannot be read, and leave the record as it is. A listing also names the key and returns the "
    "other tasks; the record keeps its place on the page and is counted.",
    since=3,
)
_must(
    "FAIL-11",
    "`StoreUnavailable` says that nothing was written only if that is so, in its field and in its message. If "
    "nothing listens it always says so. A write that took effect, and is not on as many replicas in time as the store "
    "was told to wait for, may have happened.",
    since=3,
)
_must(
    "FAIL-12",
    "A read whose reply is lost or does not come from Redis raises `StoreUnavailable` or is repeated. It never "
    'says "not found" or that a write may have happened, and never returns an empty page.',
    since=2,
)
_must(
    "FAIL-13",
    "After a lost or late reply the calls in flight end, each with its own reply or with `StoreUnavailable`. The "
    "next call gets its own reply, and no connection is left over.",
    since=2,
)
_should("FAIL-14", "A connection that the server closed while it was idle makes no call fail.", since=2)
_should(
    "FAIL-17",
    "When another server has taken over from the one that failed, the open store works again by itself. Until then a "
    "call raises `StoreUnavailable`.",
    "D24",
    "D25",
    since=3,
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
    "Opening logs `task_service_initialized storage_mode=…` once, at INFO, on a line that grep finds, also if opening "
    "then fails.",
    "D30",
    "D31",
)
_must(
    "MODE-07",
    "A store uses exactly one mode from opening to closing. A change of a variable takes effect at the next opening.",
    "D32",
    "D36",
)
_must("MODE-08", "Memory mode works without the redis package and opens no socket, thread or file.", "D09")
_must(
    "MODE-09",
    "Changing the mode takes only the variable and a new opening. Tasks in Redis are not read in memory mode, and "
    "are there again after changing back.",
    "D14",
    "D15",
)
_should(
    "MODE-11",
    "If `.env` sets `USE_REDIS_FOR_TASKS` twice, the last value is used and opening logs a warning.",
    "D41",
)
_must(
    "MODE-12",
    "Malformed settings and malformed lines of `.env` raise `SettingsInvalid`, whose message has one line for each and "
    "no password.",
)
_should(
    "MODE-15",
    "Each setting is accepted at its bounds: `REDIS_PORT` from 1 to 65,535, `REDIS_DB` from 0, timeouts above 0, "
    "`TASK_TTL` from 1 to 3,155,760,000, a century, and `TASK_KEY_PREFIX` with one character or more, of which none "
    "is a brace. A value beyond them raises `SettingsInvalid`.",
    since=3,
)
_should(
    "MODE-17",
    "The port is 6379 and the database 0 by default. `REDIS_URL` replaces host, port and database, or names a "
    "socket; `REDIS_USERNAME` and `REDIS_PASSWORD` are used to log in.",
    since=2,
)
_should(
    "MODE-18",
    "`REDIS_HOST` and `REDIS_PORT` may name any node of a Redis Cluster. Every operation works, and no call fails "
    "because another node has got the tasks.",
    "D24",
    since=3,
)

_must("COST-01", "An operation of a remote store costs at least one request to the server.", "D08")
_should(
    "COST-02",
    "An operation of a remote store costs one request to the server, however many tasks there are. A `get_task` that "
    "finds nothing may cost two. A listing of several partitions costs one to each, and more with an offset. A page or "
    "a task of more than 64 KiB may cost more, and so may a task with unusual numbers, escapes or deep nesting.",
    since=3,
)
_must(
    "COST-04",
    "Memory mode holds every task that was created, and uses more memory the more there are.",
    "D12",
    "D35",
)
_must("COST-05", "Connections, files, threads and timers do not grow with the number of calls.", since=2)

_must(
    "MAINT-01",
    "`purge` removes the final tasks that were completed before the given moment, and no others, and returns how many "
    "it removed.",
    "D29",
)
_must(
    "MAINT-02",
    "Tasks that are migrated from memory keep their ids, times and values, and get the lifetime of the new store.",
    "D37",
)
_should(
    "MAINT-04",
    "`restore` raises `InvalidArgument` for a task that no store could have produced, or whose times are not from 1970 "
    "to 2200 in UTC.",
    since=3,
)


def specification() -> str:
    """The registry as a document for people: what `SPEC.md` holds."""
    musts = sum(one.level is Level.MUST for one in REQUIREMENTS.values())
    lines = [
        "# What a task store promises",
        "",
        f"Revision {REVISION}: {len(REQUIREMENTS)} requirements, {musts} of them MUST. This file is made by",
        "`python -m conformance.spec.requirements`.",
        "",
        "MUST is what any two modes need to be interchangeable and safe. SHOULD is a choice of this contract's that",
        "another store may have made differently, alike in both its modes. D01 to D42 are the statements of",
        "Auto-Clip's document that a requirement decides. *Since* is the first revision that demanded all of it.",
    ]
    for prefix, title in CHAPTERS.items():
        lines += ["", f"## {title}", "", "| | level | requirement | decides | since |", "|---|---|---|---|---|"]
        lines += [
            f"| {one.id} | {one.level} | {one.text} | {', '.join(one.claims)} | {one.since} |"
            for one in REQUIREMENTS.values()
            if one.id.partition("-")[0] == prefix
        ]
    lines += ["", "## Withdrawn", "", "These numbers are not used again.", "", "| | now | reason |", "|---|---|---|"]
    lines += [f"| {number} | {one.now} | {one.reason} |" for number, one in WITHDRAWN.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(specification())
