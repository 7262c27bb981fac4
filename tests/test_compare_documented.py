"""`conformance compare` on the two modes of the documented design, whose differences are known from its code."""

import json
import subprocess
import sys
from pathlib import Path

from conformance import known

ROOT = Path(__file__).parents[1]
KNOWN = ROOT / "conformance" / "examples" / "documented_known.toml"
NAMES = "documented-memory", "documented-redis"


def test_every_known_difference_is_found_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "conformance", "compare", *NAMES]

    ended = subprocess.run([*command, "--known", str(KNOWN), "--json", str(file)], capture_output=True, check=False)

    report = json.loads(file.read_bytes())
    assert [(found["operation"], found["kind"]) for found in report["findings"] if not found["reason"]] == []
    assert len(report["findings"]) == len({group for group, _, _ in known.read(KNOWN)}) == 14
    assert (report["gaps"], ended.returncode) == ([], 0)
    odd = {(found["operation"], found["kind"], found["seen"]) for found in report["findings"] if found["is_odd"]}
    assert odd == {
        ("get_task", "exception", "get_task"),  # get_task(7)
        ("cancel_task", "exception", "cancel_task"),
        ("update_task_status", "value", "get_task.current_step"),  # half a character
    }
