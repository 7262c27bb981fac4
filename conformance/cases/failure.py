"""A server that fails is never "not found" and never an empty list, and the exception says what to do."""

from __future__ import annotations

import asyncio

from conformance.case import Namespace, case
from conformance.cases.environment import closed_port, silent_port
from conformance.cases.operations import READS, WRITES, make_target, operations_of, operations_on
from conformance.cases.table.bench import credentials, outcome_of
from conformance.cases.table.failures import (
    BUSY,
    CANCELLED,
    CLOSED,
    CUT,
    DENIED,
    FULL,
    IDLE,
    LATE,
    LOST,
    NO_REDIS,
    ODD,
    PASSWORD,
    PATIENT,
    READ_ONLY,
    REFUSED,
    REPEATS,
    SAYS_NO,
    SILENT,
)
from conformance.cases.table.play import away, logged, table
from conformance.cases.table.seen import (
    Seen,
    check_hidden,
    denies_nothing,
    is_answered,
    keeps_the_secret,
    others_are_served,
    says_what_failed,
    says_what_failed_if_it_did,
    texts_of,
    unavailable,
)
from conformance.harness import Capability
from taskstore import StoreNotOpen, StoreUnavailable, TaskNotFound

LOOK_UPS = tuple(one for one in READS if one.name.startswith("get"))


@case("FAIL-01", needs=Capability.REMOTE)
async def test_nothing_listening_is_not_not_found(namespace: Namespace) -> None:
    """Each operation raises StoreUnavailable, as unreachable."""
    with closed_port() as port:
        await away(namespace, REFUSED[0], port, says_what_failed)


@case("FAIL-01", "FAIL-11", needs=Capability.REMOTE)
async def test_nothing_listening_any_more_is_not_not_found(namespace: Namespace) -> None:
    """The same on a store that had a connection; when something listens again it goes on."""
    await table(namespace, REFUSED, says_what_failed, wrote_nothing, others_are_served)


@case("FAIL-11", needs=Capability.REMOTE)
async def test_nothing_listening_means_that_nothing_was_written(namespace: Namespace) -> None:
    """A request that never left did not happen, and the exception says so, in its field and in words."""
    with closed_port() as port:
        await away(namespace, REFUSED[0], port, wrote_nothing)


@case("FAIL-01", needs=Capability.REMOTE)
async def test_a_silent_server_is_not_not_found(namespace: Namespace) -> None:
    """A server that accepts and never answers raises StoreUnavailable once the time is over."""
    with silent_port() as port:
        await away(namespace, SILENT[0], port, says_what_failed)


@case("FAIL-01", needs=Capability.REMOTE)
async def test_a_server_that_goes_silent_is_not_not_found(namespace: Namespace) -> None:
    """The same of one that has answered before."""
    await table(namespace, SILENT, says_what_failed, others_are_served)


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_is_in_no_message(namespace: Namespace) -> None:
    """Whether the server is away or silent, no exception, no cause of it, no log and no store shows the password."""
    with closed_port() as closed, silent_port() as silent:
        for failure, port in ((REFUSED[0], closed), (SILENT[0], silent)):
            await away(namespace, failure, port, keeps_the_secret)


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_that_is_refused_is_in_no_message(namespace: Namespace) -> None:
    """The same where the server no longer takes the password."""
    await table(namespace, DENIED[:1], unavailable, keeps_the_secret)


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_is_in_no_refusal(namespace: Namespace) -> None:
    """No exception of a store that has logged in shows the password: of any call, of a wrong one, of a closed store."""
    operations = operations_of(namespace.harness.capabilities)
    with credentials(namespace) as url, logged() as lines:
        async with namespace.harness.open_at(namespace.name, url, PATIENT) as store:
            target = await make_target(store)
            outcomes = [await outcome_of(one.call(store, target)) for one in operations]
            outcomes.append(await outcome_of(store.update_task_status(target.other.task_id, "no status")))
            outcomes.append(await outcome_of(store.list_tasks(limit=-1)))
            if Capability.SHARED in namespace.harness.capabilities:
                namespace.inspector.overwrite(target.other.task_id, b"not a record")
                outcomes += [await outcome_of(call()) for call in operations_on(store, target.other.task_id).values()]
            shown = [f"{store} {store!r}"]
        outcomes += [await outcome_of(one.call(store, target)) for one in operations]
        shown += [f"{store} {store!r}", *lines]
    shown += [text for one in outcomes if isinstance(one, BaseException) for text in texts_of(one)]
    check_hidden(PASSWORD, shown, "what came out")


