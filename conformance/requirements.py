"""The registry: every law that the suite decides, each with a number, a level and a text.

Numbers never change meaning. MUST is what any two modes need to be interchangeable and safe. SHOULD is a choice of this
contract's that another store may have made differently. `claims` are the rows of Auto-Clip's document that the law
decides (D01 to D42); every law bears on D33, "the API and its behaviour are identical in both modes", which is decided
by comparing the modes case by case and stands at none.
"""

# ruff: noqa: T201  run as a program it prints the specification

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How binding a requirement is, as in RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


@dataclass(frozen=True)
class Requirement:
    """One numbered law."""

    id: str
    level: Level
    text: str
    claims: tuple[str, ...]
    since: int = 1
    """The revision of the specification that brought it."""

    @property
    def refusal(self) -> str | None:
        """The exception that it demands, where it says "refused with"."""
        found = re.search(r"[Rr]efuse[ds] (?:every call )?with (\w+)", self.text)
        return found and found.group(1)


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
    "CARE": "Care",
}


def _law(level: Level, number: str, text: str, *claims: str, since: int) -> None:
    if number in REQUIREMENTS:
        raise ValueError(f"requirement {number} is there already")
    REQUIREMENTS[number] = Requirement(number, level, text, claims, since)


def _must(number: str, text: str, *claims: str, since: int = 1) -> None:
    _law(Level.MUST, number, text, *claims, since=since)


def _should(number: str, text: str, *claims: str, since: int = 1) -> None:
    _law(Level.SHOULD, number, text, *claims, since=since)


_must("API-01", "The five operations have the documented names and are all asynchronous.", "D38")
_must("API-02", "Each of the five operations works.", "D01", "D39")
_must("API-03", "A closed store refuses every call with StoreNotOpen.")
_should("API-04", "A store used on a second event loop refuses with StoreNotOpen, in either mode.")
_should("API-05", "An argument of another kind than stated is refused with InvalidArgument, which names it.", since=2)
_should("API-06", "Exceptions are equal, in hash too, when their facts are, and survive pickling.", since=2)
_should(
    "API-07", "Closing a store ends the calls that still wait for an answer, with an exception of its own.", since=2
)

_must(
    "VAL-01", "What is accepted as config comes back equal in value and type, from every operation and after updates."
)
_must("VAL-02", "Changing what was passed to create_task changes nothing in the store.")
_must("VAL-03", "Changing what an operation returned changes nothing in the store.")
_must("VAL-04", "A task that was returned does not change when the stored task does.")
_must(
    "VAL-05", "A config that is not a JSON object of JSON values is refused with InvalidArgument and nothing is stored."
)
_should("VAL-06", "Nesting 100 deep is accepted; deeper is refused with InvalidArgument.")
_should("VAL-07", "An integer of 4,300 digits keeps them all; a longer one is refused with InvalidArgument.")
_should(
    "VAL-08", "A task of 1 MiB of JSON is accepted; a larger one is refused with InvalidArgument, at create and update."
)
_must(
    "VAL-09",
    "Texts come back as they were, whatever their characters; a lone surrogate is refused with InvalidArgument.",
)
_must("VAL-10", "Timestamps are aware and in UTC.")
_must("VAL-11", "metadata holds webhook_url and config under those names, and None where none was given.")
_should("VAL-12", "A task is an immutable value: setting a field raises.")

_must(
    "LIFE-01",
    "A new task is pending, at progress 0, without step, result, error or completion, with its video ids in order.",
)
_must("LIFE-02", "From a status that is not final every status can follow.")
_must("LIFE-03", "Every write returns the task that a following get returns.")
_must("LIFE-04", "An argument left at None leaves its field as it is.")
_must("LIFE-05", "Completing sets progress to 100 and completed_at.")
_should("LIFE-06", "Completing with another progress than 100 is refused with InvalidArgument.")
_must("LIFE-07", "Failing keeps the error message and traceback and sets completed_at.")
_should("LIFE-08", "An error with another status than failed is refused with InvalidArgument.")
_must("LIFE-09", "Cancelling sets the status to cancelled and nothing else but times.")
_must("LIFE-10", "An update of a final task is refused with TaskFinal, which names its state.")
_must("LIFE-11", "A cancel of a completed or failed task is refused with TaskFinal, which names its state.")
_must("LIFE-12", "Repeating the write that made a task final succeeds and moves no time.")
_should("LIFE-13", "A progress that is not a finite number from 0 to 100 is refused with InvalidArgument.")
_must("LIFE-14", "A refused call changes nothing, updated_at included.")
_must("LIFE-15", "An update or cancel of an unknown id is refused with TaskNotFound and creates nothing.")
_must("LIFE-16", "An unknown status is refused with InvalidArgument.")
_must("LIFE-17", "An update keeps created_at, and updated_at never goes back.")
_should("LIFE-18", "Cancelling sets completed_at.")

