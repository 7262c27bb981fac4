"""The action, its steps played as GitHub's runner plays them."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.processes import run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STORES = """
import tomli_w
from contextlib import nullcontext

from conformance import Harness
from conformance.compare import WHOLE, Operation
from taskstore import MemoryTaskStore

class Unopened(Harness):
    def open(self, namespace):
        raise OSError("no cable,\\nno light: 100 %")

class Forging(MemoryTaskStore):
    async def get_task(self, task_id):
        raise RuntimeError("boom \x1b[31m\\n```\\n# all passed")

class Forges(Harness):
    def open(self, namespace):
        return Forging()

class Three(Harness):
    result = 3

    def open(self, namespace):
        return nullcontext(self)

    def count(self):
        return self.result

    def operations(self):
        return [Operation("count", "count", reads=WHOLE)]

class Two(Three):
    result = 2
"""


class Played(NamedTuple):
    """What the runner has after the steps."""

    status: int
    said: str
    summary: str
    outputs: dict[str, str]

    @property
    def badge(self) -> str:
        message: str = json.loads(Path(self.outputs["folder"], "badge.json").read_text())["message"]
        return message

    @property
    def failures(self) -> list[str | None]:
        suite = ET.parse(Path(self.outputs["folder"], "junit.xml")).getroot()  # noqa: S314  our own
        return [case.get("name") for case in suite if case.find("failure") is not None]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A folder with a Python, the action and a project, after the first step."""
    folder = tmp_path_factory.mktemp("runner")
    subprocess.run([sys.executable, "-m", "venv", folder / "python"], check=True)
    (folder / "checkout").symlink_to(checkout)
    (folder / "project").mkdir()
    (folder / "stores.py").write_text("")  # what is played in the wrong folder finds no store
    (folder / "project" / "stores.py").write_text(STORES)
    (folder / "project" / "needed.txt").write_text("tomli_w\n")
    installed = play(folder, {"requirements": "-r needed.txt"}, slice(1))
    assert installed.status == 0, installed.said
    return folder


def play(runner: Path, inputs: dict[str, str], steps: slice = slice(1, None)) -> Played:
    """Play steps as the runner would, up to the first that fails."""
    given: dict[str, str] = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
    given |= {"working-directory": "project"} | inputs

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) }}", lambda found: given[found[1]], text)

    outputs, summary = runner / "outputs", runner / "summary"
    for file in (outputs, summary):
        file.write_text("")
    places = {"RUNNER_TEMP": runner, "GITHUB_ACTION_PATH": runner / "checkout"}
    places |= {"GITHUB_OUTPUT": outputs, "GITHUB_STEP_SUMMARY": summary}
    environment = {name: str(place) for name, place in places.items()}
    environment["PATH"] = f"{runner}/python/bin:{os.environ['PATH']}"
    status, said = 0, ""
    for step in ACTION["runs"]["steps"][steps]:
        if "run" in step and status == 0:
            asked = environment | {name: filled(text) for name, text in step["env"].items()}
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            folder = runner / filled(step.get("working-directory", "."))
            ran = run(folder, *shell, **asked)
            status, said = ran.returncode, said + ran.stdout + ran.stderr
    came = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    return Played(status, said, summary.read_text(), came)


def test_a_store_that_passes(runner: Path) -> None:
    played = play(runner, {"store": "memory", "depth": "smoke"})
    assert (played.status, played.failures) == (0, []), played.said
    assert played.outputs["status"] == "0"
    assert re.fullmatch(r"0 new, \d+ pass, \d+ not-applicable", played.badge)
    assert "::error" not in played.said


def test_a_store_that_fails(runner: Path) -> None:
    played = play(runner, {"store": "stores:Unopened", "depth": "smoke"})
    assert (played.status, played.outputs["status"]) == (1, "1"), played.said
    assert played.badge == f"{len(played.failures)} new"
    assert "no light: 100 %" in played.summary
    shown = re.findall("^::error title=(.*?)::(.*)$", played.said, re.MULTILINE)
    assert len(shown) == 10
    assert all("[stores%3AUnopened]" in name for name, _ in shown)
    assert r"no cable,\nno light: 100 %25" in played.said


def test_a_pair_that_differs_and_one_that_is_known(runner: Path) -> None:
    played = play(runner, {"pair": "stores:Three stores:Two"})
    assert (played.status, played.badge) == (1, "1 new"), played.said
    assert played.failures == ["count: value of count"]
    assert "# Three: 3\n# Two: 2" in played.summary
    assert "::error title=count%3A value of count%3A count%3A 3 / 2::" in played.said
    (runner / "project" / "known.toml").write_text(
        '[[known]]\noperation = "count"\nkind = "value"\nreason = "so"\nshows = ["count: 3 / 2"]\n'
    )
    played = play(runner, {"pair": "stores:Three stores:Two", "known": "known.toml"})
    assert (played.status, played.failures, played.badge) == (0, [], "0 new, 1 known"), played.said


def test_texts_of_a_store_forge_nothing(runner: Path) -> None:
    played = play(runner, {"store": "stores:Forges", "depth": "smoke"})
    assert played.failures, "the file is XML whatever the store says"
    assert "\x1b" not in played.summary
    fence = re.search("^````+$", played.summary, re.MULTILINE)
    assert fence
    assert "\n# all passed" not in "".join(played.summary.split(fence[0])[::2])


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "unknown store ''"),
        ({"pair": "stores:Three stores:Two more"}, "unrecognized arguments: more"),
    ],
)
def test_a_wrong_input_is_one_annotation_that_says_why(runner: Path, inputs: dict[str, str], told: str) -> None:
    played = play(runner, inputs)
    assert (played.status, played.badge) == (2, "1 new"), played.said
    (shown,) = re.findall("^::error title=conformance .*$", played.said, re.MULTILINE)
    assert "exit status 2" in shown
    assert told in shown
    assert told in played.summary


def test_the_guide_gives_inputs_that_there_are() -> None:
    for guide in ("ADOPTING.md", "ADOPTING.zh-CN.md"):
        (block,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / guide).read_text("utf-8"), re.DOTALL | re.MULTILINE)
        (step,) = yaml.safe_load(block)
        assert step["with"].keys() < ACTION["inputs"].keys()
