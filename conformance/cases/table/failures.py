"""The ways to fail: what goes wrong, when, and what an exception may call it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from conformance.subjects.proxy import Action, Stage
from taskstore import FailureKind

PASSWORD = "s3cret-w0rd"
PATIENT, IMPATIENT = 8.0, 0.4
"""The timeouts of a store that is not to run into them, and of one that is, in seconds."""


class Then(Enum):
    """What a caller does while a call is held."""

    CANCEL = "the caller is cancelled"
    CLOSE = "the store is closed"


@dataclass(frozen=True)
class Failure:
    """One way to fail. `stage` and `action` are the proxy's; a failure without them is brought about by hand."""

    name: str
    failure_kinds: tuple[FailureKind, ...]
    """What an exception may call it."""
    stage: Stage | None = None
    action: Action = Action.CUT
    text: bytes = b""
    early: bool = False
    """It meets the first call of a store, and not one on a connection that has served others."""
    seconds: float = PATIENT
    rounds: int = 100
    """How many exchanges of a call are interrupted, one in each round, if the call has so many."""
    times: int = 1
    """How many exchanges fail from that one on, until the call has ended."""
    rule: str = ""
    """What is changed about the user of the server, as ACL SETUSER takes it."""
    makes: FailureKind | None = None
    """What the server's owner brings about."""
    then: Then | None = None
    """What the caller does when the call has met it."""


LOADING_REPLY = b"-LOADING Redis is loading the dataset in memory\r\n"
GONE = (FailureKind.BROKEN, FailureKind.UNREACHABLE)
LATE_KINDS = (FailureKind.TIMEOUT, FailureKind.UNREACHABLE)
HTTP_REPLY = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def _early_and_warm(name: str, kinds: tuple[FailureKind, ...], *exchange: Any) -> tuple[Failure, Failure]:
    warm = Failure(f"{name}, on a warm connection", kinds, *exchange)
    return replace(warm, name=f"{name}, at the first call", early=True, rounds=2), warm


def _held(name: str, stage: Stage, *, early: bool = False, times: int = 1) -> Failure:
    return Failure(name, LATE_KINDS, stage, Action.HOLD, early=early, seconds=IMPATIENT, rounds=1, times=times)


REFUSED = _early_and_warm("nothing listens", (FailureKind.UNREACHABLE,))
SILENT = (
    _held("no greeting is answered", Stage.CONNECT, early=True, times=1_000),
    _held("the server goes silent", Stage.REQUEST, times=1_000),
)
LATE = _held("the answer is late", Stage.REPLY), _held("half of the answer is late", Stage.MIDDLE)
LOST = (
    *_early_and_warm("the answer is lost", GONE, Stage.REPLY, Action.CUT),
    *_early_and_warm("half of the answer is lost", GONE, Stage.MIDDLE, Action.RESET),
    Failure("the connection breaks before the answer", GONE, Stage.REPLY, Action.RESET),
    Failure("the connection ends in the middle of the answer", GONE, Stage.MIDDLE, Action.CUT),
    Failure("the connection breaks before the request is read", GONE, Stage.REQUEST, Action.RESET),
    Failure("what accepts ends at once", GONE, Stage.CONNECT, Action.CUT, early=True, rounds=1),
)
CUT = Failure("every answer is lost", GONE, Stage.REPLY, rounds=1, times=1_000)
"""A store may ask again for what it reads."""
NO_REDIS = (
    *_early_and_warm("a web server answers", GONE, Stage.REQUEST, Action.ANSWER, HTTP_REPLY),
    Failure("the answer is not Redis's", GONE, Stage.REPLY, Action.ANSWER, HTTP_REPLY),
)
ODD = Failure("the answers are numbers", GONE, Stage.REQUEST, Action.ANSWER, b":7\r\n", times=1_000)
"""No question about one task is answered so, except for whether it is there: then 7 is not "no"."""
_ERRORS = (
    (FailureKind.BUSY, "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
    (FailureKind.REFUSED, "NOPERM this user has no permissions to run the command"),
    (FailureKind.REFUSED, "NOAUTH Authentication required."),
    (FailureKind.OUT_OF_MEMORY, "OOM command not allowed when used memory > 'maxmemory'."),
    (FailureKind.READ_ONLY, "READONLY You can't write against a read only replica."),
    (FailureKind.READ_ONLY, "MISCONF Redis is configured to save RDB snapshots, but cannot persist to disk."),
    (FailureKind.BROKEN, "ERR something else is wrong"),
)
SAYS_NO = (
    *_early_and_warm("the server says LOADING", (FailureKind.LOADING,), Stage.REQUEST, Action.ANSWER, LOADING_REPLY),
    *(
        Failure(f"the server says {text.split()[0]}", (kind,), Stage.REQUEST, Action.ANSWER, f"-{text}\r\n".encode())
        for kind, text in _ERRORS
    ),
)
"""Errors that the proxy answers in the server's place: a real server cannot be made to give each of them here."""
REPEATED_REPLY = (
    f"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '{PASSWORD}' \r\n".encode()
)
REPEATS = Failure(
    "an old server repeats what it does not know",
    (FailureKind.BROKEN, FailureKind.REFUSED),
    Stage.REQUEST,
    Action.ANSWER,
    REPEATED_REPLY,
    early=True,
    rounds=2,
)
BUSY, READ_ONLY, FULL = (
    Failure(f"the server is {failure_kind}", (failure_kind,), makes=failure_kind)
    for failure_kind in (FailureKind.BUSY, FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY)
)
_DENIED_COMMANDS = (
    "@write",
    "@read",
    "@scripting",
    "set",
    "hset",
    "zadd",
    "zrem",
    "unlink",
    "del",
    "pexpire",
    "pexpireat",
)
DENIED = tuple(
    Failure(f"the user's rules are {rule}", (FailureKind.REFUSED,), rule=rule, early=rule == "resetpass")
    for rule in ("resetpass", *(f"-{one}" for one in _DENIED_COMMANDS))
)
"""One has no password any more; the others may not call some commands."""
IDLE = tuple(Failure(f"the idle connection is {action}", (), action=action) for action in (Action.CUT, Action.RESET))

CANCELLED, CLOSED = (
    tuple(
        Failure(f"{then.value} in the middle of a {stage}", (), stage, Action.HOLD, rounds=1, then=then, early=early)
        for stage, early in ((Stage.CONNECT, True), (Stage.REQUEST, False), (Stage.REPLY, False), (Stage.MIDDLE, False))
    )
    for then in Then
)