_must("ATOM-01", "Of concurrent updates of different fields of one task none is lost.")
_must(
    "ATOM-02",
    "Of a cancel and a completion that race one wins, the other is told with TaskFinal, and every instance agrees.",
)
_must("ATOM-03", "An update or cancel never brings back a task that has expired or was purged.")
_must("ATOM-04", "Tasks created concurrently are all there.")
_must("ATOM-05", "Each write takes effect exactly once.")
_must("ATOM-06", "A call that is cancelled gives no other call a wrong answer.", since=2)
_must("ATOM-07", "Of many calls at once each gets its own answer, and none fails for being one of many.", since=2)

_must("LIST-01", "A listing is newest first, by creation, whatever was updated since.")
_must("LIST-02", "Tasks created at the same microsecond are in a fixed order: by id, descending.")
_must("LIST-03", "total counts exactly the live tasks that match, on the page or not.")
_must("LIST-04", "Pages of a quiet store join without gap or overlap.")
_must("LIST-05", "limit=0 is an empty page with the total.")
_must(
    "LIST-06",
    "A limit or offset that is negative, not a whole number, or beyond the maximum is refused with InvalidArgument.",
)
_must("LIST-07", "A status filter gives exactly the tasks of that status, in the same order.")
_must("LIST-08", "An offset past the end is an empty page with the total.")
_should("LIST-09", "A page names its limit and offset; the defaults are 50 and 0.")
_must(
    "LIST-10", "Tasks and keys of a neighbour, even one whose name begins alike, are never shown, counted or removed."
)
_must(
    "LIST-11",
    "A task whose record was removed behind the store's back is never listed, and no longer counted once a page has "
    "come to its place.",
)
_must(
    "LIST-12",
    "Pages by cursor bring every task that is there throughout, and matches the filter throughout, exactly once and in "
    "order, whatever is written meanwhile, also to the task that the cursor names. The last page has no cursor.",
    since=3,
)
_must(
    "LIST-13",
    "A cursor is the microsecond of creation, a dot and the id of the last task of its page; what is no such text, and "
    "a cursor with an offset, is refused with InvalidArgument.",
    since=3,
)

_must("EXP-01", "After its lifetime a task is gone from get, list, total, update and cancel alike.", "D10")
_must("EXP-02", "Until the end of its lifetime a task is there.", "D10")
_must("EXP-03", "Every successful write renews the lifetime.")
_must("EXP-04", "Once expired tasks were listed, nothing is left of them.", "D10")
_must("EXP-05", "In a store that does not expire, nothing goes by itself.", "D11")
_must("EXP-06", "The lifetime is 7 × 24 × 3600 s by default.", "D34")
_must("EXP-07", "The lifetime can be set.")
_should("EXP-08", "A store that is written to and never listed lets go of what has expired.", since=2)
_should(
    "EXP-09",
    "Of a shared store in which everything has expired nothing is left after another lifetime, also if nobody calls.",
    since=2,
)

_must("ID-01", "Ids never collide.")
_should("ID-02", "An id is task_ and at least 32 random hexadecimal digits.")
_must("ID-03", "Any text is a valid question to get_task: the answer to an unknown one is TaskNotFound.")
_must("ID-04", "An id is never taken for a pattern.")
_must("ID-05", "Creating never overwrites: a task restored under a taken id is refused with TaskExists.")

_must("DUR-01", "In a persistent store tasks outlive the application that wrote them.", "D04")
_must("DUR-02", "In a persistent store tasks outlive a restart of the server that saves to disk.", "D04")
_must("DUR-03", "In a store that is not persistent an application starts empty.", "D05", "D13")
_must("SHARE-01", "In a shared store an instance sees at once what another wrote.", "D06")
_must("SHARE-02", "In a store that is not shared an instance sees only its own tasks.", "D07")
_must("SHARE-03", "The stored record can be read by another client: JSON that holds every field.", "D06")

