"""Compare each pair of `pairs.toml`: `python -m tests.exam.pairs [NAME ...]`.

A wrong pair is found if a difference names one of its operations; a right one has no difference.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.exam.entries import change_texts, one_in

FOLDER = Path(__file__).parent
MOST_MISSED = 2
"""Mistakes that may be missed, of all or of a share."""


def load() -> dict[str, Mapping[str, Any]]:
    """Return the entries by name."""
    rows = tomllib.loads((FOLDER / "pairs.toml").read_text("utf-8"))["entry"]
    return {row["name"]: row for row in rows}


def make(row: Mapping[str, Any], folder: Path) -> Path:
    """Write the stores of an entry into a folder."""
    path = folder / "stores.py"
    shutil.copy(FOLDER / path.name, path)
    if "before" in row:
        change_texts(row["name"], folder, [{"file": path.name, **row}])
    return path


def judge(row: Mapping[str, Any]) -> bool:
    """Compare the stores of an entry, print what came out, and return whether it is right."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        make(row, Path(folder))
        command = [sys.executable, "-m", "conformance", "compare", "stores:Memory", "stores:Redis", "--json=found.json"]
        kind = row["name"].partition("-")[0]
        process = subprocess.run(
            command, cwd=folder, env={**os.environ, "KIND": kind}, capture_output=True, check=False
        )
        results = Path(folder) / "found.json"
        findings = json.loads(results.read_text())["findings"] if results.exists() else []

    blamed = {finding["operation"] for finding in findings}
    expected = {*row.get("operations", ())}
    is_right = bool(blamed & expected) if expected else process.returncode == 0
    words = ("MISSED", "found ") if expected else ("RED   ", "right ")
    kinds = ", ".join(dict.fromkeys(f"{finding['kind']} of {finding['operation']}" for finding in findings))
    seconds = time.monotonic() - begun
    print(f"{words[is_right]}  {seconds:5.1f} s  {row['name']}  status {process.returncode}: {kinds}", flush=True)
    return is_right


def main() -> int:
    """Read the command line, and compare two pairs at a time."""
    parser = argparse.ArgumentParser(prog="python -m tests.exam.pairs", description=__doc__)
    parser.add_argument("name", nargs="*", help="pairs; all if none is given")
    parser.add_argument("--share", type=int, default=1, metavar="N", help="one pair in N, chosen by the commit")
    asked = parser.parse_args()
    entries = load()
    rows = [entries[name] for name in one_in(asked.share, asked.name or [*entries])]
    begun = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        are_right = [*pool.map(judge, rows)]

    pairs = [*zip(rows, are_right, strict=True)]
    wrong = [is_right for row, is_right in pairs if row.get("operations")]
    right = [is_right for row, is_right in pairs if not row.get("operations")]
    found, red = f"{sum(wrong)} of {len(wrong)}", f"{right.count(False)} of {len(right)}"
    print(f"found {found} mistakes; {red} right pairs are red; {time.monotonic() - begun:.0f} s")
    return 0 if all(right) and wrong.count(False) <= MOST_MISSED else 1


if __name__ == "__main__":
    sys.exit(main())
