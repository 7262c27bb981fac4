"""What the action plays, and what GitHub shows of it: a summary, annotations, and files for the artifact.

The runner gives the inputs as STORE, PAIR, KNOWN and DEPTH. The exit status is that of the command.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.results.document import read
from conformance.text import cut, on_one_line

_MOST = 10
"""GitHub shows no more errors of a step."""
_LONGEST = 20_000
_TITLE = 120
_NO_RESULTS = 3
_FAILING = ("new", "undecided")
_COUNTED = (*_FAILING, "known", "should", "pass", "not-applicable")


@dataclass(frozen=True)
class Line:
    """What came out of a test of a run, or of an operation, a difference or a gap of a comparison."""

    name: str
    kind: str
    """One of `_COUNTED`."""
    text: str = ""
    difference: str = ""
    """What differs, in a few words."""

    @property
    def title(self) -> str:
        """What a reader sees first."""
        return cut(f"{self.name}: {self.difference}" if self.difference else self.name, _TITLE)


def main() -> int:
    """Run the command, write what came out, and return its exit status."""
    store, pair, known, depth = (os.environ[name] for name in ("STORE", "PAIR", "KNOWN", "DEPTH"))
    folder = Path(tempfile.mkdtemp(prefix="conformance-", dir=os.environ["RUNNER_TEMP"]))
    results = folder / "results.json"
    if pair:
        command = ["compare", *pair.split()]
    else:  # without a store it would play those of the suite
        command = ["run", *(f"--store={name}" for name in store.split() or [""]), f"--depth={depth}"]
    command += [f"--json={results}", *([f"--known={known}"] if known else [])]
    process = [sys.executable, "-m", "conformance", *command]
    ran = subprocess.run(process, stderr=subprocess.PIPE, text=True, check=False)
    print(ran.stderr, end="", file=sys.stderr)

    is_there = results.exists() and bool(results.stat().st_size)  # wrong usage may leave it empty
    status = ran.returncode if ran.returncode or is_there else _NO_RESULTS
    lines = [*(of_comparison if pair else of_run)(results)] if is_there else []
    if status and all(line.kind not in _FAILING for line in lines):
        said = ran.stderr.strip().splitlines() or ["its output says why" if is_there else "there are no results"]
        lines.append(Line(f"conformance {command[0]}", "new", f"exit status {status}: {said[-1]}"))
    numbers = Counter(line.kind for line in lines)
    counts = ", ".join(f"{numbers[kind]} {kind}" for kind in _COUNTED if numbers[kind] or kind == "new")
    annotate([line for line in lines if line.kind in _FAILING])
    summary = markdown(f"{counts}: {pair or store}, exit status {status}", lines)
    (folder / "summary.md").write_text(summary)
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a") as shown:
        shown.write(summary)
    ET.ElementTree(junit(lines)).write(folder / "junit.xml", "utf-8", xml_declaration=True)
    color = "red" if status else "brightgreen"
    badge = {"schemaVersion": 1, "label": "conformance", "message": counts, "color": color}
    (folder / "badge.json").write_text(json.dumps(badge))
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
        outputs.write(f"folder={folder}\nstatus={status}\n")
    return status


def of_run(results: Path) -> Iterator[Line]:
    """The tests of a run. What applies and is not decided fails it too."""
    for result in read(results).results:
        kind: str = result.verdict
        if result.is_choice:
            kind = "should"
        if result.accepted:
            kind = "known"
        if result.is_open:
            kind = "undecided"
        if result.is_failure:
            kind = "new"
        difference, name = "", result.test
        if result.failure:
            difference = result.failure.difference
            name = ", ".join(result.requirements)
        yield Line(f"{name} [{result.backend}]", kind, f"{result.verdict}: {result.reason}", difference)


def of_comparison(results: Path) -> Iterator[Line]:
    """The operations of a comparison that do not differ, its differences, and what it could not try."""
    found = json.loads(results.read_bytes())
    for finding in found["findings"]:
        name = f"{finding['operation']}: {finding['kind']} of {finding['seen']}"
        text = "\n".join([*finding["script"], *(f"shows in {place}" for place in finding["shows"])])
        if finding["reason"]:
            yield Line(name, "known", text, finding["reason"])
        else:
            yield Line(name, "new", text, next(iter(finding["shows"]), ""))
    yield from (Line(gap, "undecided") for gap in found["gaps"])
    different = {finding["operation"] for finding in found["findings"]}
    yield from (Line(name, "pass") for name in found["operations"] if name not in different)


def annotate(failed: list[Line]) -> None:
    """Print what fails as commands of GitHub, as many as it shows."""
    for line in failed[:_MOST]:
        title = escaped(on_one_line(line.title), ":,")
        print(f"::error title={title}::{escaped(shown(line.text) or line.name)}")
    if len(failed) > _MOST:
        print(f"::warning title=conformance::and {len(failed) - _MOST} more: see the summary of the job")


def markdown(heading: str, lines: list[Line]) -> str:
    """The summary: what fails in full, then a line for each that is accepted."""
    texts = [f"### {inert(heading)}", ""]
    for line in lines:
        if line.kind in _FAILING:
            text = shown(line.text)
            fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=2) + 1)
            fence = max(fence, "```", key=len)
            texts += [f"#### {inert(line.title)}", fence, text, fence]
    accepted = [line for line in lines if line.kind in ("known", "should")]
    if accepted:
        texts += ["", "#### Accepted", "", *(f"* {line.kind}: {inert(line.title)}" for line in accepted)]
    return "\n".join([*texts, ""])


def inert(text: str) -> str:
    """The text on a line on which Markdown and HTML find no markup."""
    return re.sub(r"[\\`*\[\]<>|@&~#]", lambda found: f"&#{ord(found[0])};", on_one_line(text))


def shown(text: str) -> str:
    """The text of a store, line by line, without characters that neither XML nor a terminal can take."""
    return cut("\n".join(map(on_one_line, text.split("\n"))), _LONGEST)


def junit(lines: list[Line]) -> ET.Element:
    """The lines as JUnit's XML."""
    suite = ET.Element("testsuite", name="conformance", tests=str(len(lines)))
    for line in lines:
        case = ET.SubElement(suite, "testcase", classname="conformance", name=on_one_line(line.name))
        if line.kind != "pass":
            tag = "failure" if line.kind in _FAILING else "skipped"
            ET.SubElement(case, tag, message=on_one_line(line.title)).text = shown(line.text)
    return suite


def escaped(text: str, more: str = "") -> str:
    """The text as GitHub's command for annotations takes it."""
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


if __name__ == "__main__":
    sys.exit(main())
