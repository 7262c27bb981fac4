"""`conformance compare` on the two modes of the documented design, whose differences are known from its code."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from conformance.backends.registry import find_backend
from conformance.compare.report import read_known
from conformance.harness import Harness
from conformance.text import source

ROOT = Path(__file__).parents[1]
KNOWN = ROOT / "conformance" / "examples" / "documented_known.toml"
NAMES = "documented-memory", "documented-redis"


def test_every_known_difference_is_found_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "conformance", "compare", *NAMES, "--seed", "3"]

    ended = subprocess.run([*command, "--known", str(KNOWN), "--json", str(file)], capture_output=True, check=False)

    report = json.loads(file.read_bytes())
    assert [(found["operation"], found["kind"]) for found in report["findings"] if not found["reason"]] == []
    assert len(report["findings"]) == len(read_known(KNOWN)) == 14
    assert (report["gaps"], ended.returncode) == ([], 0)
    odd = {(found["operation"], found["kind"], found["seen"]) for found in report["findings"] if found["is_odd"]}
    assert odd == {
        ("get_task", "exception", "get_task"),  # get_task(7)
        ("cancel_task", "exception", "cancel_task"),
        ("update_task_status", "exception", "update_task_status"),  # update_task_status(7, …)
        ("update_task_status", "value", "get_task.current_step"),  # half a character
    }
    declared = [note.rpartition(".")[2] for note in report["notes"] if "only it declares" in note]
    assert declared == ["EXPIRING", "PERSISTENT", "SHARED"]
    with ExitStack() as stack:
        harnesses = [find_backend(name)() for name in NAMES]
        for harness in harnesses:
            stack.enter_context(harness.running())
        for found in report["findings"]:
            if found["kind"] in ("value", "type", "exception", "argument", "result"):
                check_script(found["script"], harnesses)


def check_script(script: list[str], harnesses: list[Harness]) -> None:
    """Run a script as a person would: what its last line gives differs between the two stores."""
    *lines, last = [line for line in script if not line.startswith("#")]
    program = "\n".join(["async def main(store):", *(f"    {line}" for line in lines), f"    return {last}"])
    scope: dict[str, Any] = {}
    exec(program, scope)  # noqa: S102  a script of ours
    seen = [asyncio.run(outcome(harness, scope["main"])) for harness in harnesses]
    assert seen[0] != seen[1], script


async def outcome(harness: Harness, main: Any) -> str:
    try:
        async with harness.open("script") as store:
            result = await main(store)
    except Exception as error:  # noqa: BLE001  what is raised is what is compared
        return type(error).__name__
    finally:
        harness.discard("script")
    return re.sub(r"datetime\(.*?\)|task_\w+", "", f"{type(result)} {source(result)}")