@case("FAIL-06", needs=Capability.REMOTE)
async def test_out_of_memory_is_said(namespace: Namespace) -> None:
    """A write that the server has no memory for raises, did not happen, and reading goes on; a purge may go through."""
    await table(namespace, (FULL,), refuses_writes, others_are_served)


@case("FAIL-06", needs=Capability.REMOTE)
async def test_read_only_is_said(namespace: Namespace) -> None:
    """A write to a replica raises and did not happen; what is there can be read, and is never 'not found'."""
    await table(namespace, (READ_ONLY,), refuses_writes, others_are_served)


@case("FAIL-06", needs=Capability.REMOTE)
async def test_a_busy_server_is_said(namespace: Namespace) -> None:
    """While a script of somebody else's runs every call raises, and did not happen."""
    await table(namespace, (BUSY,), says_what_failed, wrote_nothing, others_are_served)


@case("FAIL-06", needs=Capability.REMOTE)
async def test_what_the_server_says_is_told(namespace: Namespace) -> None:
    """An error in the place of an answer is called what it is, whatever was asked, and is no answer."""
    await table(namespace, SAYS_NO, says_what_failed_if_it_did, denies_nothing)


def wrote_nothing(seen: Seen) -> None:
    """The call has failed, and says that nothing was written, which is so."""
    assert unavailable(seen).write_may_have_happened is False, seen
    assert "Nothing was written" in str(seen.error), seen
    assert not seen.changed, seen


def refuses_writes(seen: Seen) -> None:
    """A write has failed, and had no effect; a read was answered.

    What changes nothing may be answered, and to purge takes no memory.
    """
    may_be_answered = not seen.operation.changes or (seen.failure is FULL and seen.operation.name == "purge")
    if may_be_answered and is_answered(seen):
        return
    if seen.operation.writes:
        says_what_failed(seen)
        wrote_nothing(seen)
    else:
        assert is_answered(seen), seen


@case("FAIL-11", needs=Capability.REMOTE)
async def test_a_lost_answer_denies_no_write(namespace: Namespace) -> None:
    """A write says "nothing was written" only if that is so, whichever of its answers is lost or is no answer."""
    await table(namespace, (*LOST, *NO_REDIS), denies_nothing, operations=WRITES)


@case("FAIL-11", needs=Capability.REMOTE)
async def test_a_late_answer_denies_no_write(namespace: Namespace) -> None:
    """The same of a write whose answer does not come in time, or whose request does not arrive in time."""
    await table(namespace, (*LATE, *SILENT), denies_nothing, operations=WRITES)


@case("FAIL-11", needs=Capability.REMOTE)
async def test_a_refusal_denies_no_write(namespace: Namespace) -> None:
    """The same where the user of the server may not call some commands: what was done before that is not denied."""
    await table(namespace, DENIED, denies_nothing)


@case("ID-02", needs=(Capability.CALLER_IDS, Capability.REMOTE))
async def test_a_create_that_fails_names_its_id(namespace: Namespace) -> None:
    """What it wrote is under the id that it names, which is the caller's if it gave one; no other call names one."""
    await table(namespace, (*REFUSED, *LOST, *LATE, *NO_REDIS, *SAYS_NO, BUSY, READ_ONLY, FULL), names_its_id)


@case("FAIL-13", needs=Capability.REMOTE)
async def test_a_read_that_is_cut_off_finds_out_nothing(namespace: Namespace) -> None:
    """It raises StoreUnavailable or asks again, which is neither "not found" nor an empty page."""
    failures = (*LOST, CUT, *LATE[:1], *SAYS_NO[1:3])
    await table(namespace, failures, denies_nothing, operations=READS)


@case("FAIL-13", needs=Capability.REMOTE)
async def test_what_speaks_no_redis_is_not_not_found(namespace: Namespace) -> None:
    """What answers as a web server does, at once or after it has answered as Redis does, is no server of tasks."""
    await table(namespace, NO_REDIS, is_answered)


@case("FAIL-13", needs=Capability.REMOTE)
async def test_answers_to_something_else_are_not_not_found(namespace: Namespace) -> None:
    """From any of its questions on, a look-up gets numbers: whatever it raises, it is not that there is no task."""
    await table(namespace, (ODD,), is_not_not_found, operations=LOOK_UPS)


