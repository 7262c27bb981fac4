"""The scripts that are printed under failures: each is saved as a file, run, and shows what the failure says."""

from __future__ import annotations

import json
import linecache
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conformance import replay
from conformance.engine.script import source
from conformance.engine.written import written
from conformance.tour.plan import plan
from tests.sample import SAMPLE

DUMP = """
import json, random

def pytest_collection_modifyitems(items):
    drawn = random.Random({seed})
    items[:] = [one for one in items if drawn.random() < {share}]

def pytest_runtest_logreport(report):
    if hasattr(report.longrepr, "reprcrash"):
        crash = report.longrepr.reprcrash
        script = dict(report.sections).get("a script that plays it again without pytest", "")
        with open("failures.jsonl", "a") as file:
            print(json.dumps([report.nodeid, crash.message, crash.path, crash.lineno, script]), file=file)
"""
SHARES = {"documented-memory": 1.0, "documented-redis": 0.3}
"""The share of the tests that is run, chosen at random: those on a server take minutes."""
RUN_ALL = """
import contextlib, io, json, pathlib, runpy, sys, time, traceback
import pytest

for file in sorted(pathlib.Path().glob("script_*.py")):
    raised = ["", "", []]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            runpy.run_path(str(file), run_name="__main__")
        except BaseException as error:
            lines = [frame.line for frame in traceback.extract_tb(error.__traceback__)]
            raised = [pytest.ExceptionInfo.from_exception(error).exconly(), type(error).__name__, lines]
    print(json.dumps([out.getvalue(), *raised]), flush=True)
"""
VARYING = re.compile(r"task_[0-9a-f]{12}|datetime\.datetime\([^)]*(timezone\.utc\))?\)|, and the clock says .*")


SECONDS = 15
"""Of the tour: what breaks a requirement shows in them, and scenes on large stores are left out."""
TWICE = re.compile(r"list_tasks gave a page of \d+ of \d+ tasks: .*'(task_\w+)'.*'\1'.*; expected")
TOTALS = re.compile(r"list_tasks gave a page of \d+ of (\d+) tasks(?:: .*?)?; expected a page of \d+ of (\d+) tasks")
"""SCAN may give a key twice while the server changes the size of its table: that of the tour, with all its keys. The
page shows it, or a total that is too large."""
RACE = "; in the nearest one "
"""What follows depends on which of the calls came first."""
BY_CHANCE = {"test_an_unreadable_record_does_not_take_the_list_down", "test_a_store_belongs_to_one_event_loop"}
"""Cases that documented-redis fails in one of two ways: by which record SCAN finds first, and by whether redis-py finds
out that it is used in another loop."""


class Failure(NamedTuple):
    """A test that failed, where it did, and its script."""

    test: str
    message: str
    path: str
    line: int
    script: str


class Shown(NamedTuple):
    """What a script printed and raised, and the lines of the traceback."""

    printed: str
    raised: str
    kind: str
    lines: list[str]


def failures_of(subject: str, folder: Path) -> list[Failure]:
    """The failed tests of a run on a subject, those of SHOULDs included; not what a slow machine had no time for."""
    (folder / "dump.py").write_text(DUMP.replace("{share}", str(SHARES[subject])).replace("{seed}", str(SAMPLE)))
    command = [sys.executable, "-m", "pytest", "-p", "dump", "--pyargs", "conformance", "--conformance-seed", "1"]
    command += ["--conformance-store", subject, "--conformance-seconds", str(SECONDS)]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    found = [Failure(*json.loads(line)) for line in (folder / "failures.jsonl").read_text().splitlines()]
    return [one for one in found if not one.message.startswith("TimeoutError")]


def run_all(scripts: list[str], folder: Path) -> Iterator[Shown]:
    """What scripts show that are run one after the other in a process."""
    for number, script in enumerate(scripts):
        (folder / f"script_{number:03}.py").write_text(script)
    (folder / "run_all.py").write_text(RUN_ALL)
    ran = subprocess.run(
        [sys.executable, "run_all.py"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    for line in ran.stdout.splitlines():
        yield Shown(*json.loads(line))


def shows(failure: Failure, shown: Shown) -> bool:
    """Whether a script shows what a failure says."""
    words, _, _ = failure.message.partition("\n")
    if "test_requirement_" in failure.test:
        number = failure.test.partition("test_requirement_")[2].partition("[")[0]
        said, _, _ = VARYING.sub("…", words.removeprefix("Failed: ")).partition(RACE)
        printed = [line.partition(RACE)[0] for line in shown.printed.splitlines()]
        found = [line for line in printed if re.match(rf"[A-Z0-9, -]*{number}[,:]", line)]
        totals = TOTALS.search(words)
        is_twice = TWICE.search(words) or (totals and int(totals[1]) > int(totals[2]))
        if is_twice and "depends on chance" in shown.printed:
            return True
        return shown.raised == "SystemExit: 1" and any(VARYING.sub("…", one).endswith(f": {said}") for one in found)
    if failure.test.partition("::")[2].partition("[")[0] in BY_CHANCE:
        return shown.kind not in ("", "SystemExit")
    if shown.kind == "AssertionError":
        return linecache.getline(failure.path, failure.line).strip() in shown.lines
    return VARYING.sub("…", shown.raised.partition("\n")[0]) == VARYING.sub("…", words)


@pytest.mark.once
@pytest.mark.usefixtures("few_plugins")
@pytest.mark.parametrize("subject", ["documented-memory", "documented-redis"])
def test_each_script_shows_what_its_failure_says(subject: str, tmp_path: Path) -> None:
    failures = failures_of(subject, tmp_path)
    assert len(failures) > 30 * SHARES[subject]
    shown = run_all([one.script for one in failures], tmp_path)
    wrong = [
        f"{failure.test} says {failure.message[:600]}, and its script {one.printed[-1500:]} {one.raised[:600]}"
        for failure, one in zip(failures, shown, strict=True)
        if not shows(failure, one)
    ]
    assert not wrong, "\n\n".join([f"CONFORMANCE_SAMPLE={SAMPLE} chooses the same", *wrong])


def test_the_actions_of_every_scene_can_be_written_as_python() -> None:
    names = vars(replay)
    for scene in plan(7):
        for action in scene.actions:
            text = written(action)
            again: Any = eval(text, dict(names))  # noqa: S307  it is ours
            assert again == action or written(again) == text, text


@pytest.mark.parametrize(
    "text",
    ["x" * 10**6, "ab'" * 400 + "c", "a" + "文\x00" * 10**5 + "b" + "é" * 50, "no two are alike: " + str(3**200)],
)
def test_a_long_text_is_written_short_where_it_repeats_itself(text: str) -> None:
    shown = source(text)
    assert eval(shown) == text  # noqa: S307  it is ours
    assert len(shown) < 200
