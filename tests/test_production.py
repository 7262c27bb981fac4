"""Faults with figures: what the judge counts, what a row says, and how the command ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.commands import main
from conformance.production import faults, run
from conformance.production.document import Production
from conformance.production.faults import FAULTS, SHARE, CannotBeCausedError, Fault, NotShownError, Site
from conformance.production.judge import Counts, Met, judge
from conformance.production.run import run_fault
from conformance.verify.histories.history import Interval, Planned

NEW = {"status": "pending", "progress": 0.0, "current_step": "", "result_url": None}
NOTHING = {"error_message": None, "error_traceback": None}
ABSENT = {"raised": "TaskNotFound"}
UNHARMED = Met(began=100, ended=200, may_forget=False)
FORGETFUL = replace(UNHARMED, may_forget=True)


def task(name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"task": {"task_id": name, **NEW, **NOTHING, **fields}}


def made(when: tuple[int, int | None], operation: str, result: Any, name: str = "a", **arguments: Any) -> Interval:
    given = {"task_id": name, **({"video_ids": [name]} if operation == "create_task" else arguments)}
    return Interval(Planned(0, operation, given), when[0], when[1], result)


STEP = {"status": "clipping", "current_step": "one"}
CREATED = made((1, 2), "create_task", task())
UPDATED = made((3, 4), "update_task_status", task(**STEP), **STEP)
CANCELLED = made((5, 6), "cancel_task", task(**{**STEP, "status": "cancelled"}))


def counted(intervals: list[Interval], afterwards: Any, met: Met = UNHARMED) -> tuple[int, int, int]:
    counts = judge(intervals, {intervals[0].call.task: afterwards}, met)
    assert counts.unknown == 0
    return counts.acknowledged, counts.lost, counts.wrong


def test_what_is_there_afterwards_is_neither_lost_nor_wrong() -> None:
    end = task(**{**STEP, "status": "cancelled"})
    assert counted([CREATED, UPDATED, CANCELLED], end) == (3, 0, 0)


@pytest.mark.parametrize(
    ("afterwards", "lost"),
    [
        (ABSENT, 3),
        (task(), 2),
        (task(**STEP), 1),
        (task(status="cancelled"), 1),
    ],
)
def test_each_acknowledged_write_that_is_gone_is_lost(afterwards: Any, lost: int) -> None:
    assert counted([CREATED, UPDATED, CANCELLED], afterwards) == (3, lost, 1)
    assert counted([CREATED, UPDATED, CANCELLED], afterwards, FORGETFUL) == (3, lost, 0)


def test_of_a_shared_task_only_its_creation_can_be_lost() -> None:
    created = made((1, 2), "create_task", task("shared-a"), "shared-a")
    first = made((3, 4), "update_task_status", task("shared-a", **STEP), "shared-a", **STEP)
    over = {"status": "clipping", "current_step": "two"}
    second = made((5, 6), "update_task_status", task("shared-a", **over), "shared-a", **over)
    assert counted([created, first, second], task("shared-a", **over)) == (3, 0, 0)
    assert counted([created, first, second], ABSENT) == (3, 3, 1)


def test_a_write_without_an_answer_may_be_there_or_not() -> None:
    lost = made((3, None), "update_task_status", None, **STEP)
    assert counted([CREATED, lost], task()) == (1, 0, 0)
    assert counted([CREATED, lost], task(**STEP)) == (1, 0, 0)
    assert counted([CREATED, lost], task(status="clipping", current_step="two")) == (1, 0, 1)


def test_a_write_that_is_denied_must_not_be_there() -> None:
    denied = made((3, 4), "update_task_status", {"raised": "StoreUnavailable"}, **STEP)
    assert counted([CREATED, denied], task()) == (1, 0, 0)
    assert counted([CREATED, denied], task(**STEP)) == (1, 0, 1)


def test_a_read_that_goes_back_is_wrong_even_where_writes_may_be_lost() -> None:
    back = made((5, 6), "get_task", task())
    assert counted([CREATED, UPDATED, back], task(), FORGETFUL) == (2, 1, 1)
    late = made((250, 260), "get_task", task())
    assert counted([CREATED, UPDATED, late], task(), FORGETFUL) == (2, 1, 0)


def test_a_task_that_was_first_called_after_the_fault_is_judged_whole() -> None:
    created = made((201, 202), "create_task", task())
    assert counted([created], ABSENT, FORGETFUL) == (1, 1, 1)


def test_an_exception_that_is_not_the_stores_is_foreign() -> None:
    intervals = [made((1, 2), "get_task", {"raised": name}) for name in ("KeyError", "TaskNotFound", "RedisError")]
    assert judge(intervals, {"a": ABSENT}, UNHARMED).foreign == {"KeyError": 1, "RedisError": 1}


def test_sixty_callers_without_answers_do_not_exhaust_the_budget() -> None:
    """Each of the sets of them would be tried."""
    steps = [{"status": "clipping", "current_step": f"step {number}"} for number in range(60)]
    lost = [made((3, None), "update_task_status", None, **step) for step in steps]
    assert counted([CREATED, *lost], task(**steps[37])) == (1, 0, 0)
    assert counted([CREATED, *lost], task(status="clipping", current_step="none of them")) == (1, 0, 1)


def test_callers_at_the_same_time_do_not_exhaust_the_budget() -> None:
    """Forty updates, answered in the reverse order: any order of them fits until a read shows which was the last."""
    steps = [{"status": "clipping", "current_step": f"step {number}"} for number in range(40)]
    updates = [
        replace(made((10, 99 - at), "update_task_status", task("shared-a", **step), "shared-a", **step), written=at)
        for at, step in enumerate(steps, 1)
    ]
    created = made((1, 2), "create_task", task("shared-a"), "shared-a")
    assert counted([created, *updates], task("shared-a", **steps[-1])) == (41, 0, 0)
    early = made((12, 13), "get_task", task("shared-a", **steps[7]), "shared-a")
    back = made((110, 120), "get_task", task("shared-a", **steps[7]), "shared-a")
    never = made((110, 120), "get_task", task("shared-a", status="clipping", current_step="another"), "shared-a")
    gone = made((110, 120), "get_task", ABSENT, "shared-a")
    assert counted([created, *updates, early], task("shared-a", **steps[-1])) == (41, 0, 0)
    for wrong in (back, never, gone):
        assert counted([created, *updates, early, wrong], task("shared-a", **steps[-1])) == (41, 0, 1)


def test_counts_add_up() -> None:
    whole = Counts(lost=1, shown=["x"])
    whole.add(Counts(lost=2, calls=3, shown=["y"]))
    assert (whole.lost, whole.calls, whole.shown) == (3, 3, ["x", "y"])


def test_what_ci_runs_is_in_the_table() -> None:
    assert SHARE.keys() <= {fault.name for fault in FAULTS}
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_a_fault_that_is_not_in_the_table_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["production", "--only", "flood"]) == 2
    assert capsys.readouterr().err.startswith("--only: 'flood' is none of SIGSTOP, ")


def named(name: str) -> Fault:
    return replace(next(fault for fault in FAULTS if fault.name == name), rounds=1)


@pytest.mark.once
def test_a_server_without_a_log_loses_what_it_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PROCESSES", 1)
    killed = replace(named("kill -9, appendfsync always"), make=named("SIGSTOP").make)
    row, shown = run_fault(killed)
    assert row.verdict == "fail"
    assert row.lost > 0
    assert row.wrong > 0
    assert f"{row.lost} acknowledged writes are lost" in row.reasons
    assert '"conformance-history/1"' in shown[0]


@pytest.mark.once
def test_the_command_writes_the_document_and_ends_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SHARE, "CLIENT KILL", 1)
    assert main(["production", "--share", "--only", "CLIENT KILL", "--json", "out/production.json"]) == 0
    assert capsys.readouterr().out.startswith("pass      CLIENT KILL: 1 rounds, ")
    (row,) = Production.model_validate_json(Path("out/production.json").read_text()).rows
    assert (row.fault, row.verdict, row.lost, row.wrong, row.foreign, row.left) == ("CLIENT KILL", "pass", 0, 0, {}, {})
    assert row.acknowledged >= row.needed == 640
    assert row.evidence == "connections closed: 4"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.once
def test_a_fault_that_does_not_show_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PROCESSES", 1)

    @contextmanager
    def nothing(_: Site) -> Iterator[str]:
        raise NotShownError("nothing happened")
        yield ""

    row, _ = run_fault(replace(named("SIGSTOP"), cause=nothing))
    assert (row.verdict, row.reasons) == ("fail", ("round 1 broke off: NotShownError: nothing happened",))


def test_a_fault_that_cannot_be_caused_is_skipped_and_no_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make() -> Site:
        raise CannotBeCausedError("no disk can be made here")

    monkeypatch.setattr(faults, "FAULTS", (replace(named("SIGSTOP"), make=make),))
    monkeypatch.setattr("conformance.commands.production.FAULTS", faults.FAULTS)
    file = tmp_path / "production.json"
    assert main(["production", "--only", "SIGSTOP", "--json", str(file)]) == 3
    assert "no disk can be made here" in capsys.readouterr().out
    assert json.loads(file.read_text())["rows"][0]["verdict"] == "skipped"


def test_figures_beyond_their_bounds_fail_a_row() -> None:
    rounds = run._Rounds(named("SIGSTOP"), None, None)  # type: ignore[arg-type]  # noqa: SLF001  nothing is run
    rounds.counts.acknowledged = 640
    assert rounds.row().verdict == "pass"
    for name, value, reason in (
        ("longest", 2.6, "a call took 2.60 s"),
        ("again", 5.1, "it worked again after 5.1 s"),
        ("reopened", 2, "2 stores had to be opened again"),
        ("left", {"keys": 3}, "left over: {'keys': 3}"),
    ):
        before = getattr(rounds, name)
        setattr(rounds, name, value)
        assert (rounds.row().verdict, rounds.row().reasons) == ("fail", (reason,))
        setattr(rounds, name, before)
    rounds.counts.acknowledged = 639
    assert rounds.row().reasons == ("639 acknowledged writes are fewer than 640",)
    rounds.counts = Counts(acknowledged=640, unknown=1)
    assert rounds.row().verdict == "undecided"
