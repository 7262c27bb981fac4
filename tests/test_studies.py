"""The studies: what their analysis finds in data whose answer is known, and that each can be made and read."""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.studies import load, memory, peers
from benchmarks.studies.__main__ import STUDIES, make
from benchmarks.studies.__main__ import main as make_studies
from benchmarks.studies.document import FLOORS, GLIDE, PLAIN, Studies
from benchmarks.studies.filling import new_config
from benchmarks.studies.load import call_for
from benchmarks.studies.processes import ProcessFailedError, in_new_process
from benchmarks.studies.turns import Contestant, WrongAnswerError, take_turns

pytestmark = pytest.mark.once

# Some peers leave closing to the collector.
leaving_peers_alone = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def test_a_call_that_raises_is_counted_and_not_lost() -> None:
    async def fail() -> None:
        raise LookupError

    answered, failed, _ = asyncio.run(call_for(fail, 2, 0.01))
    assert answered == 0
    assert failed >= 2


def test_a_wrong_answer_ends_a_study() -> None:
    async def answer() -> str:
        return "a"

    def contest(right: str) -> dict[Any, Any]:
        contestants: dict[Any, Contestant] = {"name": Contestant(answer, partial(operator.eq, right))}
        return asyncio.run(take_turns(contestants, 1e-9, Random(7)))  # noqa: S311  the same in every run

    assert contest("a")["name"]["seconds"] > 0
    with pytest.raises(WrongAnswerError, match="a call answered a"):
        contest("b")


async def process() -> int:
    return os.getpid()


async def divide(by: float) -> float:
    return 1 / by


async def abort() -> None:
    os.abort()


def test_every_block_is_of_a_process_of_its_own_and_one_that_fails_is_told() -> None:
    assert len({in_new_process(process) for _ in range(2)} | {os.getpid()}) == 3
    with pytest.raises(ProcessFailedError, match="ZeroDivisionError: "):
        in_new_process(divide, 0)
    with pytest.raises(ProcessFailedError, match="ended while it measured"):
        in_new_process(abort)


def test_a_floor_keeps_its_values_apart() -> None:
    async def check() -> None:
        async with peers.in_memory() as documents:
            for name in FLOORS:
                config = new_config()
                task_id = await documents[name].create(config)
                config["clip_seconds"].append("changed by who gave it")
                (await documents[name].look(task_id))["clip_seconds"].append("changed by who got it")
                assert await documents[name].look(task_id) == new_config()

    asyncio.run(check())


@leaving_peers_alone
def test_every_study_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(load.SCALES, "quick", load.Scale(2, (1, 64), 0.02))
    monkeypatch.setitem(memory.SCALES, "quick", (("task", 300), ("metadata", 200)))
    monkeypatch.setitem(peers.SCALES, "quick", peers.Scale({"memory": 60, "redis": 60}, 2, 0.005))
    made = make("quick", [*STUDIES])
    (path := tmp_path / "studies.json").write_text(made.model_dump_json(by_alias=True))
    studies = Studies.model_validate_json(path.read_bytes())
    assert studies.series == made.series
    assert not studies.failures
    designs, modes = {"ours", "documented"}, {"memory", "redis"}
    assert {one.subject for one in studies.select("load", what="get", at=64)} == designs
    assert {(one.subject, one.mode, one.what) for one in studies.select("memory")} == {
        (design, mode, part) for design in designs for mode in modes for part in ("task", "metadata")
    }
    names = {"memory": {*FLOORS, "cashews"}, "redis": {PLAIN, GLIDE, "cashews"}}
    for mode, others in names.items():
        timed = {(one.subject, one.what) for one in studies.select("peers", mode=mode)}
        assert timed == {(name, what) for name in others | designs for what in ("create", "get", "look", "update")}
    blocks = {len(values) for one in studies.series if one.study != "memory" for values in one.figures.values()}
    assert blocks == {2}  # one of each process


def test_a_study_that_fails_is_told_as_not_measured_and_the_others_are_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> list[Any]:
        raise KeyError("task_1")

    monkeypatch.setitem(STUDIES, "load", fail)
    monkeypatch.setitem(memory.SCALES, "quick", (("task", 300),))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the handlers of this process are not its to set
    path = tmp_path / "studies.json"
    assert make_studies(["--quick", "--json", str(path), "load", "memory"]) == 0
    studies = Studies.model_validate_json(path.read_bytes())
    assert studies.failures == {"load": "KeyError: 'task_1'"}
    assert studies.find("memory") is not None
    assert "load was not measured: KeyError: 'task_1' (test_studies.py:" in capsys.readouterr().err


def test_what_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    (folder := tmp_path / "temporary").mkdir()
    command = [sys.executable, "-m", "benchmarks.studies", "--full", "--json", str(tmp_path / "studies.json"), "memory"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stderr is not None
        assert b"memory" in running.stderr.readline()
        assert list(folder.iterdir())
        running.send_signal(signal.SIGTERM)  # as Ctrl-C, which a job in the background does not hear
        running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGINT
    assert not list(folder.iterdir())
    assert not (tmp_path / "studies.json").exists()
