"""The built wheel as others meet it: installed as the guide says, in projects that have nothing to do with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conformance.tour.outcome import TOURED

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.once

PROJECTS = {
    "a folder named conformance": {
        "conformance/__init__.py": "",
        "conformance/test_ours.py": "def test_ours():\n    import conformance\n\n    assert not conformance.__doc__\n",
    },
    "an option named --store": {
        "conftest.py": "def pytest_addoption(parser):\n    parser.addoption('--store', default='corner shop')\n",
        "test_store.py": "def test_store(pytestconfig):\n    assert pytestconfig.getoption('store') == 'corner shop'\n",
        "pytest.ini": "[pytest]\nfilterwarnings = error\n",
    },
    "items with equal ids": {
        "conftest.py": """
import pytest

class File(pytest.File):
    def collect(self):
        for _ in range(3):
            yield Item.from_parent(self, name="same")

class Item(pytest.Item):
    def runtest(self):
        pass

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".txt":
        return File.from_parent(parent, path=file_path)
""",
        "cases.txt": "",
        "test_one.py": "def test_one():\n    pass\n",
    },
}
LISTS_MODULES = """
import json, sys, pathlib

def pytest_sessionfinish():
    pathlib.Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
"""
HEAVY = {"conformance", "docker", "fakeredis", "hypothesis", "pydantic", "redis", "taskstore", "testcontainers"}


@dataclass(frozen=True)
class Installed:
    """A virtual environment with pytest: what it did in each project before the wheel was there, and its Python."""

    python: Path
    folder: Path
    wheel: Path
    before: dict[str, list[tuple[str, str]]]


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


def environment(**changed: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "COV"))}
    return {**kept, **changed}


def outcomes(python: Path, project: Path, *arguments: str) -> list[tuple[str, str]]:
    report = project / "report.xml"
    ran = run(project, python, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    cases = ET.parse(report).iter("testcase")  # noqa: S314  pytest wrote it
    found = [(f"{case.get('classname')}.{case.get('name')}", ",".join(part.tag for part in case)) for case in cases]
    report.unlink()
    return found


def install_commands() -> list[str]:
    """The lines of the guide that build a wheel and install it."""
    text = (ROOT / "ADOPTING.md").read_text("utf-8")
    (block,) = (one for one in re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) if "pip wheel" in one)
    return str(block).splitlines()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("foreign")
    for name, files in PROJECTS.items():
        for file, text in files.items():
            path = folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    bin_folder = folder / "venv" / "bin"
    python = bin_folder / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pytest"], check=True)
    before = {name: outcomes(python, folder / name, "--keep-duplicates") for name in PROJECTS}
    checkout = folder / "checkout"
    checkout.mkdir()
    for part in ("taskstore", "conformance"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("taskstore_conformance_plugin.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, checkout)
    for command in install_commands():
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=checkout,
            env=environment(PATH=f"{bin_folder}:/usr/local/bin:/usr/bin:/bin"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stderr}"
    (wheel,) = (checkout / "dist").glob("*.whl")
    yield Installed(python, folder, wheel, before)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_foreign_project_has_the_same_items_and_results(installed: Installed, name: str) -> None:
    after = outcomes(installed.python, installed.folder / name, "--keep-duplicates")
    assert after == installed.before[name]
    assert after


def test_equal_items_are_kept_without_an_option(installed: Installed) -> None:
    assert len(outcomes(installed.python, installed.folder / "items with equal ids")) == 4


def test_nothing_heavy_is_imported(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(LISTS_MODULES)
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n")
    assert run(tmp_path, installed.python, "-m", "pytest", "-q", "-p", "no:cacheprovider").returncode == 0
    loaded = {name.partition(".")[0] for name in json.loads((tmp_path / "modules.json").read_text())}
    assert "taskstore_conformance_plugin" in loaded
    assert not loaded & HEAVY
    milliseconds = []
    for _ in range(3):  # the least is what other processes disturb least
        imports = "import pytest; import taskstore_conformance_plugin"
        timed = run(tmp_path, installed.python, "-X", "importtime", "-c", imports)
        line = re.search(r"\| +(\d+) \| taskstore_conformance_plugin\n", timed.stderr)
        assert line is not None
        milliseconds.append(int(line[1]) / 1_000)
    assert min(milliseconds) < 10


def test_a_project_that_hides_the_suite_is_told_which_file_does(installed: Installed) -> None:
    project = installed.folder / "a folder named conformance"
    command = (installed.python, "-m", "pytest", "-p", "no:cacheprovider")
    ran = run(project, *command, "--conformance-store=memory")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--conformance-store: {project}/conformance/__init__.py hides the installed conformance" in ran.stderr
    own = run(project, *command, "--pyargs", "conformance")
    assert own.returncode == 0
    assert "1 passed" in own.stdout


def test_a_store_that_needs_no_redis_needs_one_extra(installed: Installed, tmp_path: Path) -> None:
    command = installed.python.with_name("conformance")
    sqlite = "conformance.examples.sqlite_store:SqliteHarness"
    quick = run(tmp_path, command, "run", "--store", sqlite, "--smoke")
    assert quick.returncode == 0, quick.stdout + quick.stderr
    whole = run(tmp_path, command, "run", "--store", sqlite, "--", "-k", "not requirement_")
    not_run = len(TOURED)
    assert re.search(rf"SqliteHarness +\d+ +\d+ +\d+ +\d+ +0 +{not_run}\n", whole.stdout), whole.stdout
    missing = run(tmp_path, command, "run", "--store", "embedded")
    assert missing.returncode == pytest.ExitCode.USAGE_ERROR
    assert "the package redis is not installed: pip install 'taskstore[conformance-redis]'" in missing.stderr


def test_the_wheel_adds_no_other_name(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = wheel.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {
        "conformance",
        "taskstore",
        "taskstore_conformance_plugin.py",
    }
    assert {"conformance/py.typed", "taskstore/py.typed", "taskstore/redis/lua/update.lua"} <= set(names)


def test_an_adopters_harness_passes_strict_type_checks(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "conformance", "new", "mystore.py"], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "mystore.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
