"""`conformance diff`, and files of known failures: what is printed and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance.commands import main
from conformance.compare.report import Line, Report
from conformance.results import known
from conformance.results.document import Expected, read
from tests.report_inputs import conformance, requirement

KNOWN = Expected(kind="known", reason="an old client")


def write(file: Path, **backends: Mapping[str, str | tuple[str, str]]) -> Path:
    """A results file: by backend, the verdict on each test, and maybe the reason."""
    rows = []
    for name, tests in backends.items():
        for test, came in tests.items():
            verdict, reason = came if isinstance(came, tuple) else (came, "")
            expected = KNOWN.model_dump() if reason == KNOWN.reason else None
            rows.append(requirement("LIST-01", verdict, on=(name,), test=test, reason=reason, expected=expected))
    file.write_text(json.dumps(conformance(*rows)))
    return file


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    before = write(tmp_path / "a.json", memory={"same": "pass", "broken": "pass", "mended": "fail", "gone": "pass"})
    after = write(
        tmp_path / "b.json",
        memory={"same": "pass", "broken": ("fail", "gave <b>|\n2"), "mended": "pass", "new": "pass"},
    )
    return [str(before), str(after)]


def test_two_runs_are_alike_or_not(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *files]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "memory: 5 tests, 4 differ",
        "  broken: pass → fail: gave <b>|",
        "  mended: fail → pass",
        "  gone: pass → not there",
        "  new: not there → pass",
    ]
    assert main(["diff", files[0], files[0], "--backend", "memory"]) == 0


def test_a_summary_in_markdown_lets_no_markup_in(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *files, "--markdown"]) == 1
    assert "* broken: pass → fail: gave &#60;b&#62;&#124;\n" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--markdown"]])
def test_names_and_reasons_forge_no_line(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = "x\nmemory: 1 tests, 0 differ\r\x1b[8m\u2028"
    passed = {forged: "pass"}
    failed = {forged: ("fail", "gave \x1b[2J\r\x85")}
    before = write(tmp_path / "a.json", **{forged: passed})
    after = write(tmp_path / "b.json", **{forged: failed})
    assert main(["diff", str(before), str(after), *options]) == 1
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("memory: ")] == []
    assert out.replace("\n", "").isprintable()
    assert main(["diff", str(before), "--backend", "no"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_two_backends_of_one_run_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(
        tmp_path / "both.json",
        memory={"a": "pass", "b": "fail", "c": ("fail", KNOWN.reason), "d": "not-applicable"},
        redis={"a": "fail", "b": "fail", "c": "fail", "d": "fail"},
    )
    assert main(["diff", str(file)]) == 1
    out = capsys.readouterr().out
    assert "memory and redis: 4 tests, 2 differ\n" in out
    assert "  a: pass → fail\n" in out
    assert "  c: fail (known) → fail: an old client\n" in out
    assert main(["diff", str(file), "--backend", "redis"]) == 0


def test_two_comparisons_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = Report(["a", "b"], 0), Report(["a", "b"], 0)
    lasting = Line("get", "value", "get > value: int", seen="get")
    for report in (before, after):
        report.add(lasting)
    before.add(Line("put", "type", "put > value: set", seen="put"))
    for name, report in (("a.json", before), ("b.json", after)):
        (tmp_path / name).write_text(report.json())

    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 1

    assert "  put: type of put: differs → not there: put > value: set\n" in capsys.readouterr().out
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "a.json")]) == 0


@pytest.mark.parametrize("arguments", [("one.json",), ("one.json", "--backend", "redis")])
def test_what_cannot_be_compared_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("one.json"), memory={"a": "pass"})
    assert main(["diff", *arguments]) == 2
    assert "name two backends with --backend, of ['memory'] and ['memory']" in capsys.readouterr().err


def test_a_test_that_a_failure_keeps_from_being_decided_can_be_known(tmp_path: Path) -> None:
    ended = "its scenarios end where LIFE-02 fails"
    results = read(write(tmp_path / "one.json", memory={"requirement_EXP-05": ("not-testable", ended)}))
    file = tmp_path / "known.toml"
    known.write(file, results, known.KnownFailures())
    file.write_text(file.read_text().replace("TODO: say why", "this store has three statuses"))

    (result,) = results.results
    expected = known.read(file, ["requirement_EXP-05"]).expected(result)

    assert expected == Expected(kind="known", reason="this store has three statuses")
