"""Programs that tests start."""

import os
import subprocess
from pathlib import Path


def run(folder: Path, *command: str | Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, in this environment without what pytest, Python and coverage are told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "COV"))}
    return subprocess.run(command, cwd=folder, env={**kept, **changed}, capture_output=True, text=True, check=False)