_must(
    "FAIL-01",
    "With nothing listening every operation raises StoreUnavailable: no false 'not found', no empty list.",
    "D27",
)
_must("FAIL-02", "With nothing listening StoreUnavailable says that no write happened.")
_must("FAIL-03", "With nothing listening opening from settings raises StoreUnavailable.", "D27")
_should(
    "FAIL-04",
    "StoreUnavailable says what to check: redis-cli ping and the REDIS_* settings, in English and Chinese.",
    "D27",
)
_must("FAIL-05", "A password is in no message and no repr.")
_must(
    "FAIL-06",
    "On a server that is out of memory a write raises StoreUnavailable, which says so, and did not happen.",
)
_must(
    "FAIL-07",
    "On a server that is read-only a write raises StoreUnavailable, which says so, and did not happen.",
)
_must(
    "FAIL-08",
    "A server that accepts and then stays silent raises StoreUnavailable: no false 'not found', no empty list.",
)
_must("FAIL-09", "A record that cannot be read is refused with RecordUnreadable, which names its key.")
_must("FAIL-10", "A record that cannot be read does not take the listing down, which names its key.")
_must("FAIL-11", "A write whose answer is lost, or comes too late, is never said not to have happened.", since=2)
_must("FAIL-12", "A read whose answer is lost raises StoreUnavailable or asks again: no false 'not found'.", since=2)
_must(
    "FAIL-13",
    "After a lost or late answer the next call gets its own; calls under way are told, and no connection is left over.",
    since=2,
)
_should("FAIL-14", "A connection that the server closed while nobody used it costs no call.", since=2)
_must("FAIL-15", "What answers and is no Redis raises StoreUnavailable: no false 'not found'.", since=2)
_should("FAIL-16", 'StoreUnavailable says "Nothing was written" in its words exactly where that is so.', since=2)

_must("MODE-01", "USE_REDIS_FOR_TASKS in the environment selects the mode.", "D02", "D15")
_must("MODE-02", "USE_REDIS_FOR_TASKS in .env selects the mode.", "D02")
_must("MODE-03", "The environment counts over .env.", "D28")
_must("MODE-04", "With USE_REDIS_FOR_TASKS unset the mode is memory.")
_must("MODE-05", "REDIS_HOST, REDIS_PORT and REDIS_DB say where Redis is.", "D03")
_must(
    "MODE-06", "Opening logs task_service_initialized storage_mode=… at INFO, once, where grep finds it.", "D30", "D31"
)
_must(
    "MODE-07",
    "The mode of an opened store is fixed: a variable that changes later changes nothing until the next opening.",
    "D32",
)
_must("MODE-08", "Memory mode works where Redis cannot be imported, and opens no socket, thread or file.", "D09")
_must(
    "MODE-09",
    "Tasks in Redis stay there when the mode is switched to memory, unread, and show again on the way back.",
    "D14",
)
_must("MODE-10", "A switch takes the variable and a new opening, nothing else.", "D15")
_should("MODE-11", "Where .env gives USE_REDIS_FOR_TASKS twice the last counts, and opening says so in the log.", "D41")
_must("MODE-12", "Malformed settings are refused with SettingsInvalid: one line for each, and no password.")
_must("MODE-13", "One opening uses exactly one mode.", "D36")
_must("MODE-14", "Setting os.environ in conftest.py forces memory mode in tests.", "D26")
_should("MODE-15", "Each setting is taken at its bounds, and beyond them refused with SettingsInvalid.", since=2)
_should("MODE-16", "REDIS_USERNAME and REDIS_PASSWORD are what the server is told.", since=2)
_should("MODE-17", "Port 6379 and database 0 are meant where none is named; REDIS_URL names all, or a socket.", since=2)

_must("COST-01", "An operation of a remote store costs at least one request to the server.", "D08")
_should("COST-02", "An operation of a remote store costs exactly one request to the server, at any number of tasks.")
_must("COST-03", "Memory mode uses more memory the more tasks there are.", "D12")
_must("COST-04", "Memory mode holds every task it was given.", "D35")
_must("COST-05", "Connections, files, threads and timers do not grow with the number of calls.", since=2)

_must("CARE-01", "purge removes the final tasks completed before a moment, and no other.", "D29")
_must(
    "CARE-02",
    "Tasks carried over from memory keep ids, times and values, and get the lifetime of the new store.",
    "D37",
)
_must("CARE-03", "Carrying tasks over again leaves those that are there as they are.")
_should("CARE-04", "restore refuses with InvalidArgument a task that no store could have produced.", since=2)


def specification() -> str:
    """The registry as a document for people: what `SPEC.md` holds."""
    lines = [
        "# What a task store promises",
        "",
        f"Revision {REVISION}: {len(REQUIREMENTS)} requirements. made by `python -m conformance.requirements`.",
        "",
        "MUST is what any two modes need to be interchangeable and safe; SHOULD is a choice of this contract's that",
        "another store may have made differently, alike in both its modes. D01 to D42 are the statements of",
        "Auto-Clip's document that a requirement decides.",
    ]
    for prefix, title in CHAPTERS.items():
        lines += ["", f"## {title}", "", "| | level | requirement | decides | since |", "|---|---|---|---|---|"]
        lines += [
            f"| {law.id} | {law.level} | {law.text} | {', '.join(law.claims)} | {law.since} |"
            for law in REQUIREMENTS.values()
            if law.id.partition("-")[0] == prefix
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(specification())
