"""The three files that a report is written as: a page, a comment for a pull request, and data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.results.document import Verdict
from reports import plots
from reports.figures import figure, percent, signed
from reports.findings import ORDER
from reports.floors import FLOORS
from reports.growth import Page
from reports.latency import MODES, OPERATIONS, WAYS
from reports.plots.drawing import Band
from reports.report import Report

SYMBOLS = {
    "pass": "✓",
    "fail": "✗",
    "not-applicable": "–",
    "not-testable": "?",
    "harness-error": "!",
    "not-run": "○",
    "confirmed": "✓",
    "holds": "✓",
    "holds-corrected": "✎",
    "faster": "◀",
    "slower": "▶",
    "inconclusive": "≈",
    "under-specified": "?",
    "refuted": "✗",
    "not-yet-checked": "○",
    "met": "✓",
    "missed": "✗",
    "undecided": "≈",
    "not-measured": "○",
    "incomplete": "○",
    "killed": "✓",
    "survived": "✗",
}
"""A verdict always has its word beside its symbol and its colour."""

STANDINGS: tuple[Verdict, ...] = (
    "pass",
    "fail",
    "harness-error",
    "not-testable",
    "not-applicable",
    "not-run",
)
"""In the order in which they are shown."""

SHORT = {standing: standing for standing in STANDINGS} | {
    "not-applicable": "n/a",
    "not-testable": "n/t",
    "harness-error": "error",
}
"""For the many cells of the matrix, which says what they stand for."""
NAMES = {"described": "described design", "ours": "ours"}
ANSWERS = {
    "yes": "Yes",
    "no": "No",
    "alike-but-failing": "Alike, but not right",
    "not-checked": "Not checked",
}
"""To the question whether both modes of a design behave identically."""

SAID = {verdict: verdict.replace("-", " ") for verdict in ORDER} | {
    "holds": "true",
    "holds-corrected": "true once corrected",
    "faster": "faster than stated",
    "slower": "slower than stated",
    "under-specified": "under-specified",
}
"""The verdicts on claims within a sentence."""
BUILDS = {
    "same": "of the build that the suite checked",
    "other": "of another build than the suite checked",
    "unknown": "of a build that is not named",
}

_MARKDOWN = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*[]<>|@&~"})


def write_pages(report: Report, folder: Path) -> Path:
    """Write `index.html`, `summary.md`, `report.json` and the plots as SVG files, and return the path of the page."""
    summary, whole, pictures = render_summary(report), render_page(report), draw_plots(report)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(report.to_json())
    (folder / "summary.md").write_text(summary, encoding="utf-8")
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")
    page = folder / "index.html"
    page.write_text(whole, encoding="utf-8")
    return page


def draw_plots(report: Report) -> dict[str, str]:
    """Draw the pictures that a README shows, as SVG files by name."""
    pictures = {
        "memory.svg": plots.draw_latencies("memory", report.latencies, None),
        "redis.svg": plots.draw_latencies("redis", report.latencies, report.ping_ms),
        "listing.svg": plots.draw_listing(report.latencies),
    }
    return {name: plots.stand_alone(picture) for name, picture in pictures.items()}


def render_page(report: Report) -> str:
    """Make the page. Whatever comes from the inputs is escaped."""
    environment = _environment()
    environment.globals.update(
        plots=plots, said=SAID, symbols=SYMBOLS, short=SHORT, ways=WAYS, floors=FLOORS, pages=get_args(Page), band=Band
    )
    return environment.get_template("page.html.j2").render(report=report)


def render_summary(report: Report) -> str:
    """Make the comment. Every value is made harmless in Markdown: no markup, no mention, no end of a table cell."""
    return _environment(finalize=_plain).get_template("summary.md.j2").render(report=report)


def _plain(value: object) -> Markup:
    return Markup(" ".join(str(value).split()).translate(_MARKDOWN))  # noqa: S704  nothing of HTML or Markdown is left


def _mark_code(text: str) -> Markup:
    """Set what stands between backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def _environment(**options: Any) -> Environment:
    environment = Environment(
        loader=PackageLoader("reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters.update(code=_mark_code, figure=figure, percent=percent, signed=signed)
    environment.globals.update(
        answers=ANSWERS, names=NAMES, modes=MODES, standings=STANDINGS, operations=OPERATIONS, builds=BUILDS
    )
    return environment
