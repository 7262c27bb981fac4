"""What settings may say, in the environment or in `.env`, and what comes of a wrong one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance.case import Namespace, NotApplicable, case
from conformance.cases.contents import check_same, fill
from conformance.cases.environment import (
    SWITCH,
    application,
    closed_port,
    open_and_close,
    other_mode,
    said_mode,
    surroundings,
    user_with,
)
from conformance.cases.modes import LINES
from conformance.cases.passwords import MALFORMED_URLS
from conformance.cases.table.failures import PASSWORD
from conformance.harness import Capability, HookMissingError
from conformance.strategies import a_request
from taskstore import SettingsInvalid, StoreUnavailable


@case("LIST-10", mode="redis")
async def test_prefixes_that_are_nearly_the_same_are_not(namespace: Namespace) -> None:
    """TASK_KEY_PREFIX separates stores by every character of it, whatever stands at its ends, however long it is."""
    names = (*(namespace.name + end for end in NEARLY), *(f"{mark}{namespace.name}" for mark in ":_. "))
    others = [Namespace(namespace.harness, name) for name in names]
    if "TASK_KEY_PREFIX" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the subject has no such setting")
    try:
        with application(namespace):
            async with namespace.open_from_environment() as store:
                mine = await fill(store, namespace)
                before = await mine.seen(store)
        for other in others:
            # A user of the server may have the right to keys that begin with the namespace, and to no others.
            refusals = () if other.name.startswith(namespace.name) else (StoreUnavailable,)
            with application(other), contextlib.suppress(*refusals):
                async with other.open_from_environment() as store:
                    assert await mine.met(store) == [], other.name
                    await (await fill(store, other)).outcomes(store)
            with application(namespace):
                async with namespace.open_from_environment() as store:
                    check_same(await mine.seen(store), before)
    finally:
        for other in others:
            namespace.harness.discard(other.name)


NEARLY = (
    *(":", "::", " ", "*", "?", "[a]", "\\", ".", "-", "0", ":0", ":task", "é", "e\u0301"),
    *("%", "%s", "%(a)s", "$1", "#", "%41"),
    *(f"{'-' * 150}{end}" for end in "01"),
)
"""What stands behind the end of a prefix: what means something in a pattern, a format or a key, among others."""


def warnings_of(log: Path) -> list[str]:
    """The warnings about the variable."""
    lines = log.read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("WARNING") and SWITCH in line]


@case("MODE-11", mode="either")
async def test_the_last_of_two_lines_counts_and_is_said(namespace: Namespace) -> None:
    """A .env with the variable twice, in any forms of a line: the last counts, and the log warns of the variable."""
    variables = dict(namespace.harness.environment(namespace.name))
    mine, other = variables.pop(SWITCH), other_mode(namespace)
    twice = [
        f"{first.format(name=SWITCH, value=value)}\n# local Redis\n{second.format(name=SWITCH, value=mine)}"
        for value in (other, mine)
        for first in LINES
        for second in LINES
    ]
    for dotenv in (*twice, *(f"{SWITCH}={one}\n{SWITCH}={two}\n{SWITCH}={mine}\n" for one, two in PAIRS)):
        with surroundings(variables, dotenv) as log:
            async with namespace.open_from_environment() as store:
                await store.create_task(a_request())
            assert said_mode(log) == [namespace.harness.mode], dotenv
            assert warnings_of(log), f"opening did not say that the variable stands twice in\n{dotenv}"
    with application(namespace, {}, f"{SWITCH}={mine}\n{SWITCH}={other}\n") as log:
        await open_and_close(namespace)
        assert warnings_of(log), "opening did not say it of a variable that the environment sets too"
    if namespace.harness.mode == "redis":
        with (
            closed_port() as port,
            surroundings({**variables, "REDIS_PORT": str(port)}, f"{SWITCH}={other}\n{SWITCH}={mine}\n") as log,
        ):
            with contextlib.suppress(StoreUnavailable):
                await open_and_close(namespace)
            assert warnings_of(log), "an opening that fails did not say it"
    for dotenv in (line.format(name=SWITCH, value=mine) for line in LINES):
        with surroundings(variables, dotenv) as log:
            await open_and_close(namespace)
            assert warnings_of(log) == [], f"opening warns of a variable that stands once in\n{dotenv}"


PAIRS = (("true", "false"), ("false", "true"), ("true", "true"), ("false", "false"))


MALFORMED = (
    f"{SWITCH}='true\nREDIS_HOST=h\n",
    f"{SWITCH}: true\n",
    f"{SWITCH}:true\n",
    f"REDIS_PASSWORD='{PASSWORD}\n{SWITCH}=true\n",
    f"OTHER_APP='true\n{SWITCH}=true\n",
    f"{SWITCH}=true\nOTHER APP = true\n",
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
    for url in MALFORMED_URLS:
        with application(namespace, {"REDIS_URL": url}), pytest.raises(SettingsInvalid) as refused:
            await open_and_close(namespace)
        assert [line for line in str(refused.value).splitlines() if "REDIS_URL" in line], url
        assert PASSWORD not in f"{refused.value} {refused.value!r}"
    lines = f"{SWITCH}: true\nTASK_TTL=5\nREDIS_PORT\nREDIS_DB=one\n"
    with surroundings({}, lines), pytest.raises(SettingsInvalid) as refused:
        await open_and_close(namespace)
    shown = str(refused.value).splitlines()
    assert [sum(name in line for line in shown) for name in (".env", "REDIS_DB")] == [2, 1]
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
OPTIONAL = (("REDIS_WAIT_REPLICAS", "-1", "1.5"), ("REDIS_WAIT_MILLISECONDS", "-1", "1.5"))
"""Settings that a store may do without, and what none of them may be."""


@case("MODE-03", mode="either")
async def test_each_variable_counts_over_its_line_in_dotenv(namespace: Namespace) -> None:
    """An exported value hides the line in `.env`, whichever of the two is right, and so does an empty one."""
    right = {SWITCH: "false", **{name: value for name, value, *_ in TAKEN}}
    wrong = {SWITCH: ("maybe", ""), **{name: (values[-1], "") for name, *values in REFUSED}}
    for name, value in right.items():
        for other in wrong[name]:
            if await opens(namespace, {name: other}):  # what is refused is for another requirement
                continue
            assert await opens(namespace, {name: value}, f"{name}={other}\n"), name
            assert not await opens(namespace, {name: other}, f"{name}={value}\n"), name


async def opens(namespace: Namespace, variables: Mapping[str, str], dotenv: str | None = None) -> bool:
    """Whether a store in memory mode can be opened with these variables."""
    with surroundings({SWITCH: "false", **variables}, dotenv) as log:
        try:
            await open_and_close(namespace)
        except HookMissingError:
            raise
        except Exception:  # noqa: BLE001  which one is for another requirement
            return False
        assert said_mode(log) == ["memory"]
        return True


@case("MODE-15", mode="either")
async def test_settings_have_bounds(namespace: Namespace) -> None:
    """Whatever the mode, a value at a bound is taken, and one beyond it is named: half a second is not none."""
    own = namespace.harness.environment(namespace.name)[SWITCH]
    for switch in dict.fromkeys(("false", own)):
        for name, *values in TAKEN:
            # In Redis mode the server may be another one then, which does not answer, or refuse another prefix.
            is_elsewhere = switch != "false" and name != "TASK_TTL"
            for value in values:
                with (
                    application(namespace, {"REDIS_CONNECT_TIMEOUT": "0.2", SWITCH: switch, name: value}),
                    contextlib.suppress(*((StoreUnavailable,) if is_elsewhere else ())),
                ):
                    async with namespace.open_from_environment() as store:
                        assert (await store.list_tasks()).total == 0
        right = {name: value for name, value, *_ in TAKEN}
        refuses = list(REFUSED)
        for name, *values in OPTIONAL:
            if not await opens(namespace, {name: "some"}):  # the store has this setting
                right[name] = "1"
                refuses.append((name, *values))
        for name, *values in refuses:
            for value in values:
                dotenv = f"{name}={right[name]}\n"
                with (
                    application(namespace, {SWITCH: switch, name: value}, dotenv),
                    pytest.raises(SettingsInvalid) as refused,
                ):
                    await open_and_close(namespace)
                assert name in str(refused.value)


@case("MODE-03", needs=Capability.REMOTE, mode="redis")
async def test_a_login_counts_over_its_line_in_dotenv(namespace: Namespace) -> None:
    """The name and the password of the environment are used, whichever of the two sources is right."""
    with user_with(namespace, PASSWORD) as user:
        right = {"REDIS_USERNAME": user, "REDIS_PASSWORD": PASSWORD}
        for name, wrong in (("REDIS_USERNAME", "nobody"), ("REDIS_PASSWORD", "another")):
            if await lists(namespace, {**right, name: wrong}):  # that it is not used is for another requirement
                continue
            assert await lists(namespace, right, f"{name}={wrong}\n"), name
            assert not await lists(namespace, {**right, name: wrong}, f"{name}='{right[name]}'\n"), name


async def lists(namespace: Namespace, variables: Mapping[str, str], dotenv: str | None = None) -> bool:
    """Whether a store that is opened with these variables can list."""
    try:
        with application(namespace, variables, dotenv):
            async with namespace.open_from_environment() as store:
                await store.list_tasks(limit=0)
    except StoreUnavailable:
        return False
    return True