def is_not_not_found(seen: Seen) -> None:
    """A call whose answers were replaced has not found out that there is no task."""
    assert not (seen.met and isinstance(seen.error, TaskNotFound)), seen


@case("FAIL-01", needs=Capability.REMOTE)
async def test_whatever_failed_is_called_what_it_is(namespace: Namespace) -> None:
    """However a call fails, the exception names the kind of failure and the address."""
    await table(namespace, (*LOST, *LATE, *NO_REDIS, *DENIED), says_what_failed_if_it_did)


@case("FAIL-13", needs=Capability.REMOTE)
async def test_after_a_failure_everybody_is_served(namespace: Namespace) -> None:
    """Calls beside one that fails end rightly, the next ones get their own answers, and no connection is left over."""
    await table(namespace, (*LOST, *LATE, *NO_REDIS[1:], *SAYS_NO[1:4]), others_are_served)


@case("FAIL-17", needs=Capability.REMOTE)
async def test_an_open_store_works_again_when_the_server_is_back(namespace: Namespace) -> None:
    """Whether it has failed at the first call or later: once something listens at the address again, calls succeed."""
    await table(namespace, REFUSED, others_are_served)


@case("FAIL-14", needs=Capability.REMOTE)
async def test_a_connection_that_was_closed_while_idle_costs_no_call(namespace: Namespace) -> None:
    """However the server closed it, the next call succeeds, whichever it is."""
    await table(namespace, IDLE, was_answered, others_are_served)


@case("API-04", needs=Capability.REMOTE)
async def test_closing_ends_the_calls_that_still_wait(namespace: Namespace) -> None:
    """A store that is closed while calls wait for a connection or an answer ends them at once, with its exceptions."""
    await table(namespace, CLOSED, was_closed)


@case("ATOM-06", needs=Capability.REMOTE)
async def test_a_call_that_is_cancelled_takes_nobody_with_it(namespace: Namespace) -> None:
    """Cancelled before its connection is open, its request is read or its answer is there, it harms no other call."""
    await table(namespace, CANCELLED, was_cancelled, others_are_served)


# What other cases have played is not played again, so these two stand at the end.


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_that_was_taken_is_in_no_message(namespace: Namespace) -> None:
    """Whatever comes in the place of an answer, nothing that is said of it shows the password."""
    await table(namespace, (*REFUSED, *LATE, *LOST, *NO_REDIS, *SAYS_NO, REPEATS), keeps_the_secret)


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_is_in_no_message_about_a_server_that_refuses(namespace: Namespace) -> None:
    """The same of one that is silent, refuses or ends the connection, and of calls that are cancelled or closed."""
    failures = (*SILENT, *DENIED, BUSY, READ_ONLY, FULL, *IDLE, *CANCELLED, *CLOSED)
    await table(namespace, failures, keeps_the_secret)


def names_its_id(seen: Seen) -> None:
    """A create that has failed names the id that it used, and no other call one."""
    if is_answered(seen):
        return
    named = unavailable(seen).task_id
    creates = seen.operation.name.startswith("create")
    given = {
        "create under an id": seen.target.new,
        "create again": seen.target.task,
        "create under a taken id": seen.target.bystanders[0],
    }
    assert (named is not None) is creates, seen
    assert not creates or list(seen.changed) in ([], [named]), seen
    assert seen.operation.name not in given or named == given[seen.operation.name].task_id, seen


def was_answered(seen: Seen) -> None:
    """Nobody has noticed."""
    assert is_answered(seen), seen


def was_closed(seen: Seen) -> None:
    """Closing has ended the calls: each was answered or has failed, and none has waited for a reply that was held."""
    assert seen.closed, f"closing waits for the call, or leaves one waiting: {seen}"
    if not isinstance(seen.error, StoreNotOpen):
        denies_nothing(seen)
    for one in seen.beside:
        assert isinstance(one, StoreUnavailable | StoreNotOpen) or one == seen.target.other, one
    assert not seen.left, seen


def was_cancelled(seen: Seen) -> None:
    """The caller alone was cancelled, and its call took effect once at most."""
    assert isinstance(seen.error, asyncio.CancelledError), seen
    assert list(seen.beside) == [seen.target.other] * len(seen.beside), seen
    assert len(seen.changed) <= 1, seen
