"""What is published of a report: a summary in a README, and charts and data beside it."""

from pathlib import Path

from conformance.files import FileError, read_file
from reports.analyse.report import Report
from reports.render.pages import draw_charts, render_summary

BEGIN, END = "<!-- report: begin -->", "<!-- report: end -->"
TRANSLATION = "README.zh-CN.md"
"""Has the summary in Chinese between its marks, if it has marks."""


def publish(report: Report, readme: Path) -> None:
    """Put the summary between the marks in `readme`, and the data and the charts into `reports/published` beside it.

    Raises:
        FileError: `readme` cannot be read, or has no marks.
        OSError: a file cannot be written.
    """
    readmes = {"en": readme}
    translation = readme.with_name(TRANSLATION)
    if translation.exists() and END in translation.read_text(encoding="utf-8"):
        readmes["zh"] = translation
    folder = readme.parent / "reports" / "published"
    texts = {}
    for language, file in readmes.items():
        charts = draw_charts(report, language)
        texts[file] = _replace(file, render_summary(report, language, charts))
        texts |= {folder / name: chart for name, chart in charts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")
    (folder / "report.json").write_bytes(report.to_json())


def _replace(file: Path, summary: str) -> str:
    text = read_file(file, bytes.decode, "text")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise FileError(file, f"there is no {BEGIN} with a {END} in it")
    return f"{before}{begin}\n{summary}{end}{after}"
