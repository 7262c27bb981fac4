"""`python -m conformance run`: the suite for people without a pytest set-up, and its results as a value.

pytest runs in a process of its own: it can rewrite assertions only in what was not imported before it, and here
`conformance` was.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conformance.harness import Harness

_PYTEST = (sys.executable, "-m", "pytest", "--pyargs", "conformance")  # -m: modules of the current folder are found
SMOKE = (
    "test_a_task_can_be_created_read_listed_updated_and_cancelled",
    "test_cancelling_sets_the_status",
    "test_limit_zero_is_an_empty_page_with_the_total",
    "test_metadata_holds_webhook_url_and_config",
)
"""The quick look: each operation, once, with plain values."""


class SuiteDidNotRunError(Exception):
    """There are no results; the message is what pytest said."""


def run(stores: Iterable[str | type[Harness]], arguments: Iterable[str] = ()) -> dict[str, Any]:
    """Run the suite on stores and return the results, as `--conformance-json` writes them; no file is left behind.

    A store is anything that `--store` takes, or a harness class that can be imported from its module. `arguments` are
    further ones of pytest.

    Raises:
        SuiteDidNotRunError: if nothing ran: a store of no such name, an option that pytest does not know.
    """
    names = [store if isinstance(store, str) else f"{store.__module__}:{store.__qualname__}" for store in stores]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "results.json")
        command = [*_PYTEST, "-p", "no:cacheprovider", *(f"--store={name}" for name in names), *arguments]
        told = subprocess.run(
            [*command, f"--conformance-json={out}"],
            env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if not out.exists():
            raise SuiteDidNotRunError((told.stderr or told.stdout).strip())
        results: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return results


def main(arguments: list[str]) -> int:
    """Run pytest on the suite and return its exit status; with `--smoke`, take a quick look instead."""
    parser = argparse.ArgumentParser(prog="python -m conformance run", add_help=False, allow_abbrev=False)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--store", action="append", default=[])
    asked, others = parser.parse_known_args(arguments)
    if not asked.smoke:
        return subprocess.run([*_PYTEST, *arguments], check=False).returncode
    return _smoke(asked.store, others)


def _smoke(stores: list[str], arguments: list[str]) -> int:
    """Say in a sentence for each store whether it, or its harness, is broken; return 1 if one is."""
    try:
        results = run(stores, [*arguments, "-k", " or ".join(SMOKE)])
    except SuiteDidNotRunError as fault:
        print(fault, file=sys.stderr)
        return 2
    broken = 0
    for subject in results["subjects"]:
        decided = [result for result in results["results"] if result["subject"] == subject["name"]]
        wrong = next((result for result in decided if result["verdict"] != "pass"), None)
        broken += wrong is not None
        print(f"{subject['name']}: {_sentence(subject['name'], wrong)}")
    return min(broken, 1)


def _sentence(store: str, wrong: dict[str, Any] | None) -> str:
    if wrong is None:
        command = f"python -m conformance run --store {store}"
        return f"harness and store work: now run the whole suite with {command}"
    reason = wrong["reason"].partition("\n")[0]
    if wrong["verdict"] == "harness-error":
        return f"the harness could not open the store: {reason}"
    return f"the store opens, but {wrong['case']} says {wrong['verdict']}: {reason}"
