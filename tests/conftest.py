import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.backends.servers import EmbeddedServer
from taskstore import TaskStoreSettings

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
# Statements, benchmarks and reports are not installed. Last, so that an installed taskstore is what the tests import.
sys.path.append(str(ROOT))


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings, in the environment or in a `.env`."""
    for name in TaskStoreSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts this process and those that it starts. A job in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process starts with pytest loads the plugins that it needs, not all that are installed.

    The others take it a second of three. `test_install.py` is about runs that load all.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("taskstore_conformance_plugin", "_hypothesis_pytestplugin", "xdist.plugin"):
        monkeypatch.setenv("PYTEST_PLUGINS", name, prepend=",")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is needed of the repository to build and run the wheel, without its history."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("action", "conformance", "taskstore"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "taskstore_conformance_plugin.py"):
        shutil.copy(ROOT / part, folder)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def anyio_backend() -> str:
    """An async test and its fixtures run on one loop of asyncio."""
    return "asyncio"
