"""What is published of a report: a summary in a README, pictures and data beside it, and no path of a machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from conformance.files import read_file
from reports.analyse.report import ADAPTER, Report
from reports.render.pages import draw_plots, render_summary

BEGIN, END = "<!-- report: begin -->", "<!-- report: end -->"
TRANSLATION = "README.zh-CN.md"
"""Has the summary between its marks too, if it has marks."""

_PATH = re.compile(r"(?<![\w:/.<\\])(?:(?:/[\w.+@~-]+){2,}/?|[A-Za-z]:(?:\\[\w.+@~-]+)+\\?)")
"""An absolute path: no part of a URL, of a relative path or of a closing tag."""


def publish(report: Report, readme: Path) -> None:
    """Put the summary between the marks in `readme`, and the data and the pictures into `reports/published` beside it.

    Raises:
        OSError: `readme` cannot be read or written, or has no marks.
    """
    published = without_paths(report)
    summary = render_summary(published)
    translation = readme.with_name(TRANSLATION)
    texts = {readme: _replace(readme, summary)}
    if translation.exists() and END in translation.read_text(encoding="utf-8"):
        texts[translation] = _replace(translation, summary)
    folder = readme.parent / "reports" / "published"
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in draw_plots(published).items():
        (folder / name).write_text(picture, encoding="utf-8")
    (folder / "report.json").write_bytes(published.to_json())
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")


def without_paths(report: Report) -> Report:
    """Shorten every absolute path in a report: what failed cases said may name files of a machine."""
    return ADAPTER.validate_python(_strip(ADAPTER.dump_python(report)))


def _strip(value: Any) -> Any:
    match value:
        case str():
            return _PATH.sub(_last_name, value)
        case dict():
            return {name: _strip(one) for name, one in value.items()}
        case list() | tuple():
            return tuple(map(_strip, value))
        case _:
            return value


def _last_name(path: re.Match[str]) -> str:
    name = re.split(r"[/\\]", path.group().rstrip("/\\"))[-1]
    return f"…/{name}" if "." in name else "…"


def _replace(file: Path, summary: str) -> str:
    before, begin, rest = read_file(file, lambda content: content.decode("utf-8"), "text").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise OSError(0, f"there is no {BEGIN} with a {END} in it", str(file))
    return f"{before}{begin}\n{summary}{end}{after}"
