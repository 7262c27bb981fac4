"""`conformance diff`, and files of known failures: what is printed and written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.commands import main
from conformance.results import known
from conformance.results.document import (
    SCHEMA,
    AboutSubject,
    Expected,
    ListedRequirement,
    Result,
    Results,
    Suite,
    Verdict,
    read,
)

KNOWN = Expected(kind="known", reason="an old client")


def write(file: Path, *, seed: int = 1, **subjects: dict[str, Verdict | tuple[Verdict, str]]) -> Path:
    """A results file: by subject, the verdict on each test, and maybe the reason."""
    results = []
    for name, tests in subjects.items():
        for test, came in tests.items():
            verdict, reason = came if isinstance(came, tuple) else (came, "")
            expected = KNOWN if reason == KNOWN.reason else None
            results.append(
                Result(
                    test=test,
                    doc="",
                    requirements=("LIST-01",),
                    subject=name,
                    verdict=verdict,
                    reason=reason,
                    expected=expected,
                )
            )
    Results(
        schema=SCHEMA,
        suite=Suite(version="1", fingerprint="f", python="3", platform="", client="", seed=seed),
        started=datetime.now(UTC),
        seconds=1.0,
        exit_status=0,
        subjects=tuple(AboutSubject(name=name) for name in subjects),
        requirements=(ListedRequirement(id="LIST-01", level="MUST", text="", claims=()),),
        results=tuple(results),
    ).write(file)
    return file


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    before = write(
        tmp_path / "a.json",
        memory={"same": "pass", "broken": "pass", "mended": "fail", "left": "pass", "gone": "pass"},
    )
    after = write(
        tmp_path / "b.json",
        memory={
            "same": "pass",
            "broken": ("fail", "gave <b>|\n2"),
            "mended": "pass",
            "left": ("not-testable", "no hook"),
            "new": "pass",
        },
    )
    return [str(before), str(after)]


def test_two_runs_are_alike_or_not(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *files]) == 1
    before, after = (f"{file}, memory" for file in files)
    assert capsys.readouterr().out.splitlines() == [
        f"{before} and {after}: 6 tests, 5 differ",
        f"passes in {before}, fails in {after} (1):",
        "  broken: gave <b>|",
        f"fails in {before}, passes in {after} (1):",
        "  mended",
        "another verdict (1):",
        "  left pass → not-testable: no hook",
        f"only in {after} (1):",
        "  new not there → pass",
        f"only in {before} (1):",
        "  gone pass → not there",
    ]
    assert main(["diff", files[0], files[0], "--subject", "memory"]) == 0


def test_a_summary_in_markdown_lets_no_markup_in(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *files, "--markdown"]) == 1
    out = capsys.readouterr().out
    assert "5 of 6 tests did not come out alike." in out
    assert "| broken | pass | fail | gave &#60;b&#62;&#124; |" in out


def test_two_subjects_of_one_run_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(
        tmp_path / "both.json",
        memory={"a": "pass", "b": "fail", "c": ("fail", KNOWN.reason)},
        redis={"a": "fail", "b": "fail", "c": "fail"},
    )
    assert main(["diff", str(file)]) == 1
    out = capsys.readouterr().out
    assert "memory and redis: 3 tests, 2 differ" in out
    assert "passes in memory, fails in redis (1):\n  a\n" in out
    assert "  c fail (known) → fail: an old client" in out
    assert main(["diff", str(file), "--subject", "redis"]) == 0


def test_a_failure_for_another_reason_is_listed_and_what_no_side_ran_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(
        tmp_path / "both.json",
        memory={
            "a": ("fail", "progress"),
            "b": ("fail", "task 0a1b2c3d"),
            "c": "not-applicable",
            "e": ("fail", "0 of 1"),
        },
        redis={"a": ("fail", "status\n2"), "b": ("fail", "task f0f0f0f0"), "c": "not-run", "e": ("fail", "1 of 1")},
    )
    assert main(["diff", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "memory and redis: 3 tests, 0 differ",
        "fails in both, for another reason (2):",
        "  a: progress → status",
        "  e: 0 of 1 → 1 of 1",
    ]


def test_numbers_that_two_runs_drew_differently_are_no_other_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write(tmp_path / "before.json", seed=1, memory={"a": ("fail", "gave 12"), "b": ("fail", "gave None")})
    after = write(tmp_path / "after.json", seed=2, memory={"a": ("fail", "gave 7"), "b": ("fail", "gave 3")})
    assert main(["diff", str(before), str(after)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "fails in both, for another reason (1):",
        "  b: gave None → gave 3",
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.json",), "none.json: No such file or directory"),
        (("text.json",), "text.json: not the results of the conformance suite: Invalid JSON"),
        (("one.json",), "name two of its subjects with --subject: memory"),
        (("one.json", "--subject", "redis"), "--subject: there is no redis, only memory"),
    ],
)
def test_what_cannot_be_compared_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.json").write_text("{")
    write(Path("one.json"), memory={"a": "pass"})
    assert main(["diff", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_test_that_a_failure_keeps_from_being_decided_can_be_known(tmp_path: Path) -> None:
    ended = "its scenes end where LIFE-02 fails"
    results = read(write(tmp_path / "one.json", memory={"requirement_EXP-05": ("not-testable", ended)}))
    known.write(tmp_path / "known.toml", results, known.KnownFailures())
    file = tmp_path / "known.toml"
    file.write_text(file.read_text().replace("TODO: say why", "this store has three statuses"))

    (result,) = results.results
    expected = known.read(file, ["requirement_EXP-05"]).expected(result)

    assert expected == Expected(kind="known", reason="this store has three statuses")


def test_what_fails_on_every_store_is_one_entry(tmp_path: Path) -> None:
    file = write(tmp_path / "two.json", memory={"a": "fail", "b": "fail"}, redis={"a": "fail", "b": "pass"})
    known.write(tmp_path / "known.toml", read(file), known.KnownFailures())

    written = (tmp_path / "known.toml").read_text()

    assert written.replace('reason = "TODO: say why"\n', "") == (
        '[[known]]\ntest = "a"\n\n[[known]]\ntest = "b"\nsubject = "memory"\n'
    )
