"""The command line: what its help says, and what it says of wrong words."""

from __future__ import annotations

import re
from importlib.metadata import entry_points, version

import pytest

from conformance.commands import COMMANDS, main


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_the_console_script_is_this_command() -> None:
    (script,) = entry_points(group="console_scripts", name="conformance")
    assert script.load() is main


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed_by(capsys, "--version") == (0, f"conformance {version('taskstore')}\n", "")


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = printed_by(capsys, "--help")
    assert status == 0
    for name, purpose in COMMANDS.items():
        assert name in out
        assert purpose.partition(" ")[0] in out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_and_its_exit_statuses(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = printed_by(capsys, name, "--help")
    assert status == 0
    assert re.search(rf"examples?:\n  conformance {name}\b", out)
    assert re.search(r"exit status:\n  0  ", out)
    assert "  2  " in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "COMMAND"),
        (("prof",), "invalid choice: 'prof'"),
        (("run", "--stor", "memory"), "conformance run: error: unrecognized arguments: --stor"),
        (("mutants", "--sample", "-3"), "'-3' is no whole number above 0"),
        (("mutants", "--jobs", "0"), "'0' is no whole number above 0"),
        (("check", "history.jsonl", "--steps", "0"), "'0' is no whole number above 0"),
        (("new",), "FILE.py"),
        (("compare", "memory"), "B"),
    ],
)
def test_wrong_words_are_named_and_have_a_status(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = printed_by(capsys, *arguments)
    assert status == 2
    assert told in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("compare", "memory", "postgres"), "unknown store 'postgres'"),
        (("verify", "--store", "postgres"), "unknown store 'postgres'"),
        (("compare", "memory", "memory", "--seconds", "0"), "--seconds: a positive number"),
        (("check", "nowhere.jsonl"), "nowhere.jsonl"),
        (("new", "mystore.txt"), "mystore.txt is no Python file"),
    ],
)
def test_wrong_values_are_one_line_with_a_status(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_an_interrupted_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("conformance.commands.check.main", interrupt)
    assert main(["check", "history.jsonl"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
