"""The files that a report is written as: a page in two languages, a comment for a pull request, data, and pictures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.measure.claims import in_language
from conformance.measure.texts import read_texts
from conformance.results.document import Verdict
from reports.analyse.latency import MODES, OPERATIONS, WAYS
from reports.analyse.report import RULE, Report
from reports.figures import figure, percent, signed, times, write_time
from reports.render.drawing import DOCUMENTED, OURS, draw_key, stand_alone
from reports.render.pictures import Pictures

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
}
"""A verdict always has its word beside its symbol and its colour."""

STANDINGS: tuple[Verdict, ...] = ("pass", "fail", "harness-error", "not-testable", "not-applicable", "not-run")
"""In the order in which they are shown."""
SHORT = {"not-applicable": "n/a", "not-testable": "n/t", "harness-error": "error"}
"""For the many cells of the matrix, which says what they stand for."""
NAMES = {"documented": "documented design", "ours": "ours"}
ANSWERS = {
    "yes": "Yes",
    "no": "No",
    "alike-but-failing": "Alike, but not right",
    "not-checked": "Not checked",
}
"""To the question whether both modes of a design behave identically."""
LATENCY_WORDS = {
    "confirmed": "{count} of {all} are right",
    "faster": "{count} of {all} are pessimistic: calls are faster",
    "slower": "{count} of {all} are optimistic: calls are slower",
    "inconclusive": "{count} of {all} cannot be told",
    "under-specified": "{count} of {all} depend on the number of tasks",
    "not-yet-checked": "{count} of {all} were not measured enough",
}
"""What the verdicts of the documented latencies mean for the document."""
PAGES = {"en": "index.html", "zh": "index.zh.html"}
"""By language."""

_MARKDOWN = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*[]<>|@&~"})
_HERE = files("reports.render").joinpath("page")


def write_pages(report: Report, folder: Path) -> Path:
    """Write the pages, `summary.md`, `report.json` and the plots as SVG files, and return the path of the page."""
    written = {PAGES[language]: render_page(report, language) for language in PAGES}
    written |= {"summary.md": render_summary(report), **draw_plots(report)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(report.to_json())
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / PAGES["en"]


def draw_plots(report: Report) -> dict[str, str]:
    """Draw the pictures that a README shows, as SVG files by name."""
    pictures = Pictures(translator("en"))
    drawn = {
        "memory.svg": pictures.draw_latencies(report.latencies, ("memory",)),
        "redis.svg": pictures.draw_latencies(report.latencies, ("redis",), ping_ms=report.ping_ms),
        "listing.svg": pictures.draw_listing(report.latencies),
    }
    return {name: stand_alone(picture) for name, picture in drawn.items()}


def render_page(report: Report, language: str = "en") -> str:
    """Make the page in a language. Whatever comes from the inputs is escaped."""
    script = _HERE.joinpath("page.js").read_text("utf-8")
    translate = translator(language)
    environment, words = _environment(), read_texts(_HERE.joinpath(f"{language}.toml"))
    environment.filters.update(word=lambda text: words.get(text, text))  # of an input: escaped
    environment.globals.update(
        t=translate,
        language=language,
        pages=PAGES,
        text=lambda texts: in_language(texts, language),
        script=Markup(script),  # noqa: S704  our own
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        keys=[(draw_key(style), style.name) for style in (DOCUMENTED, OURS)],
        plots=Pictures(translate),
        symbols=SYMBOLS,
        short=SHORT,
        ways=WAYS,
        latency_words=LATENCY_WORDS,
        rule=RULE,
    )
    return environment.get_template("page.html.j2").render(report=report)


def render_summary(report: Report) -> str:
    """Make the comment. Every value is made harmless in Markdown: no markup, no mention, no end of a table cell."""
    return _environment(finalize=_plain).get_template("summary.md.j2").render(report=report)


def translator(language: str) -> Callable[..., Markup]:
    """Make a function that gives a text of the templates in a language, with values in the places that it names.

    What a text says of markup is its own; the values are escaped. What the catalogue has not stays English.
    """
    texts = read_texts(_HERE.joinpath(f"{language}.toml"))

    def translate(text: str, **values: object) -> Markup:
        return Markup(texts.get(text, text)).format(**values)  # noqa: S704  our own; the values are escaped

    return translate


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
        loader=PackageLoader("reports.render", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters.update(
        code=_mark_code, figure=figure, median=median, percent=percent, signed=signed, time=write_time, times=times
    )
    environment.globals.update(answers=ANSWERS, names=NAMES, modes=MODES, standings=STANDINGS, operations=OPERATIONS)
    return environment
