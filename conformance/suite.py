"""The suite as a function: its results as a value.

pytest runs in a process of its own: it can rewrite assertions only in what was not imported before it, and here
`conformance` was.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from conformance.results.document import Results, read

# -m: modules of the current folder are found. Hypothesis, whose plugin takes a tenth of a second, draws nothing here.
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--no-header", "-rN", "--pyargs", "conformance")


class SuiteDidNotRunError(Exception):
    """There are no results. The message is the output of pytest."""


def run(stores: Iterable[str], arguments: Iterable[str] = ()) -> Results:
    """Run the suite on stores and return the results, as `--conformance-json` writes them.

    A store is anything that `--conformance-store` takes. `arguments` are further options of pytest.

    Raises:
        SuiteDidNotRunError: if nothing ran: a store of no such name, an option that pytest does not know.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "results.json")
        chosen = [f"--conformance-store={name}" for name in stores]
        command = [*PYTEST, "-p", "no:cacheprovider", *chosen, f"--conformance-json={out}", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        results = read(out) if out.exists() and out.stat().st_size else None
    if results is None or all(result.verdict == "not-run" for result in results.results):
        raise SuiteDidNotRunError((ran.stderr or ran.stdout).strip())
    return results
