"""What came of an operation that met a failure, and what the cases demand of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from conformance.cases.operations import Operation, Target
from conformance.cases.table.failures import PASSWORD, Failure
from taskstore import StoreUnavailable, Task, TaskStoreError


class HangsError(Exception):
    """A call did not end."""


@dataclass(repr=False)
class Seen:
    """What came of one cell."""

    failure: Failure
    operation: Operation
    target: Target
    address: str
    expected: Any
    outcome: Any = None
    """What the call returned or raised."""
    beside: Sequence[Any] = ()
    """What the other calls in flight got: each asked for `target.other`."""
    next: Any = None
    """What the next call got, which asked for the same."""
    again: Any = None
    """What came of the same operation afterwards, on another task: an exception, or whether it was right."""
    closed: bool = False
    """Whether closing and the calls that were under way ended while replies were held."""
    left: int = 0
    """Connections that are open and should not be."""
    silent: int = 0
    """Connections that the store keeps though nothing comes on them."""
    misfiled: Sequence[str] = ()
    """The statuses whose listings are wrong about the task afterwards."""
    met: bool = False
    """Whether an exchange was interrupted."""
    shown: str = ""
    """The text of the store."""
    changed: Mapping[str, tuple[Task | None, Task | None]] = field(default_factory=dict)
    """What the call wrote, by id: a task before and after."""
    lost: Sequence[str] = ()
    """The ids of bystanders that are not there any more, or not as they were."""
    logged: list[str] = field(default_factory=list)
    """What was logged."""

    @property
    def answer(self) -> Any:
        """What the call returned."""
        return None if self.error else self.outcome

    @property
    def has_failed(self) -> bool:
        """Whether the call raised something that is not its answer."""
        return self.error is not None and not is_same_refusal(self.error, self.expected)

    @property
    def error(self) -> BaseException | None:
        """What the call raised."""
        return self.outcome if isinstance(self.outcome, BaseException) else None

    def __str__(self) -> str:
        came = f"raised {self.error!r}" if self.error else f"returned {self.answer!r:.200}"
        return f"{self.operation.name}, when {self.failure.name}: {came}"

    __repr__ = __str__


def is_same_refusal(one: object, other: object) -> bool:
    """Whether both are the same refusal by the contract, which a call may have for its answer."""
    return isinstance(one, TaskStoreError) and type(one) is type(other) and str(one) == str(other)


def is_right(seen: Seen) -> bool:
    """Whether an answer is this call's own, and says what is stored."""
    if not seen.operation.changes:
        is_expected = is_same_refusal(seen.error, seen.expected) if seen.error else seen.answer == seen.expected
        return bool(is_expected) and not seen.changed
    ids = list(seen.changed)
    if seen.operation.name == "purge":
        return type(seen.answer) is int and seen.answer == len(ids) == 1
    if seen.operation.name == "restore":
        return seen.answer is None and ids == [seen.target.new.task_id]
    return len(ids) == 1 and bool(seen.changed[ids[0]][1] == seen.answer)


def unavailable(seen: Seen) -> StoreUnavailable:
    """What the call raised, if it is that."""
    if not isinstance(seen.error, StoreUnavailable):
        pytest.fail(f"no StoreUnavailable: {seen}")
    return seen.error


def is_answered(seen: Seen) -> bool:
    """Whether the call was answered, and then rightly; if not, it has to have raised StoreUnavailable."""
    if not seen.has_failed:
        assert is_right(seen), f"a wrong answer, or what it did is not there: {seen}"
        return True
    unavailable(seen)
    return False


def denies_nothing(seen: Seen) -> None:
    """What the call wrote is what it says: an answer, or an exception that does not deny it."""
    if not is_answered(seen):
        error = unavailable(seen)
        assert type(error.write_may_have_happened) is bool, seen
        assert error.write_may_have_happened or not seen.changed, f"a write that happened was denied: {seen}"
        assert seen.operation.writes or not error.write_may_have_happened, (
            f"a read says that it may have written: {seen}"
        )
        assert ("Nothing was written" in str(error)) is not error.write_may_have_happened, seen
        contrary = "nothing was written" if error.write_may_have_happened else "may have happened"
        assert contrary not in str(error).lower(), seen
    assert len(seen.changed) <= 1, f"it took effect more than once: {seen}"
    assert not seen.lost, f"tasks that it is not about are changed or gone: {seen}"
    # A write that broke off in its middle says that it may have happened; the task may be in a wrong index.
    is_told = seen.has_failed and unavailable(seen).write_may_have_happened
    assert is_told or not seen.misfiled, f"the listings of {', '.join(seen.misfiled)} are wrong about the task: {seen}"


def says_what_failed(seen: Seen) -> None:
    """The exception names the kind of failure and the address."""
    error = unavailable(seen)
    assert error.failure_kind in seen.failure.failure_kinds, seen
    assert error.address.startswith(seen.address), seen
    assert error.address in str(error), seen


def says_what_failed_if_it_did(seen: Seen) -> None:
    """The same, where it need not have failed: the store may ask again, or need not ask what the server refuses."""
    if not is_answered(seen):
        says_what_failed(seen)


def others_are_served(seen: Seen) -> None:
    """Calls in flight end, rightly or as unavailable; the next ones are answered; no connection is left."""
    assert not isinstance(seen.error, HangsError), seen
    for answer in seen.beside:
        is_unavailable = isinstance(answer, StoreUnavailable) and not answer.write_may_have_happened
        assert is_unavailable or answer == seen.target.other, f"beside it somebody got {answer!r}: {seen}"
    assert seen.next == seen.target.other, f"the next call got {seen.next!r}: {seen}"
    assert seen.again is True or seen.operation.name == "purge", (
        f"the same call, made again, got {seen.again!r}: {seen}"
    )
    left = seen.left or seen.silent
    assert not left, f"{left} connections are left over: {seen}"


def keeps_the_secret(seen: Seen) -> None:
    """The password is in nothing that came out, and in nothing that was logged."""
    check_hidden(PASSWORD, [seen.shown], "the store")
    check_hidden(PASSWORD, seen.logged, f"the log of {seen}")
    if seen.error is not None:
        check_hidden(PASSWORD, texts_of(seen.error), f"an exception of {seen}")


def check_hidden(secret: str, texts: Iterable[str], where: str) -> None:
    """Assert that a secret is in no text, neither as it is nor as a URL or Python writes it."""
    forms = {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
    for text in texts:
        for form in forms:
            before, found, after = text.partition(form)
            assert not found, f"the password is shown by {where}: …{before[-100:]}{form}{after[:20]}…"


def texts_of(error: BaseException) -> Iterator[str]:
    """All that is printed of an exception and of its causes, and what it holds."""
    found: list[BaseException | None] = [error]
    while found:
        if (one := found.pop()) is not None:
            yield f"{one} {one!r} {one.args!r} {vars(one)!r} {getattr(one, '__notes__', ())!r}"
            found += [one.__cause__, one.__context__]
