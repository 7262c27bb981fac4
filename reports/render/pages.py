"""The files that a report is written as: a page in two languages, a comment for a pull request, data, and charts."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.measure.claims import Texts, in_language
from reports.analyse.differences import rank
from reports.analyse.latency import MODES
from reports.analyse.report import Report
from reports.figures import figure, times, write_round_time, write_time
from reports.render.charts import place_distances, place_growth, place_ranges

PAGES = {"en": "index.html", "zh": "index.zh.html"}
"""By language."""
CHARTS = ("latency", "distance", "listing")
"""Those that a README shows: macros of `charts.html.j2`, which are empty where nothing was measured."""
_ENDINGS = {"en": "svg", "zh": "zh.svg"}

_MARKDOWN = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*[]<>|@&~"})
_HERE = files("reports.render").joinpath("page")


def write_pages(report: Report, folder: Path) -> Path:
    """Write the pages, `summary.md`, `report.json` and the charts as SVG files, and return the path of the page."""
    written = {"summary.md": render_summary(report)}
    for language, name in PAGES.items():
        written[name] = render_page(report, language)
        written |= draw_charts(report, language)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(report.to_json())
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / PAGES["en"]


def draw_charts(report: Report, language: str = "en") -> dict[str, str]:
    """Draw the charts that a README shows, as SVG files by name."""
    template = _environment(language).get_template("charts.html.j2")
    macros = template.make_module({"report": report})
    drawn = {}
    for name in CHARTS:
        chart = str(getattr(macros, name)(alone=True)).strip()
        if chart:
            drawn[f"{name}.{_ENDINGS[language]}"] = f"{chart}\n"
    return drawn


def render_page(report: Report, language: str = "en") -> str:
    """Make the page in a language. Whatever comes from the inputs is escaped."""
    return _environment(language).get_template("page.html.j2").render(report=report)


def render_summary(report: Report, language: str = "en", pictures: Iterable[str] = ()) -> str:
    """Make the comment, with the charts of these names.

    Every value is made harmless in Markdown: no markup, no mention, no end of a table cell.
    """
    template = _environment(language, _escape_markdown).get_template("summary.md.j2")
    return template.render(report=report, pictures=pictures)


def read_texts(catalogue: Traversable) -> dict[str, str]:
    """Read a catalogue of translations; there is none for English."""
    return tomllib.loads(catalogue.read_text("utf-8")) if catalogue.is_file() else {}


def _escape_markdown(value: object) -> Markup:
    """Escape a value unless that was done before: our own texts may have markup."""
    if isinstance(value, Markup):
        return value
    return Markup(" ".join(str(value).split()).translate(_MARKDOWN))  # noqa: S704  nothing of HTML or Markdown is left


def _mark_code(text: str) -> Markup:
    """Set what stands between backticks as code."""
    marked = Markup("")
    for place, part in enumerate(text.split("`")):
        form = Markup("<code>{}</code>") if place % 2 else Markup("{}")
        marked += form.format(part)
    return marked


def _initial(text: str) -> str:
    """Begin a text with a capital, and leave its names as they are."""
    return text[:1].upper() + text[1:]


_FILTERS: Mapping[str, Callable[..., str]] = {
    "code": _mark_code,
    "figure": figure,
    "initial": _initial,
    "number": "{:,.0f}".format,
    "round_time": write_round_time,
    "time": write_time,
    "times": times,
}
_GLOBALS: Mapping[str, object] = {
    "modes": MODES,
    "pages": PAGES,
    "place_distances": place_distances,
    "place_growth": place_growth,
    "place_ranges": place_ranges,
    "rank": rank,
}


def _environment(language: str, escape_value: Callable[[object], Markup] = escape) -> Environment:
    """Make what renders the templates in a language."""
    texts = read_texts(_HERE.joinpath(f"{language}.toml"))

    def translate(text: str, **values: object) -> Markup:
        """Give a text, with values in the places that it names. What the catalogue has not stays English."""
        escaped = {name: escape_value(value) for name, value in values.items()}
        return Markup(texts.get(text, text)).format(**escaped)  # noqa: S704  our own; the values are escaped

    def choose(sentences: Texts) -> str:
        return in_language(sentences, language)

    environment = Environment(
        loader=PackageLoader("reports.render", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=escape_value,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(_GLOBALS, t=translate, text=choose, language=language)
    return environment
