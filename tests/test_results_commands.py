"""`conformance diff`, and files of known failures: what is printed and written."""

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance.commands import main
from conformance.commands.compare import as_json
from conformance.compare.report import Line, Report
from conformance.files import FileError
from conformance.results.document import Failure, Result
from conformance.results.plan import Plan
from tests.report_inputs import conformance, requirement

KNOWN = "an old client"


def write(file: str, **backends: Mapping[str, str | tuple[str, str]]) -> Path:
    """A results file: by backend, the verdict on each test, and maybe the reason."""
    rows = []
    for name, tests in backends.items():
        for test, came in tests.items():
            verdict, reason = came if isinstance(came, tuple) else (came, "")
            accepted = reason if reason == KNOWN else ""
            rows.append(requirement("LIST-01", verdict, on=(name,), test=test, reason=reason, accepted=accepted))
    Path(file).write_text(json.dumps(conformance(*rows)))
    return Path(file)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("a.json", memory={"same": "pass", "broken": "pass", "mended": "fail", "gone": "pass"})
    forged = "gave <b>|\x1b[2J\nmemory: 1 tests"
    write("b.json", memory={"same": "pass", "broken": ("fail", forged), "mended": "pass", "x\u2028new": "pass"})
    write(
        "both.json",
        memory={"a": "pass", "b": "fail", "c": ("fail", KNOWN), "d": "not-applicable"},
        redis=dict.fromkeys("abcd", "fail"),
    )
    lasting = Line("get", "value", "get > value: int", seen="get")
    for name in ("before.json", "after.json"):
        report = Report(["a", "b"])
        report.add(lasting)
        if name == "before.json":
            report.add(Line("put", "type", "put > value: set", seen="put"))
        Path(name).write_text(as_json(report))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            "a.json b.json",
            [
                "memory: 4 of 5 differ",
                "  broken: pass → fail",
                r"      gave <b>|\x1b[2J",
                "  mended: fail → pass",
                "  gone: pass → not there",
                r"  x\u2028new: not there → pass",
            ],
        ),
        (
            "both.json",
            ["memory and redis: 2 of 4 differ", "  a: pass → fail", "  c: fail (known) → fail", "      an old client"],
        ),
        (
            "before.json after.json",
            ["compare: 1 of 2 differ", "  put > value: set: differs → not there"],
        ),
        ("a.json a.json", ["memory: 0 of 4 differ"]),
    ],
)
def test_what_differs_is_a_line(arguments: str, told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *arguments.split()]) == (len(told) > 1)
    assert capsys.readouterr().out.split("\n") == [*told, ""]


def test_one_backend_is_compared_with_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "a.json"]) == 2
    assert "a.json is about one backend" in capsys.readouterr().err


def test_long_values_are_shown_from_where_they_differ() -> None:
    failure = Failure(name="", requirements=("LIST-03",), expected=4_000 * "v" + "1", came=4_000 * "v" + "2")
    assert failure.difference == f"expected …{40 * 'v'}1, came …{40 * 'v'}2"


def broken(number: str, shows: str, *script: str) -> Result:
    failure = Failure(name="races-1", requirements=(number,), came="", shows=shows, script=script)
    test = f"requirement_{number}"
    return Result(test=test, doc="", requirements=(number,), backend="a", verdict="fail", failures=(failure,))


def test_an_entry_accepts_what_it_shows_and_no_other_failure_of_the_requirement() -> None:
    refused, lost = broken("ATOM-02", "a cancel raises"), broken("ATOM-02", "a write is lost")
    option = Namespace(
        conformance_store=["a"],
        conformance_only=[],
        conformance_partial=False,
        conformance_depth="default",
        conformance_known="",
    )
    file = Path("known.toml")
    Plan(option).write_known(file, [refused])
    option.conformance_known = file
    with pytest.raises(FileError, match=r"known: 0: reason: needs a reason"):
        Plan(option)
    file.write_text(file.read_text().replace("TODO: say why", "so"))

    plan = Plan(option)
    assert plan.reason_for(refused) == "so"
    assert not plan.reason_for(refused.model_copy(update={"failures": refused.failures + lost.failures}))

    mended = refused.model_copy(update={"verdict": "pass", "failures": ()})
    assert [*plan.stale([mended])] == ["requirement_ATOM-02 on a no longer shows a cancel raises"]
    option.conformance_depth = "smoke"
    assert not [*plan.stale([mended])]


def test_a_lost_write_is_worse_than_a_wrong_type() -> None:
    assert broken("ATOM-01", "lost", "create", "race").weight < broken("VAL-05", "type", "create").weight
