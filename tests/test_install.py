"""The built wheel as others meet it: installed as the guide says, in projects that have nothing to do with it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import run

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

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
    "modules": {
        "conftest.py": """
import json, sys, pathlib

def pytest_sessionfinish():
    pathlib.Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
""",
        "test_one.py": "def test_one():\n    pass\n",
    },
}
HEAVY = {"conformance", "docker", "fakeredis", "hypothesis", "pydantic", "redis", "taskstore", "testcontainers"}


def run_pytest(python: Path, project: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder = python.parents[2] / project
    return run(folder, python, "-m", "pytest", "-p", "no:cacheprovider", *arguments)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[Path]:
    """The Python of a virtual environment with pytest and the wheel, beside the projects."""
    folder = tmp_path_factory.mktemp("foreign")
    for name, files in PROJECTS.items():
        for file, text in files.items():
            path = folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    bin_folder = folder / "venv/bin"
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    guide = (ROOT / "ADOPTING.md").read_text("utf-8")
    (commands,) = re.findall(r"^```sh\n(python -m pip wheel .*?)^```$", guide, re.DOTALL | re.MULTILINE)
    ran = run(checkout, "/bin/sh", "-ec", commands, PATH=f"{bin_folder}:/usr/local/bin:/usr/bin:/bin")
    assert ran.returncode == 0, ran.stderr
    yield bin_folder / "python"
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_foreign_project_passes_as_before(python: Path, name: str) -> None:
    ran = run_pytest(python, name)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
    assert "taskstore-0.1" in ran.stdout  # its plugin is loaded


def test_nothing_heavy_is_imported(python: Path) -> None:
    assert run_pytest(python, "modules").returncode == 0
    loaded = json.loads((python.parents[2] / "modules/modules.json").read_text())
    assert "taskstore_conformance_plugin" in loaded
    assert not {name.partition(".")[0] for name in loaded} & HEAVY


def test_a_project_that_hides_the_suite_is_told_which_file_does(python: Path) -> None:
    project = "a folder named conformance"
    ran = run_pytest(python, project, "--conformance-store=memory")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    hiding = python.parents[2] / project / "conformance/__init__.py"
    assert f"--conformance-store: {hiding} hides the installed conformance" in ran.stderr


def test_a_store_that_needs_no_redis_needs_one_extra(python: Path, tmp_path: Path) -> None:
    command = python.with_name("conformance")
    quick = run(tmp_path, command, "run", "--store", "memory", "--partial", "--", "-k", "can_be_created")
    assert quick.returncode == 0, quick.stdout + quick.stderr
    missing = run(tmp_path, command, "run", "--store", "embedded")
    assert missing.returncode == 2
    assert "the package redis is not installed: pip install 'taskstore[conformance-redis]'" in missing.stderr


def test_an_adopters_harness_passes_strict_type_checks(tmp_path: Path) -> None:
    run(tmp_path, sys.executable, "-m", "conformance", "new", "mystore.py", PYTHONPATH=str(ROOT))
    ran = run(tmp_path, sys.executable, "-m", "mypy", "--strict", "--config-file=", "mystore.py", PYTHONPATH=str(ROOT))
    assert ran.returncode == 0, ran.stdout
