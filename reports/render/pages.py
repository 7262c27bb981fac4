"""The files that a report is written as: a page in two languages, a comment for a pull request, data, and charts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.compare.report import TITLES
from conformance.measure.claims import in_language
from conformance.results.document import Verdict
from reports.analyse.latency import MODES
from reports.analyse.parity import Comparison
from reports.analyse.report import Report
from reports.figures import figure, times, write_time
from reports.render.charts import place_growth, place_ranges
from reports.render.studies import peers, throughput

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
NAMES = {"documented": "documented design", "ours": "ours"}
ANSWERS = {
    "yes": "Yes",
    "no": "No",
    "not-checked": "Not checked",
}
"""To the question whether both modes of a design behave identically."""
LATENCY_WORDS = {
    "confirmed": "{count} of {all} are right",
    "faster": "{count} of {all} are pessimistic: the documented design is faster",
    "slower": "{count} of {all} are optimistic: the documented design is slower",
    "inconclusive": "{count} of {all} cannot be told",
    "under-specified": "{count} of {all} depend on the number of tasks",
    "not-yet-checked": "{count} of {all} were not measured enough",
}
"""What the verdicts of the documented latencies mean for the document."""
FACTOR_WORDS = {
    "faster": ", by {least} to {most} times",
    "slower": ", by {least} to {most} times",
    "under-specified": ", and it gets up to {most} times slower than they say",
}
"""How far off they are, from the nearer end of the range."""
MEANINGS = {
    "not-applicable": "the subject declares that it lacks the capability",
    "not-testable": "a prerequisite failed, or there is no way to look",
    "harness-error": "the subject could not be set up",
    "not-run": "no result",
    "holds": "every check of a claim passed",
    "holds-corrected": "they passed, and the sentence needs the correction below it",
    "refuted": "a check failed",
    "confirmed": "the interval lies within the documented range",
    "faster": "the interval lies below the documented range",
    "slower": "the interval lies above the documented range",
    "inconclusive": "the interval straddles an end of the range",
    "under-specified": "the claim does not say for how many tasks, and that decides",
    "not-yet-checked": "nothing decides it yet",
}
WAYS = {"none": "", "embedded": "embedded server", "published": "published port"}
"""To the server of a store."""
PAGES = {"en": "index.html", "zh": "index.zh.html"}
"""By language."""

_MARKDOWN = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*[]<>|@&~"})
_HERE = files("reports.render").joinpath("page")


def write_pages(report: Report, folder: Path) -> Path:
    """Write the pages, `summary.md`, `report.json` and the charts as SVG files, and return the path of the page."""
    written = {PAGES[language]: render_page(report, language) for language in PAGES}
    written |= {"summary.md": render_summary(report), **draw_charts(report)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(report.to_json())
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / PAGES["en"]


def draw_charts(report: Report) -> dict[str, str]:
    """Draw the charts that a README shows, as SVG files by name."""
    drawn: Any = _environment("en").get_template("charts.html.j2").make_module({"report": report})
    return {"latency.svg": drawn.ranges(alone=True), "listing.svg": drawn.growth(alone=True)}


def render_page(report: Report, language: str = "en") -> str:
    """Make the page in a language. Whatever comes from the inputs is escaped."""
    return _environment(language).get_template("page.html.j2").render(report=report)


def render_summary(report: Report, language: str = "en") -> str:
    """Make the comment. Every value is made harmless in Markdown: no markup, no mention, no end of a table cell."""
    return _environment(language, finalize=_plain).get_template("summary.md.j2").render(report=report)


def _plain(value: object) -> Markup:
    return Markup(" ".join(str(value).split()).translate(_MARKDOWN))  # noqa: S704  nothing of HTML or Markdown is left


def _mark_code(text: str) -> Markup:
    """Set what stands between backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def read_texts(catalogue: Traversable) -> dict[str, str]:
    """Read a catalogue of translations; there is none for English."""
    return tomllib.loads(catalogue.read_text("utf-8")) if catalogue.is_file() else {}


class _Texts:
    """Texts of the page in a language. What a text says of markup is its own; the values are escaped."""

    def __init__(self, language: str) -> None:
        self._texts = read_texts(_HERE / f"{language}.toml")

    def text(self, text: str, **values: object) -> Markup:
        """Give a text, with values in the places that it names. What the catalogue has not stays English."""
        return Markup(self._texts.get(text, text)).format(**values)  # noqa: S704  our own; the values are escaped

    def note(self, text: str, values: Mapping[str, str]) -> Markup:
        """Give a note of a finding, in which the operation and the mode are words of the catalogue."""
        words = {name: self.text(value) if name in ("operation", "mode") else value for name, value in values.items()}
        return self.text(text, **words)

    def differences(self, one: Comparison) -> Markup:
        """Count the differences between two modes."""
        if one.answer == "not-checked":
            return self.text("Not everything was compared.")
        text = "{count} differences in {calls} calls of {operations} operations."
        return self.text(text, count=len(one.findings), calls=f"{one.calls:,}", operations=len(one.operations))

    def latency_sentence(self, report: Report) -> Markup:
        """Say whether the documented latencies are right."""
        answers = report.latency_answers
        count = sum(one.count for one in answers)
        parts = []
        for one in answers:
            part = self.text(LATENCY_WORDS[one.verdict], count=one.count, all=count)
            if one.factors and one.verdict in FACTOR_WORDS:
                least, most = times(one.factors[0]), times(one.factors[-1])
                part += self.text(FACTOR_WORDS[one.verdict], least=least, most=most)
            parts.append(part)
        return self.text("; ").join(parts) + self.text(".")

    def tally(self, report: Report) -> Markup:
        """Count the claims by their verdicts."""
        statements, readings = report.tally, report.readings
        counts = self.text(", ").join(f"{count} {self.text(verdict)}" for verdict, count in statements.items())
        read = self.text(", ").join(f"{row.claim.id} {self.text(row.verdict)}" for row in readings)
        return self.text(
            "The document makes {count} statements: {counts}. Three of its sentences give no figure; our readings of "
            "them are marked and counted apart: {readings}.",
            count=sum(statements.values()),
            counts=counts,
            readings=read,
        )

    def place_sentence(self, report: Report) -> Markup:
        """Say where the claims about Redis mode are decided."""
        said = Markup("")
        if places := report.redis_places:
            said += self.text("Redis mode is decided on {places}.", places=", ".join(places))
        if report.ping_ms:
            said += " " + self.text("A bare PING there takes {time}.", time=write_time(report.ping_ms))
        return said


def _environment(language: str, finalize: Callable[[object], object] | None = None) -> Environment:
    """Make what renders the templates in a language."""
    environment = Environment(
        loader=PackageLoader("reports.render", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
    texts = _Texts(language)
    environment.filters.update(code=_mark_code, figure=figure, number="{:,.0f}".format, time=write_time, times=times)
    environment.globals.update(
        t=texts.text,
        note=texts.note,
        differences=texts.differences,
        titles=TITLES,
        latency_sentence=texts.latency_sentence,
        tally=texts.tally,
        place_sentence=texts.place_sentence,
        throughput=throughput,
        peers=peers,
        text=lambda sentences: in_language(sentences, language),
        language=language,
        pages=PAGES,
        place_growth=place_growth,
        place_ranges=place_ranges,
        symbols=SYMBOLS,
        ways=WAYS,
        meanings=MEANINGS,
        answers=ANSWERS,
        names=NAMES,
        modes=MODES,
        standings=STANDINGS,
    )
    return environment
