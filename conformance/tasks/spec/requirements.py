"""The registry: every requirement that the suite decides, each with a number, a level and a text.

MUST is what any two modes need to be interchangeable and safe. A SHOULD is our choice: another store may choose
otherwise, if its two modes agree. No statement of Auto-Clip's document is decided here: `statements` does
that, by the document's own words.

A number keeps its meaning. A number that is missing is not used again.
"""

# ruff: noqa: T201  run as a program it prints the specification

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """One numbered requirement."""

    id: str
    level: str
    """How binding it is, as in RFC 2119: MUST or SHOULD."""
    text: str


_TABLE = """
# API The interface
API-02 MUST
    `create_task`, `get_task`, `list_tasks`, `update_task_status` and `cancel_task` are coroutine functions, which
    succeed with valid arguments.
API-03 MUST
    Every operation of a closed store raises `StoreNotOpen`.
API-04 SHOULD
    A store that is used on a second event loop raises `StoreNotOpen`. Closing a store ends the calls that still
    wait for a reply: they raise `StoreUnavailable` or `StoreNotOpen`.
API-05 SHOULD
    An argument of the wrong type raises `InvalidArgument`. Every `InvalidArgument` names the argument, or the field
    of the request. Arguments are checked before a task is looked up.
# VAL Values
VAL-01 MUST
    `metadata` holds `webhook_url` and `config`, `None` where none was given. A config comes back equal in value and
    type from every operation.
VAL-02 MUST
    Changing an object that was passed in or returned changes nothing in the store. A later write does not change a
    task that was returned earlier. This is about changes through an object's public interface.
VAL-05 MUST
    A config that is not a JSON object of JSON values raises `InvalidArgument`, and nothing is stored.
VAL-06 SHOULD
    A store accepts integers from −2⁶³ to 2⁶⁴−1, 100 levels of nesting, and tasks of 1 MiB, counted as `MAX_BYTES`
    in `contract.py` says. Larger values raise `InvalidArgument`; if a task is too large, it names `task`.
VAL-09 MUST
    A text comes back unchanged, whatever characters it holds. To store one with a lone surrogate raises
    `InvalidArgument`.
VAL-10 MUST
    Timestamps are timezone-aware and in UTC, to the millisecond at least.
# LIFE Life cycle
LIFE-01 MUST
    A new task is `pending`, at progress 0, with its video ids in the given order. Its `current_step` is the empty
    text, and it has no result, error or `completed_at`.
LIFE-02 MUST
    A task that is not final can be given any status, as a `TaskStatus` or its text. An unknown status raises
    `InvalidArgument`.
LIFE-03 MUST
    Every write returns the task that a following `get_task` and a following listing return.
LIFE-04 MUST
    An update sets every field whose argument is given, and leaves a field as it is if its argument is `None`.
LIFE-05 MUST
    Completing sets progress to 100, and failing stores the given error message and traceback. Both set
    `completed_at`.
LIFE-09 MUST
    `cancel_task` sets the status to `cancelled` and changes no other field but times.
LIFE-10 MUST
    An update or cancel that would change a final task raises `TaskFinal`, which states its status. A repeated call,
    which would change only times, succeeds and changes nothing.
LIFE-13 SHOULD
    An update raises `InvalidArgument` for a progress that is not a finite number from 0 to 100, for `completed`
    with another progress than 100, and for an error without `failed`.
LIFE-14 MUST
    A call that raises `InvalidArgument` or `TaskFinal` changes nothing, `updated_at` included.
LIFE-17 MUST
    A write that changes a task keeps `created_at` and sets `updated_at` to the time of the write. `updated_at` and
    `completed_at` never go back, even if the clock does. An update with equal values may keep times and lifetime.
LIFE-18 SHOULD
    `cancel_task` sets `completed_at`.
# ATOM Atomicity
ATOM-01 MUST
    Every write that succeeds takes effect exactly once: no concurrent one is lost or repeated. An update or cancel
    never brings back a task that has expired or was purged.
ATOM-02 MUST
    If a cancel and a completion race, one succeeds and the other raises `TaskFinal`, and every instance sees the
    same status.
ATOM-06 MUST
    Each of up to 10,000 concurrent calls returns its own result, and none fails because there are many. Cancelling
    a call does not affect the others.
# LIST Listing
LIST-01 MUST
    A listing is in descending order of `created_at`, then of `task_id`. An update does not move a task.
LIST-03 MUST
    A listing holds only tasks of the given status, if one is given. `total` counts every matching task once,
    whatever the page, also while others write.
LIST-04 MUST
    A page has `limit` tasks, or all that are left. The pages of a store that does not change join without gap or
    repetition. With `limit=0` or past the end the page is empty and has the total.
LIST-06 MUST
    An integer `limit` from 0 to 1,000 and `offset` from 0 to 10¹² are accepted; others raise `InvalidArgument`.
    They are 50 and 0 by default, and a page states them.
LIST-10 MUST
    Stores with different namespaces never show, count or remove each other's tasks and keys, even if one name
    begins with the other.
LIST-11 MUST
    A task whose record was removed behind the store's back is never listed. `total` may count it until a listing
    comes across it.
LIST-12 MUST
    If a caller pages by cursor (`after`), a task that exists and matches during all the calls is on exactly one
    page, in order. The cursor's task may be changed or removed meanwhile. The last page has no cursor.
LIST-13 MUST
    A cursor has the last task of its page: its creation time in microseconds since 1970, a dot, and its id. It may
    be used with another status or limit. Other text, and a cursor with an offset, raises `InvalidArgument`.
# EXP Expiry
EXP-01 MUST
    As in Redis, a task still lives when exactly its lifetime has passed; a millisecond later it is gone for get,
    list, total, update and cancel alike.
EXP-03 MUST
    Every write that changes a task renews its lifetime.
EXP-04 MUST
    After a listing, storage holds nothing of the tasks that had expired.
EXP-05 MUST
    In a store that does not expire tasks, no task disappears by itself.
EXP-06 MUST
    The default lifetime is 7 × 24 × 3600 seconds.
EXP-08 SHOULD
    Later writes remove expired tasks from storage. If nobody calls a shared store whose tasks expire, nothing is
    left in storage two lifetimes after the last write.
# ID Identity
ID-01 MUST
    No two tasks get the same id from the store.
ID-02 SHOULD
    An id that the store makes is `task_` and at least 32 random hexadecimal digits. One that a caller gives to
    `create_task` has 1 to 256 visible ASCII characters; others raise `InvalidArgument`. If `create_task` fails,
    `StoreUnavailable.task_id` has the id.
ID-03 MUST
    `get_task`, `update_task_status` and `cancel_task` raise `TaskNotFound` for any text that is not the id of a
    task, and create nothing. An id is never used as a pattern.
ID-06 MUST
    `create_task` with the id of a live task and an equal request (in value and type, whatever the order of keys)
    changes nothing and returns that task. Another request raises `TaskExists`. After expiry or purge the id is
    free.
# DUR Durability
DUR-01 MUST
    In a persistent store tasks survive the end of the application that wrote them, and a restart of the server if
    it saves to disk.
DUR-03 MUST
    In a store that is not persistent an application starts without tasks.
# SHARE Sharing
SHARE-01 MUST
    In a shared store an instance sees at once what another instance wrote.
SHARE-02 MUST
    In a store that is not shared an instance sees only its own tasks.
# FAIL Failure
FAIL-01 MUST
    If nothing listens or the server stays silent, every operation raises `StoreUnavailable`, never "not found" or
    an empty page. So does opening from settings if nothing listens. Its `failure_kind` says what failed, and its
    `address` where.
FAIL-04 SHOULD
    Opening raises `StoreUnavailable` also if Redis stays silent. It states the address, with port and database, and
    says in English and Chinese what to check (`redis-cli ping`, the `REDIS_*` settings) and how to go on without
    Redis (`USE_REDIS_FOR_TASKS=false`).
FAIL-05 MUST
    No message, `repr`, field or note of an exception or of its causes, no log and no `repr` of a store holds a
    password.
FAIL-06 MUST
    A call that the server ends with an error raises `StoreUnavailable`, which says why; a write that it refuses
    because it is out of memory, read-only or busy has no effect.
FAIL-09 MUST
    If `get_task` or a write cannot read what it needs of a record, it raises `RecordUnreadable` with the key, and
    leaves the record unless `write_may_have_happened` is true. A page has the key in `unreadable` instead; `total`
    counts it.
FAIL-11 MUST
    If no server listens, `StoreUnavailable` says "nothing was written" in its message, and
    `write_may_have_happened` is false. After other failures it says so only if it is true.
FAIL-13 MUST
    If a reply is lost or late, a call in flight gets its own reply or `StoreUnavailable`, never another call's; no
    read gives a false "not found" or empty page. The next call gets its own reply. No connection leaks.
FAIL-14 SHOULD
    A connection that the server closed while it was idle makes no call fail.
FAIL-17 SHOULD
    When another server has taken over from the one that failed, the open store works again by itself. Until then a
    call raises `StoreUnavailable`.
# MODE Modes and settings
MODE-01 MUST
    `USE_REDIS_FOR_TASKS` selects the mode, in the environment or in `.env`. If it is unset the mode is memory.
MODE-03 MUST
    The environment takes precedence over `.env`, so setting `os.environ` in `conftest.py` forces memory mode in
    tests.
MODE-05 MUST
    `REDIS_HOST`, `REDIS_PORT` and `REDIS_DB` say where Redis is.
MODE-06 MUST
    Opening logs one line with `task_service_initialized storage_mode=redis` (or `memory`), at INFO, also if opening
    then fails.
MODE-07 MUST
    A store uses one mode from opening to closing. A change of the variable takes effect at the next opening, and
    nothing else is needed. Tasks in Redis are not read in memory mode, and are there after changing back.
MODE-08 MUST
    Memory mode works without the redis package and opens no socket, thread, or file but `.env`.
MODE-17 SHOULD
    The port is 6379 and the database 0 by default. `REDIS_URL` replaces host, port and database; `REDIS_USERNAME`
    and `REDIS_PASSWORD` are used to log in.
MODE-18 SHOULD
    `REDIS_HOST` and `REDIS_PORT` may name any node of a Redis Cluster. Every operation works, whichever node has
    the tasks.
# COST Cost
COST-01 MUST
    A remote store answers nothing from a cache: each call that it accepts costs a request to the server.
COST-02 SHOULD
    An operation of a remote store costs one request, and a listing one to each partition, for any number of tasks.
    Pages beyond 1 MiB, cleaning up, and offsets with several partitions may cost more.
COST-04 MUST
    A store keeps every task that has not expired and was not purged, so memory mode needs more memory for more.
COST-05 MUST
    Connections, files, threads and timers do not grow with the number of calls.
# MAINT Maintenance
MAINT-01 MUST
    `purge` removes the tasks that became final before the given moment, and no others, and returns how many it
    removed.
MAINT-02 MUST
    A task that is restored (`restore`) keeps its id, times and values, and its lifetime begins anew. Restoring
    under a taken id raises `TaskExists` and leaves the stored task as it is.
"""
"""Under the title of each group its requirements: number and level, and on the next lines the text."""

