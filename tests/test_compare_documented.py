"""`conformance compare` on the two modes of the documented design, whose differences are known from its code."""

from __future__ import annotations

import ast
import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.compare.document import Report, Status
from conformance.compare.known import read
from conformance.compare.search import Search
from conformance.harness import Harness
from conformance.subjects.registry import find_subject
from conformance.text import source

KNOWN = Path(__file__).parents[1] / "conformance" / "examples" / "documented_known.toml"
NAMES = "documented-memory", "documented-redis"


@pytest.fixture(scope="module")
def harnesses() -> Iterator[tuple[Harness, Harness]]:
    one, other = (find_subject(name)() for name in NAMES)
    with one.running(), other.running():
        yield one, other


def search_of(harnesses: tuple[Harness, Harness]) -> Search:
    return Search((NAMES[0], harnesses[0]), (NAMES[1], harnesses[1]), seed=4)


def test_the_first_difference_comes_soon(harnesses: tuple[Harness, Harness]) -> None:
    started = time.process_time()

    next(search_of(harnesses).run())

    assert time.process_time() - started < 5


def test_what_one_caller_does_not_see_is_found(harnesses: tuple[Harness, Harness]) -> None:
    search = search_of(harnesses)
    found = {finding.kind: finding for finding in search._beyond()}  # noqa: SLF001

    assert found.keys() == {"expiry", "lost update", "foreign value", "server"}
    assert [line.rpartition(".")[2] for line in search.declared] == ["SHARED", "PERSISTENT"]
    assert "after 8 days it is there in documented-memory, and not in documented-redis" in found["expiry"].consequence
    assert "in documented-redis come out as in no order" in found["lost update"].consequence
    assert "with its server away" in found["server"].consequence
    assert search.notes == [
        "a value of another type in documented-memory: the harness has no hook inspector",
        "a server that fails in documented-memory: the harness has no hook url",
    ]


@pytest.mark.once
def test_every_known_difference_is_found_and_no_other(harnesses: tuple[Harness, Harness], tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "conformance", "compare", *NAMES, "--seed", "2"]

    ended = subprocess.run([*command, "--known", str(KNOWN), "--json", str(file)], capture_output=True, check=False)

    report = Report.model_validate_json(file.read_bytes())
    assert [finding.title for finding in report.findings if not finding.known] == []
    assert len(report.findings) == len(read(KNOWN))
    assert report.not_exercised == ()
    assert report.status is Status.KNOWN
    assert ended.returncode == Status.KNOWN.exit_status
    for finding in report.findings:
        if finding.kind in ("value", "type", "exception", "aliasing"):
            check_script(finding.script, harnesses)


def check_script(script: tuple[str, ...], harnesses: tuple[Harness, Harness]) -> None:
    """Run a script as a person would: what its last line gives differs between the two stores."""
    *lines, last = script
    assert last.count("   # ") == 1
    program = "\n".join(
        ["async def main(store):", *(f"    {line}" for line in lines), f"    return {last.partition('   # ')[0]}"]
    )
    ast.parse(program)
    seen = []
    for harness in harnesses:
        scope: dict[str, Any] = {}
        exec(program, scope)  # noqa: S102  a script of ours
        seen.append(asyncio.run(outcome(harness, scope["main"])))
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
