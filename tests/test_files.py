"""Files that a user names: what cannot be written is said on one line, and nothing is lost or left behind."""

from pathlib import Path

import pytest

from conformance.commands import main
from conformance.files import FileError, write_file

FULL = Path("/dev/full")
on_a_full_disk = pytest.mark.skipif(not FULL.is_char_device(), reason="there is no /dev/full")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write_file(file, "1")
    write_file(file, "2")
    assert file.read_text() == "2"
    with pytest.raises(UnicodeEncodeError):
        write_file(file, "3\udc80")
    assert file.read_text() == "2"
    assert [*file.parent.iterdir()] == [file]


def test_a_link_stays_and_what_it_names_is_written(tmp_path: Path) -> None:
    file, link = tmp_path / "results.json", tmp_path / "link"
    link.symlink_to(file)
    write_file(link, "1")
    assert link.is_symlink()
    assert file.read_text() == "1"


@on_a_full_disk
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(FULL)  # what is done to it is not done to the device
    with pytest.raises(FileError, match=r"link: cannot be written: No space left on device$"):
        write_file(link, "1")
    assert link.is_symlink()


@pytest.mark.parametrize(
    "command",
    [
        ["measure", "--store", "memory", "--json"],
        *(["compare", "memory", "memory", option] for option in ("--json", "--write-known")),
    ],
)
def test_a_command_refuses_a_file_before_it_begins(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(tmp_path)]) == 2
    assert capsys.readouterr() == ("", f"{tmp_path}: cannot be written\n")
