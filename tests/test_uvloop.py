"""On uvloop's event loop, which many servers run on: both modes keep every requirement there too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_plugins")]

_PLUGIN = """
import asyncio, uvloop
asyncio.events.new_event_loop = uvloop.new_event_loop  # what asyncio.Runner asks for a loop
"""


def test_the_suite_passes_on_uvloop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "on_uvloop.py").write_text(_PLUGIN, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    command = [sys.executable, "-m", "pytest", "-p", "on_uvloop", "-p", "no:cacheprovider", "-q", "-W", "error"]
    command += ["--pyargs", "conformance", "--conformance-level=SHOULD", "--conformance-depth=smoke"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:]
