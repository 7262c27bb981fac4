"""What settings may say, in the environment or in `.env`, and what comes of a wrong one."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from conformance.case import Namespace, NotApplicable, case
from conformance.cases.environment import (
    SWITCH,
    application,
    elsewhere,
    open_and_close,
    other_mode,
    said_mode,
    surroundings,
)
from conformance.cases.table.failures import PASSWORD
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import FailureKind, SettingsInvalid, StoreUnavailable, TaskNotFound


@case("MODE-03", mode="either")
async def test_each_variable_counts_over_its_line_in_dotenv(namespace: Namespace) -> None:
    """An exported value hides the line in .env, whichever of the two is right, and so does an empty one."""
    for name, right, wrong in (("REDIS_PORT", "6379", "http"), ("REDIS_DB", "1", "one"), (SWITCH, "false", "maybe")):
        for other in (wrong, ""):
            with surroundings({SWITCH: "false", name: right}, f"{name}={other}\n") as log:
                async with namespace.open_from_environment():
                    pass
                assert said_mode(log) == ["memory"]
            hidden = surroundings({SWITCH: "false", name: other}, f"{name}={right}\n")
            with hidden, pytest.raises(Exception):  # noqa: B017, PT011  which one is for another requirement
                await open_and_close(namespace)


@case("MODE-05", needs=Capability.REMOTE, mode="redis")
async def test_a_database_of_any_number_may_be_named(namespace: Namespace) -> None:
    """Whether there is one of that number the server says, and no bound of the store's own."""
    if not namespace.harness.spare_database():
        raise NotApplicable("the server has one database")
    for number in ("16", "99", "100", "150", "1000"):
        with application(namespace, {"REDIS_DB": number}), contextlib.suppress(StoreUnavailable):
            await open_and_close(namespace)


