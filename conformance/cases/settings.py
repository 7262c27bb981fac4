"""What settings may say, in the environment or in `.env`: which mode, which values, and what comes of a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from conformance.case import Namespace, case
from conformance.cases import environment as env
from conformance.cases.contents import a_request
from conformance.cases.environment import PASSWORD, SWITCH
from taskstore import SettingsInvalid

LINES = (
    "{name}={value}\n",
    "# {name}=wrong\n{name}={value}\n#{name}=wrong\n",
    "{name}={value}\n{name}_OLD=wrong\nOLD_{name}=wrong\n",
    "{name}='{value}'\n",
    '{name}="{value}"\n',
    "export {name}={value}\n",
    "  {name} = {value}  \n",
    "\n# words = '\n{name}={value} # more words\n",
    "{name}={value}\r\n",
    'OTHER_APP="-----BEGIN KEY-----\n{name}=wrong\n-----END KEY-----"\n{name}={value}\n',
)
"""The forms that a line of `.env` may have."""
_OTHERS = "REDIS_PORT=1\nREDIS_DB=7\nREDIS_URL=redis://u:p@h:1/0\nTASK_KEY_PREFIX=another\nOTHER_APP=true\n"


@case("MODE-01", "MODE-06", mode="either")
async def test_the_environment_selects_the_mode(namespace: Namespace) -> None:
    """With the variables of the subject set, each opening says its mode once, at INFO, and the store works."""
    with env.application(namespace) as log:
        for _ in range(2):
            async with namespace.open_from_environment() as store:
                task = await store.create_task(a_request())
                assert (await store.get_task(task.task_id)).task_id == task.task_id
        assert env.said_modes(log) == [namespace.harness.mode] * 2


@case("MODE-01", mode="either")
async def test_dotenv_selects_the_mode(namespace: Namespace) -> None:
    """The same variables in `.env`, and none in the environment, do the same, in every form that a line may have."""
    variables = namespace.harness.environment(namespace.name)
    for line in LINES:
        dotenv = "\n".join(line.format(name=name, value=value) for name, value in variables.items())
        with env.surroundings({}, dotenv) as log:
            await env.open_and_close(namespace)
            assert env.said_modes(log) == [namespace.harness.mode], f"with the .env\n{dotenv}"


@case("MODE-01", mode="memory")
async def test_unset_means_memory(namespace: Namespace) -> None:
    """Without the variable the mode is memory, whatever else is set, with a .env that does not name it and without."""
    for dotenv in (None, "", _OTHERS):
        with env.surroundings({}, dotenv) as log:
            await env.open_and_close(namespace)
            assert env.said_modes(log) == ["memory"], f"with the .env {dotenv!r}"


@case("MODE-03", mode="either")
async def test_the_environment_counts_over_dotenv(namespace: Namespace) -> None:
    """A variable that is set, also long after the store was imported, wins over its line: the way out in tests."""
    with env.application(namespace, dotenv=f"{SWITCH}={env.other_mode(namespace)}\nREDIS_PORT=1\n") as log:
        async with namespace.open_from_environment() as store:
            await store.create_task(a_request())
        assert env.said_modes(log) == [namespace.harness.mode]


@case("MODE-11", mode="either")
async def test_the_last_of_two_lines_counts_and_is_said(namespace: Namespace) -> None:
    """A .env with the variable twice, in any forms of a line: the last counts, and the log warns of the variable."""
    variables = dict(namespace.harness.environment(namespace.name))
    mine, other = variables.pop(SWITCH), env.other_mode(namespace)
    for first, last in product(("", *LINES[::3]), LINES[1::4]):
        lines = f"{first}\n# local Redis\n".format(name=SWITCH, value=other) + last.format(name=SWITCH, value=mine)
        with env.surroundings(variables, lines) as log:
            await env.open_and_close(namespace)
            assert env.said_modes(log) == [namespace.harness.mode], f"with the .env\n{lines}"
            warned = any(line.startswith("WARNING") and SWITCH in line for line in log.read_text("utf-8").splitlines())
            assert warned == bool(first), f"a warning: {warned}, with the .env\n{lines}"


MALFORMED_URLS = (
    f"redis://u:{PASSWORD}@127.0.0.1:port/0",
    f"http://u:{PASSWORD}@127.0.0.1",
    f"redis://u:{PASSWORD}@127.0.0.1/one?x={PASSWORD}",
    f"u:{PASSWORD}@127.0.0.1:6379",
    *(f"redis://u:{PASSWORD}{mark}x@127.0.0.1:6379/0" for mark in "/?#"),  # not percent-encoded, as it has to be
)
MALFORMED_LINES = (
    f"{SWITCH}='true\nREDIS_HOST=h\n",
    f"{SWITCH}: true\n",
    f"REDIS_PASSWORD='{PASSWORD}\n{SWITCH}=true\n",
    f"{SWITCH}=true\nOTHER APP = true\n",
    f"{SWITCH}=false\nREDIS_PASSWORD {PASSWORD}\n",
)


@case("MODE-12", mode="either")
async def test_malformed_settings_are_named(namespace: Namespace) -> None:
    """One line for each wrong variable and for each malformed one of .env, and the password in none."""
    wrong = {SWITCH: "maybe", "REDIS_PORT": "70000", "REDIS_DB": "-1", "REDIS_PASSWORD": PASSWORD}
    assert await _refused(namespace, wrong, "", SWITCH, "REDIS_PORT", "REDIS_DB") == [1, 1, 1]
    lines = f"{SWITCH}: true\nTASK_TTL=5\nREDIS_PORT\nREDIS_TIMEOUT=one\n"
    assert await _refused(namespace, {SWITCH: "false"}, lines, ".env", "REDIS_TIMEOUT") == [2, 1]
    for url in MALFORMED_URLS:
        assert await _refused(namespace, {"REDIS_URL": url}, "", "REDIS_URL") == [1]
    for content in (b"\xff\xfe", *(line.encode() for line in MALFORMED_LINES)):
        assert (await _refused(namespace, {}, content, ".env"))[0], f"expected .env in a line about {content!r}"


async def _refused(namespace: Namespace, variables: Mapping[str, str], dotenv: str | bytes, *names: str) -> list[int]:
    """On how many lines of the refusal each name stands."""
    with env.application(namespace, variables, dotenv), pytest.raises(SettingsInvalid) as refused:
        await env.open_and_close(namespace)
    assert PASSWORD not in f"{refused.value} {refused.value!r}", "the refusal shows the password"
    return [sum(name in line for line in str(refused.value).splitlines()) for name in names]


_TAKEN = {
    "REDIS_PORT": ("1", "65535"),
    "REDIS_DB": ("0", "15"),
    "REDIS_HOST": ("h", "::1"),
    "REDIS_URL": ("redis://h", "redis://h:1/3", "rediss://:secret@h:6380/0", "unix:///run/redis.sock"),
    "REDIS_TIMEOUT": ("0.1", "60"),
    "TASK_KEY_PREFIX": ("p", "a:b*"),
    "TASK_TTL": ("1", "3155760000"),
}
_REFUSED = {
    "REDIS_PORT": ("", "0", "65536", "1.5", "http"),
    "REDIS_DB": ("", "-1", "one"),
    "REDIS_HOST": ("", "h:6379", "h/0"),
    "REDIS_URL": ("http://h", "h:6379", "redis://h:70000/0", "redis://h:0/0", "redis://h/one", "redis://h?x=1"),
    "REDIS_TIMEOUT": ("", "0", "-1", "inf", "nan", "soon"),
    "TASK_KEY_PREFIX": ("", "a{b", "}"),
    "TASK_TTL": ("", "0", "0.5", "-1", "3155760001", "a week"),
}


@case("MODE-15", mode="either")
async def test_settings_have_bounds(namespace: Namespace) -> None:
    """A value at a bound is taken, and one beyond it is named, also in memory mode: half a second is not none."""
    for name, values in _TAKEN.items():
        for value in values:
            with env.surroundings({SWITCH: "false", name: value}):
                await env.open_and_close(namespace)
    for switch in dict.fromkeys(("false", namespace.harness.environment(namespace.name)[SWITCH])):
        for name, values in _REFUSED.items():
            for value in values:
                found = await _refused(namespace, {SWITCH: switch, name: value}, "", name)
                assert found[0], f"the refusal of {value!r} does not name {name}"
