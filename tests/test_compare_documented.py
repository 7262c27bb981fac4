"""`conformance compare` on the two modes of the documented design, whose differences are known from its code."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import known
from conformance.backends.registry import find_backend
from conformance.commands.scripts import write_scripts
from conformance.compare.report import Line

ROOT = Path(__file__).parents[1]
KNOWN = ROOT / "conformance" / "examples" / "documented_known.toml"
NAMES = "documented-memory", "documented-redis"
VARYING = r"datetime\(.*?\)|task_\w+"


def test_every_known_difference_is_found_and_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    declared = [note.rpartition(".")[2] for note in report["notes"] if "only it declares" in note]
    assert declared == ["EXPIRING", "PERSISTENT", "SHARED"]
    shown = []
    for found in report["findings"]:
        del found["shows"]
        if found["kind"] in ("value", "type", "argument", "result"):
            shown.append(Line(**found))
    write_scripts(tmp_path, shown, {name: find_backend(name)() for name in NAMES})
    for program in tmp_path.glob("*.py"):
        runpy.run_path(str(program), run_name="__main__")
        one, other = (line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()[-2:])
        assert re.sub(VARYING, "", one) != re.sub(VARYING, "", other), program
