"""What a run found, as lines for a terminal and as a page: claims with their verdicts, figures, growth and memory.

The texts are English here, and `zh.toml` has the Chinese ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from conformance.measure.claims import in_language
from conformance.measure.estimate import Estimate
from conformance.measure.plan import NOOP, PING
from conformance.measure.run import Figure, Judged
from conformance.measure.texts import translator
from conformance.text import in_columns

_STYLE = """
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: auto; padding: 1rem }
table { border-collapse: collapse }
caption { text-align: left; font-weight: 600; padding: 1rem 0 0.3rem }
th, td { text-align: left; padding: 0.2rem 0.6rem; border-top: 1px solid #8886 }
div { overflow-x: auto }
"""
_METHOD = (
    "A figure is the median of the medians of blocks, each a new process; the interval holds it with the confidence "
    "that all claims together need. A verdict allows 10 % beyond either end of a range, that on a budget nothing."
)
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
FLOORS = (NOOP, PING)


def write_seconds(seconds: float) -> str:
    """Write a time with three digits that count and the unit that fits."""
    scale, unit = next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


def rows_of(figures: Iterable[Figure]) -> Iterator[tuple[str, ...]]:
    """Give the cells of each figure: operation, entries, median with interval, p99, calls a second."""
    for one in figures:
        p99 = one.quantiles.get(0.99)
        yield (
            one.operation,
            f"{one.entries:,}" if one.operation not in FLOORS else "",
            _with_interval(one.seconds),
            write_seconds(p99.value) if p99 else "",
            f"{1 / one.seconds.value:,.0f}",
        )


HEAD = ("operation", "entries", "median (interval)", "p99", "a second")


def text_of(
    judged: Sequence[Judged], figures: Sequence[Figure], growth: Mapping[str, Estimate], left_out: Mapping[str, str]
) -> Iterator[str]:
    """Give the lines for a terminal."""
    yield from in_columns([HEAD, *rows_of(figures)])
    yield from (f"{operation} grows as entries to the power {one.value:.2f}" for operation, one in growth.items())
    if most := _most(figures):
        yield f"an entry takes {most.bytes_per_entry:,.0f} bytes of the process, of {most.entries:,}"
    yield from (f"{operation} was not timed: {why}" for operation, why in left_out.items())
    for one in judged:
        yield f"{one.claim.id} {one.verdict}: {in_language(one.claim.sentence, 'en')}"
        yield from (f"    {text.format(**values)}" for text, values in one.notes)


def _most(figures: Sequence[Figure]) -> Figure | None:
    """Find a figure where there are the most entries whose memory is known."""
    return max((one for one in figures if one.bytes_per_entry is not None), key=lambda one: one.entries, default=None)


def page_of(
    store: str,
    title: str,
    judged: Sequence[Judged],
    figures: Sequence[Figure],
    growth: Mapping[str, Estimate],
    left_out: Mapping[str, str],
    language: str = "en",
) -> str:
    """Make the page in a language. It loads nothing, and runs nothing."""
    t = translator(Path(__file__).with_name(f"{language}.toml"))
    grows = "{name} grows as entries to the power {power}."
    remarks = [t(grows, name=name, power=f"{one.value:.2f}") for name, one in growth.items()]
    remarks += [t("{name} was not timed: {why}.", name=name, why=t(why)) for name, why in left_out.items()]
    if most := _most(figures):
        size = {"bytes": f"{most.bytes_per_entry:,.0f}", "entries": f"{most.entries:,}"}
        remarks.append(t("An entry takes {bytes} bytes of the process, where there are {entries}.", **size))
    claims = (
        (
            one.claim.id,
            t(one.verdict),
            in_language(one.claim.sentence, language),
            "; ".join(t(text, **values) for text, values in one.notes),
        )
        for one in judged
    )
    heading = t("How fast is {store}?", store=store)
    parts = [
        f"<h1>{escape(heading)}</h1>",
        _table(title, [*map(t, ("claim", "verdict", "sentence", "measured"))], claims) if judged else "",
        _table(t("Figures"), [*map(t, HEAD)], ([t(row[0]), *row[1:]] for row in rows_of(figures))),
        *(f"<p>{escape(one)}</p>" for one in (*remarks, t(_METHOD))),
    ]
    return (
        f'<!doctype html>\n<html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(heading)}</title><style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f"<div><table><caption>{escape(caption)}</caption>{line(head, 'th')}\n{body}</table></div>"


def _with_interval(found: Estimate) -> str:
    interval = f" ({write_seconds(found.interval[0])} – {write_seconds(found.interval[1])})" if found.interval else ""
    return f"{write_seconds(found.value)}{interval}"
