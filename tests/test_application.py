"""The application as a third design: its published result, how it is read, and how a report shows it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conformance.files import FileError
from conformance.tasks.spec.requirements import REQUIREMENTS
from reports.analyse.application import read_application
from reports.analyse.differences import rank
from reports.analyse.parity import without_paths
from reports.analyse.report import make_report
from reports.render.pages import render_page
from tests.report_inputs import (
    OWN,
    application,
    benchmark,
    conformance,
    everything_measured,
    inputs,
    requirement,
)

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
GOOD = conformance(requirement("A-1", "pass"))


def written(folder: Path, document: Any) -> Path:
    file = folder / "application.json"
    file.write_text(json.dumps(document), "utf-8")
    return file


def test_the_application_is_a_column_that_decides_nothing(tmp_path: Path) -> None:
    own = read_application(written(tmp_path, application()))
    given = inputs(GOOD, benchmark(*everything_measured()))

    shown, without = make_report(*given, application=own), make_report(*given)

    rows = {row.claim.id: row for row in shown.claims}
    found = {number: rows[number].findings["application"].verdict for number in ("D04", "D05", "D17", "D33")}
    assert found == {"D04": "refuted", "D05": "not-checked", "D17": "faster", "D33": "refuted"}
    lost = next(check for check in rows["D04"].findings["application"].checks if check.passed is False)
    assert (lost.came[1], lost.where) == ({"came": "not found"}, "autoclip:Redis")
    assert lost.command == "python -m statements D04 --store autoclip:Redis"
    assert "and not for Auto-Clip itself: 1</h3>" in render_page(shown)
    assert own is not None
    assert own.link(own.service) == f"https://github.com/somebody/something/blob/{'0' * 40}/app/b.py"
    assert [row.verdict for row in shown.claims] == [row.verdict for row in without.claims]
    assert {*without.claims[0].findings} == {"documented", "ours"}
    (timed,) = shown.deciding("application", "redis", "get")
    assert (timed.ms.value, timed.backend) == (0.3, OWN[1])
    assert shown.latencies == without.latencies


def test_no_result_is_no_column_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    assert read_application(tmp_path / "none.json") is None
    file = written(tmp_path, application(schema="application/0"))
    with pytest.raises(FileError, match=rf"^{re.escape(str(file))}: not a result of the application: schema: "):
        read_application(file)


def test_the_published_result_is_whole() -> None:
    own = read_application()

    assert own is not None
    assert all(result.came == without_paths(result.came) for result in own.statements.results)
    assert own.requirements.keys() >= REQUIREMENTS.keys()
    assert all(row.redis and (row.memory or row.group == "one mode only") for row in rank(own.comparison))
    shown = make_report(*inputs(GOOD), application=own)
    undecided = [row.claim.id for row in shown.claims if row.findings["application"].verdict == "not-checked"]
    assert undecided == ["D11"]


@pytest.mark.parametrize("file", sorted(GALLERY.rglob("*.py")), ids=lambda file: file.stem)
def test_what_the_gallery_imports_of_this_project_is_there(file: Path) -> None:
    imports = r"^from (?:conformance|benchmarks|reports)\b[\w.]* import (?:\([^)]*\)|.*)$"
    exec("\n".join(re.findall(imports, file.read_text("utf-8"), re.MULTILINE)))  # noqa: S102  the gallery's own lines
