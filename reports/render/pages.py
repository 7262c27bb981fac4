"""The files that a report is written as: a page in two languages, a comment for a pull request, data, and charts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.compare.report import TITLES
from conformance.measure.claims import in_language
from conformance.results.document import Verdict
from reports.analyse.latency import MODES, Latency
from reports.analyse.parity import Comparison
from reports.analyse.report import Report, Row
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
    "faster": "{count} of {all} are pessimistic: the documented design is {least} to {most} times faster",
    "slower": "{count} of {all} are optimistic: the documented design is {least} to {most} times slower",
    "inconclusive": "{count} of {all} cannot be told",
    "under-specified": "{count} depend on the number of tasks",
    "not-yet-checked": "{count} of {all} were not measured enough",
}
"""What the verdicts of the documented latencies mean for the document. Factors are from the nearer end of the range."""
FOUND = {
    "confirmed": "as documented",
    "faster": "{factor} times faster",
    "slower": "{factor} times slower",
    "inconclusive": "at an end of the range",
}
"""What a latency was found to be at one number of tasks."""
COUNTED = {
    "holds": "{count} hold",
    "holds-corrected": "{count} hold with a correction",
    "faster": "{count} are pessimistic",
    "slower": "{count} are optimistic",
    "under-specified": "{count} are under-specified",
    "refuted": "{count} are refuted",
}
"""How claims with a verdict are counted, where its word alone does not do."""
SERVED = {"published": "{server} in a container", "embedded": "{server} as a private process"}
MEANINGS = {
    "not-applicable": "the subject declares that it lacks the capability",
    "not-testable": "a prerequisite failed, or there is no way to look",
    "harness-error": "the subject could not be set up",
    "not-run": "no result",
    "holds": "every check passed that follows from the quoted words",
    "holds-corrected": "they passed, and the sentence needs the correction below it",
    "refuted": "one of these checks failed",
    "confirmed": "the interval lies within the documented range",
    "faster": "the interval lies below the documented range",
    "slower": "the interval lies above the documented range",
    "inconclusive": "the interval contains an end of the range",
    "under-specified": "the verdict depends on the number of tasks, and the claim does not say where its range ends",
    "not-yet-checked": "nothing decides it yet",
}
WAYS = {"none": "", "embedded": "private server", "published": "container"}
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
        self._language = language
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
        count = sum(len(one.measured) for one in answers)
        parts = []
        for one in answers:
            factors = sorted(row.factor for rows in one.measured for row in rows if row.factor)
            least, most = (times(factors[place]) if factors else "" for place in (0, -1))
            words = LATENCY_WORDS[one.verdict]
            parts.append(self.text(words, count=len(one.measured), all=count, least=least, most=most))
            parts += map(self.by_tasks, one.measured) if one.verdict == "under-specified" else ()
        return self.text(" ").join(part + self.text(".") for part in parts)

    def by_tasks(self, rows: Sequence[Latency]) -> Markup:
        """Say what an operation was found to take among the fewest tasks and among the most."""
        first, last = (self.text(FOUND[row.verdict], factor=times(row.factor or 1)) for row in (rows[0], rows[-1]))
        return self.text(
            "A {operation} in {mode} is {first} at {few} tasks, and {last} at {many}",
            operation=self.text(rows[0].operation),
            mode=self.text(MODES[rows[0].mode]),
            first=first,
            few=f"{rows[0].tasks:,}",
            last=last,
            many=f"{rows[-1].tasks:,}",
        )

    def sentence(self, row: Row) -> str:
        """Give the sentence of a claim without its full stop."""
        return in_language(row.claim.sentence, self._language).rstrip(".。")

    def tally(self, report: Report) -> Markup:
        """Count the claims by their verdicts."""
        statements, readings = report.tally, report.readings
        counts = self.text(", ").join(
            self.text(COUNTED.get(verdict, "{count} {verdict}"), count=count, verdict=self.text(verdict))
            for verdict, count in statements.items()
        )
        read = self.text(", ").join(
            self.text("“{sentence}”: {verdict}", sentence=self.sentence(row), verdict=self.text(row.verdict))
            for row in readings
        )
        return self.text(
            "The document makes {count} statements: {counts}. Our readings go beyond its words: {readings}.",
            count=sum(statements.values()),
            counts=counts,
            readings=read,
        )

    def place_sentence(self, report: Report) -> Markup:
        """Say where the claims about Redis mode are decided."""
        if not report.redis_places:
            return Markup("")
        places = self.text(", ").join(self.text(SERVED[way], server=server) for server, way in report.redis_places)
        said = self.text("Redis mode is {places} on the same machine, with no network between.", places=places)
        if report.ping_ms:
            said += self.text(" A bare PING takes {time}.", time=write_time(report.ping_ms))
        return said

    def musts(self, report: Report) -> Markup:
        """Count on each subject the MUSTs that it keeps, of those that apply to it."""
        counts = {one.name: report.count(one.name, "MUST") for one in report.subjects}
        kept = []
        for name, found in counts.items():
            applying = found.total() - found["not-applicable"]
            undecided = applying - found["pass"] - found["fail"]
            said = self.text(" ({count} undecided)", count=undecided) if undecided else ""
            kept.append(f"{name} {found['pass']}/{applying}{said}")
        return self.text("MUSTs kept, of those that apply to the subject: {kept}.", kept=self.text(", ").join(kept))


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
        musts=texts.musts,
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