@case("MODE-05", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB names, and to no other."""
    if not (database := namespace.harness.spare_database()):
        raise NotApplicable("the server has one database")
    spare = {"REDIS_DB": str(database)}
    with application(namespace, spare):
        async with namespace.open_from_environment() as store:
            elsewhere = await store.create_task(a_request())
    with application(namespace):
        async with namespace.open_from_environment() as store:
            with pytest.raises(TaskNotFound):
                await store.get_task(elsewhere.task_id)
    with application(namespace, spare):
        async with namespace.open_from_environment() as store:
            assert await store.get_task(elsewhere.task_id) == elsewhere


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_where_redis_is_has_defaults(namespace: Namespace) -> None:
    """Port 6379 and database 0, in REDIS_URL too, which may name a socket and wins over host, port and database."""
    nobody = "192.0.2.1"  # for examples, RFC 5737: no machine has it
    for variables, words in (
        ({"REDIS_HOST": nobody}, f"{nobody}:6379/0"),
        ({"REDIS_URL": f"redis://{nobody}"}, f"{nobody}:6379/0"),
        ({"REDIS_URL": f"redis://{nobody}/3"}, f"{nobody}:6379/3"),
        ({"REDIS_URL": f"redis://{nobody}?db=7"}, f"{nobody}:6379/7"),
        ({"REDIS_URL": f"redis://{nobody}", "REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_DB": "5"}, f"{nobody}:6379/0"),
        ({"REDIS_URL": "unix:///nowhere/redis.sock"}, "/nowhere/redis.sock"),
    ):
        with (
            elsewhere(namespace, {"REDIS_CONNECT_TIMEOUT": "0.1", **variables}),
            pytest.raises(StoreUnavailable) as raised,
        ):
            await open_and_close(namespace)
        assert words in raised.value.address


def warnings_of(log: Path) -> list[str]:
    """The warnings about the variable."""
    lines = log.read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("WARNING") and SWITCH in line]


@case("MODE-11", mode="either")
async def test_the_last_of_two_lines_counts_and_is_said(namespace: Namespace) -> None:
    """A .env with the variable twice, as the document shows: the last line counts, and the log names the variable."""
    variables = dict(namespace.harness.environment(namespace.name))
    mine = variables.pop(SWITCH)
    for first in (other_mode(namespace), mine):
        with surroundings(variables, f"{SWITCH}={first}\n# local Redis\n{SWITCH}={mine}\n") as log:
            async with namespace.open_from_environment() as store:
                await store.create_task(a_request())
            assert said_mode(log) == [namespace.harness.mode]
            assert len(warnings_of(log)) == 1, "opening did not say that the variable stands twice"
    with surroundings(variables, f"# once\n{SWITCH}={mine}\n") as log:
        await open_and_close(namespace)
        assert warnings_of(log) == [], "opening warns of a variable that stands once"


MALFORMED = (
    f"{SWITCH}='true\nREDIS_HOST=h\n",
    f"{SWITCH}: true\n",
    f"{SWITCH}:true\n",
    f"REDIS_PASSWORD='{PASSWORD}\n{SWITCH}=true\n",
)


@case("MODE-12", mode="either")
async def test_malformed_settings_are_named(namespace: Namespace) -> None:
    """One line for each wrong variable and for a malformed .env, and the password in none."""
    wrong = {SWITCH: "maybe", "REDIS_PORT": "70000", "REDIS_DB": "-1", "REDIS_PASSWORD": PASSWORD}
    for dotenv, named in (("", ()), (f"TASK_TTL=never\n{SWITCH}: true\n", (".env",))):
        with application(namespace, wrong, dotenv), pytest.raises(SettingsInvalid) as refused:
            await open_and_close(namespace)
        for name in (SWITCH, "REDIS_PORT", "REDIS_DB", *named):
            assert sum(name in line for line in str(refused.value).splitlines()) == 1, name
        assert PASSWORD not in f"{refused.value} {refused.value!r}"
    for content in (b"\xff\xfe", *(line.encode() for line in MALFORMED)):
        with application(namespace):
            Path(".env").write_bytes(content)
            with pytest.raises(SettingsInvalid) as refused:
                await open_and_close(namespace)
        assert ".env" in str(refused.value)
        assert PASSWORD not in f"{refused.value} {refused.value!r}"


TAKEN = (
    ("REDIS_PORT", "1", "65535"),
    ("REDIS_DB", "0", "15"),
    ("REDIS_HOST", "h", "::1", "[::1]"),
    ("REDIS_URL", "redis://h", "redis://h/", "redis://h:1/3", "rediss://:secret@h:6380/0", "unix:///run/redis.sock"),
    ("REDIS_CONNECT_TIMEOUT", "0.1", "60"),
    ("REDIS_TIMEOUT", "0.1", "60"),
    ("TASK_KEY_PREFIX", "p", "a:b*"),
    ("TASK_TTL", "1", "3155760000"),
)
REFUSED = (
    ("REDIS_PORT", "", "0", "65536", "1.5", "http"),
    ("REDIS_DB", "", "-1", "one"),
    ("REDIS_HOST", "", "h:6379", "h/0", "[::1"),
    (
        "REDIS_URL",
        "http://h",
        "h:6379",
        "redis://h:70000/0",
        "redis://h:0/0",
        "redis://h/one",
        "redis://h:port/0",
        "redis://h?x=1",
    ),
    ("REDIS_CONNECT_TIMEOUT", "", "0", "-1", "inf", "nan", "soon"),
    ("REDIS_TIMEOUT", "", "0", "-1", "inf", "nan", "soon"),
    ("TASK_KEY_PREFIX", "", "a{b", "}"),
    ("TASK_TTL", "", "0", "0.5", "-1", "3155760001", "a week"),
)


@case("MODE-15", mode="either")
async def test_settings_have_bounds(namespace: Namespace) -> None:
    """Whatever the mode, a value at a bound opens the store, and one beyond it is named: half a second is not none."""
    for name, *values in TAKEN:
        for value in values:
            with application(namespace, {SWITCH: "false", name: value}):
                async with namespace.open_from_environment() as store:
                    assert (await store.list_tasks()).total == 0
    right = {name: value for name, value, *_ in TAKEN}
    for name, *values in REFUSED:
        for value in values:
            dotenv = f"{name}={right[name]}\n"
            with (
                application(namespace, {SWITCH: "false", name: value}, dotenv),
                pytest.raises(SettingsInvalid) as refused,
            ):
                await open_and_close(namespace)
            assert name in str(refused.value)


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_credentials_are_told_to_the_server(namespace: Namespace) -> None:
    """The server knows the user by the right password, and refuses a wrong one, beside a URL too, and in one."""
    by_name = {"REDIS_USERNAME": namespace.name, "REDIS_PASSWORD": PASSWORD}
    forms = [by_name]
    given = namespace.harness.environment(namespace.name)
    if "REDIS_HOST" in given and "REDIS_TLS" not in given:
        where = f"{given['REDIS_HOST']}:{given.get('REDIS_PORT', '6379')}/{given.get('REDIS_DB', '0')}"
        forms += [{**by_name, "REDIS_URL": f"redis://{where}"}]
        forms += [{"REDIS_URL": f"redis://{namespace.name}:{PASSWORD}@{where}"}]
    namespace.harness.administer("ACL", "SETUSER", namespace.name, "on", f">{PASSWORD}", "~*", "&*", "+@all")
    try:
        for right in forms:
            with application(namespace, right):
                async with namespace.open_from_environment() as store:
                    task = await store.create_task(a_request())
                    assert await store.get_task(task.task_id) == task
            wrong = {name: value.replace(PASSWORD, "another") for name, value in right.items()}
            with application(namespace, wrong), pytest.raises(StoreUnavailable) as refused:
                await open_and_close(namespace)
            assert refused.value.failure_kind is FailureKind.REFUSED
    finally:
        namespace.harness.administer("ACL", "DELUSER", namespace.name)
