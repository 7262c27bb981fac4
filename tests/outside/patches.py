"""Wrong stores as patches of the source: `python -m tests.outside.patches check|judge SET [NAME ...]`.

`check` runs what shows each fault on the store as it is, where it has to pass, and on the patched one, where it has to
fail; for a variant it has to pass on both. `judge` runs the suite on each patched store, and prints verdicts as JSON.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


def names() -> list[str]:
    """The sets."""
    return sorted(path.stem.removeprefix("patches_") for path in _HERE.glob("patches_*.toml"))


def read(name: str, only: list[str]) -> list[dict[str, Any]]:
    """The faults and then the variants of a set, or those of them that are named."""
    found = tomllib.loads((_HERE / f"patches_{name}.toml").read_text("utf-8"))
    entries = [*found.get("fault", []), *found.get("variant", [])]
    if unknown := {*only} - {entry["name"] for entry in entries}:
        raise SystemExit(f"not in the set: {', '.join(sorted(unknown))}")
    return [entry for entry in entries if not only or entry["name"] in only]


@cache
def suite() -> tempfile.TemporaryDirectory[str]:
    """A copy of the suite, compiled once for all that copy it."""
    folder = tempfile.TemporaryDirectory()
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_ROOT / "conformance", Path(folder.name, "conformance"), ignore=ignore)
    shutil.copy(_ROOT / "taskstore_conformance_plugin.py", folder.name)
    compileall.compile_dir(folder.name, quiet=1)
    return folder


def copy(folder: Path, entry: dict[str, Any] | None, *, has_suite: bool = False) -> None:
    """Put a copy of the store, patched if there is an entry, and one of the suite into a folder."""
    if has_suite:
        shutil.copytree(suite().name, folder, dirs_exist_ok=True)
    shutil.copytree(_ROOT / "taskstore", folder / "taskstore", ignore=shutil.ignore_patterns("__pycache__"))
    for patch in [] if entry is None else entry.get("patch", [entry]):
        file = folder / "taskstore" / patch["file"]
        text = file.read_text("utf-8")
        if (count := text.count(patch["before"])) != 1:
            raise SystemExit(f"{patch['file']} has what is to be replaced {count} times")
        file.write_text(text.replace(patch["before"], patch["after"]), "utf-8")


def environment(folder: Path) -> dict[str, str]:
    """What a process needs to import the copies in a folder; it is refused if it would not."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REDIS_", "TASK_", "USE_REDIS"))}
    made = {**kept, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    asked = [sys.executable, "-c", "import taskstore; print(taskstore.__file__)"]
    came = subprocess.run(asked, env=made, cwd=folder, check=True, capture_output=True, text=True).stdout
    if Path(came.strip()).resolve().parent != (folder / "taskstore").resolve():
        raise SystemExit(f"the copy would not be used, but {came}")
    return made


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server of its own, and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise SystemExit("there is no redis-server")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def show(entry: dict[str, Any], *, patched: bool) -> tuple[bool, str]:
    """Whether what shows a fault passes, and the last line that it said."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        copy(folder, entry if patched else None)
        made = environment(folder)
        if "SHOWS_URL" in entry["shows"]:
            made["SHOWS_URL"] = stack.enter_context(server(folder))
        script = [sys.executable, "-W", "ignore", "-c", entry["shows"]]
        ended = subprocess.run(script, env=made, cwd=folder, check=False, capture_output=True, text=True, timeout=100)
    return ended.returncode == 0, (ended.stderr.strip().splitlines() or [""])[-1]


def check(entries: list[dict[str, Any]]) -> int:
    """Run what shows the faults; return how many entries are not as they should be."""
    wrong = 0
    for entry in entries:
        right, said = show(entry, patched=False)
        patched, shown = show(entry, patched=True)
        good = right and patched is ("permitted" in entry)
        wrong += not good
        sys.stdout.write(f"{'ok   ' if good else 'WRONG'} {entry['name']}: {said or '-'} / {shown or '-'}\n")
        sys.stdout.flush()
    return wrong


def judge(entry: dict[str, Any], seed: int, chosen: str = "") -> dict[str, Any]:
    """Run the suite on a patched store, or what `-k chosen` selects of it.

    What the suite has on the requirement that a fault breaks comes first. The rest is left out where that fails.
    """
    requirement = entry.get("requirement", "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder, entry, has_suite=True)
        failed = failed_on(folder, entry, seed, chosen or requirement)
        if requirement and not chosen and not any(requirement in one["requirements"] for one in failed):
            failed = failed_on(folder, entry, seed)
    reported = sorted({one for result in failed for one in result["requirements"]})
    mark = "cited" if requirement in reported else "caught" if failed else "-"
    sys.stderr.write(f"{mark:6} {requirement or 'variant':8} {entry['name']}\n")
    return {
        "name": entry["name"],
        "requirement": requirement,
        "caught": bool(failed),
        "cited": requirement in reported,
        "reported": reported,
        "tests": [one["test"] for one in failed],
        "shown": str(failed[0]["reason"]) if failed else "",
    }


def failed_on(folder: Path, entry: dict[str, Any], seed: int, chosen: str = "") -> list[dict[str, Any]]:
    """What fails of the suite, or of what `-k chosen` selects of it, on the copies in a folder."""
    results = folder / "results.json"
    command = [sys.executable, "-m", "conformance", "run", "--store", entry["subject"], "--level", "SHOULD"]
    command += ["--seed", str(seed), "--json", str(results)]
    command += ["--partial", "--", "-k", chosen] if chosen else []
    ended = subprocess.run(
        command, env=environment(folder), cwd=folder, check=False, capture_output=True, text=True, timeout=3600
    )
    if not results.exists():
        raise SystemExit(f"{entry['name']}: no results\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    found = json.loads(results.read_text("utf-8"))["results"]
    results.unlink()
    return [one for one in found if one["verdict"] in ("fail", "harness-error")]


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("check", "judge"))
    parser.add_argument("set")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    entries = read(options.set, options.names)
    if options.action == "check":
        return int(check(entries) > 0)
    suite()  # before there are threads: each would make a copy, and the first one would be removed
    with ThreadPoolExecutor(2) as two:
        verdicts = [*two.map(lambda entry: judge(entry, 1), entries)]
    sys.stdout.write(json.dumps({"set": options.set, "seed": 1, "verdicts": verdicts}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