_ENTRIES = re.findall(r"^([A-Z]+-\d+) (MUST|SHOULD)\n((?: .*\n)+)", _TABLE, re.MULTILINE)
REQUIREMENTS = {number: Requirement(number, level, " ".join(lines.split())) for number, level, lines in _ENTRIES}
GROUPS = dict(re.findall(r"^# (\S+) (.+)", _TABLE, re.MULTILINE))
"""By the prefix of its numbers, the title of a group."""


_PREFACE = """
# What a task store promises

{count} requirements. This file is made by `python -m conformance.tasks.spec.requirements`.

MUST is what any two modes need to be interchangeable and safe. A SHOULD is our choice: another store may
choose otherwise, if its two modes agree. Dropped numbers stay unused.

`completed`, `failed` and `cancelled` are the *final* statuses. An *instance* is an open store object.
Its *namespace*, such as a key prefix, is where its tasks are, each stored as a *record*. A namespace may
be divided into *partitions*, so that several nodes can share it. A store declares whether its tasks
outlive the instance (*persistent*), whether all instances on a namespace see the same tasks (*shared*),
whether tasks expire, and whether there is a server, which can fail (*remote*). It also declares whether
callers choose ids, whether there are cursors (`after`), and maintenance: `purge` removes final tasks,
`restore` stores a task as it is. A requirement about a capability applies only to stores that declare it.
Arguments and fields are those of `taskstore/contract.py` and `taskstore/values.py`.
"""


def specification() -> str:
    """The registry as a document for people: what `SPEC.md` holds."""
    lines = [_PREFACE.strip().format(count=len(REQUIREMENTS))]
    for prefix, title in GROUPS.items():
        lines += ["", f"## {title}", "", "| | requirement |", "|---|---|"]
        for number, requirement in REQUIREMENTS.items():
            if number.startswith(f"{prefix}-"):
                lines.append(f"| {number} {requirement.level} | {requirement.text} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(specification())
