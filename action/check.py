"""What the action plays, and what GitHub shows of it: a summary, annotations, and files for the artifact.

The runner gives the inputs as STORE, PAIR, KNOWN and DEPTH. The exit status is that of the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from conformance.results.document import read

_MOST = 10
"""GitHub shows no more errors of a step."""
_FAILING = ("new", "undecided")
_COUNTED = (*_FAILING, "known", "should", "missing-hook", "pass", "not-applicable")


class Line(NamedTuple):
    """What came out of a test of a run, or of an operation, a difference or a gap of a comparison."""

    name: str
    kind: str
    """One of `_COUNTED`."""
    text: str = ""


def main() -> int:
    """Run the command, write what came out, and return its exit status."""
    store, pair, known, depth = (os.environ[name] for name in ("STORE", "PAIR", "KNOWN", "DEPTH"))
    folder = Path(tempfile.mkdtemp(prefix="conformance-", dir=os.environ["RUNNER_TEMP"]))
    results, summary = folder / "results.json", folder / "summary.md"
    if pair:
        command = ["compare", *pair.split(), f"--markdown={summary}"]
    else:  # without a store it would play those of the suite
        command = ["run", *(f"--store={name}" for name in store.split() or [""]), f"--depth={depth}"]
    command += [f"--json={results}", *([f"--known={known}"] if known else [])]
    process = [sys.executable, "-m", "conformance", *command]
    ran = subprocess.run(process, stderr=subprocess.PIPE, text=True, check=False)
    print(ran.stderr, end="", file=sys.stderr)
    status, said = ran.returncode, ran.stderr.strip() or "its output says why"

    is_there = results.exists() and results.stat().st_size  # wrong usage may leave it empty
    lines = [*(of_comparison if pair else of_run)(results)] if is_there else []
    if status and all(line.kind not in _FAILING for line in lines):
        lines.append(Line(f"conformance {command[0]}", "new", f"exit status {status}: {said.splitlines()[-1]}"))
    failed = [line for line in lines if line.kind in _FAILING]
    for line in failed[:_MOST]:
        print(f"::error title={escaped(line.name, ':,')}::{escaped(line.text or line.name)}")
    if len(failed) > _MOST:
        print(f"::warning title=conformance::and {len(failed) - _MOST} more: see the summary of the job")
    numbers = Counter(line.kind for line in lines)
    counts = ", ".join(f"{numbers[kind]} {kind}" for kind in _COUNTED if numbers[kind] or kind == "new")
    if not summary.exists():
        title = f"### {counts}: {pair or store}, exit status {status}\n"
        summary.write_text("\n".join([title, *(f"#### {one.name}\n```\n{one.text}\n```" for one in failed), ""]))
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a") as shown:
        shown.write(summary.read_text())
    ET.ElementTree(junit(lines)).write(folder / "junit.xml", "utf-8", xml_declaration=True)
    color = "red" if status else "brightgreen"
    badge = {"schemaVersion": 1, "label": "conformance", "message": counts, "color": color}
    (folder / "badge.json").write_text(json.dumps(badge))
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
        outputs.write(f"folder={folder}\nstatus={status}\n")
    return status


def of_run(results: Path) -> Iterator[Line]:
    """The tests of a run. What applies and is not decided fails it too."""
    for one in read(results).results:
        accepted = one.expected.kind if one.expected else one.verdict
        kind = "new" if one.is_failure else "undecided" if one.is_open else accepted
        yield Line(f"{one.test} [{one.backend}]", kind, f"{one.verdict}: {one.reason}")


def of_comparison(results: Path) -> Iterator[Line]:
    """The operations of a comparison that do not differ, its differences, and what it could not try."""
    found = json.loads(results.read_bytes())
    for one in found["findings"]:
        kind = "known" if one["reason"] else "new"
        yield Line(f"{one['operation']}: {one['kind']} of {one['seen']}", kind, "\n".join(one["script"]))
    yield from (Line(gap, "undecided") for gap in found["gaps"])
    different = {one["operation"] for one in found["findings"]}
    yield from (Line(name, "pass") for name in found["operations"] if name not in different)


def junit(lines: list[Line]) -> ET.Element:
    """The lines as JUnit's XML."""
    suite = ET.Element("testsuite", name="conformance", tests=str(len(lines)))
    for line in lines:
        case = ET.SubElement(suite, "testcase", classname="conformance", name=line.name)
        if line.kind != "pass":
            tag = "failure" if line.kind in _FAILING else "skipped"
            ET.SubElement(case, tag, message=line.text.partition("\n")[0]).text = line.text
    return suite


def escaped(text: str, more: str = "") -> str:
    """The text as GitHub's command for annotations takes it."""
    for one in ("%", "\r", "\n", *more):
        text = text.replace(one, f"%{ord(one):02X}")
    return text


if __name__ == "__main__":
    sys.exit(main())
