"""What a run found, as lines for a terminal and as a page: claims with their verdicts, figures, growth and memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from conformance.measure.claims import in_language
from conformance.measure.estimate import Estimate
from conformance.measure.plan import NOOP, PING
from conformance.measure.run import Figure, Judged

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
    rows = [HEAD, *rows_of(figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from (f"{operation} grows as entries to the power {one.value:.2f}" for operation, one in growth.items())
    yield from filter(None, [memory_of(figures)])
    yield from (f"{operation} was not timed: {why}" for operation, why in left_out.items())
    for one in judged:
        yield f"{one.claim.id} {one.verdict}: {in_language(one.claim.sentence, 'en')}"
        yield from (f"    {note}" for note in one.notes)


def memory_of(figures: Sequence[Figure]) -> str:
    """Say what an entry takes where there are the most of them."""
    known = [one for one in figures if one.bytes_per_entry is not None]
    if not known:
        return ""
    most = max(known, key=lambda one: one.entries)
    return f"an entry takes {most.bytes_per_entry:,.0f} bytes of the process, of {most.entries:,}"


def page_of(
    store: str,
    title: str,
    judged: Sequence[Judged],
    figures: Sequence[Figure],
    growth: Mapping[str, Estimate],
    left_out: Mapping[str, str],
) -> str:
    """Make the page. It loads nothing, and runs nothing."""
    said = [f"{name} grows as entries to the power {one.value:.2f}." for name, one in growth.items()]
    said += [f"{name} was not timed: {why}." for name, why in left_out.items()]
    said += [f"{memory}." for memory in [memory_of(figures)] if memory]
    claims = (
        (one.claim.id, one.verdict, " / ".join(one.claim.sentence.values()), "; ".join(one.notes)) for one in judged
    )
    parts = [
        f"<h1>How fast is {escape(store)}?</h1>",
        _table(title, ("claim", "verdict", "sentence", "measured"), claims) if judged else "",
        _table("Figures", HEAD, rows_of(figures)),
        *(f"<p>{escape(one)}</p>" for one in said),
        f"<p>{_METHOD}</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>How fast is {escape(store)}?</title><style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f"<div><table><caption>{escape(caption)}</caption>{line(head, 'th')}\n{body}</table></div>"


def _with_interval(found: Estimate) -> str:
    interval = f" ({write_seconds(found.interval[0])} to {write_seconds(found.interval[1])})" if found.interval else ""
    return f"{write_seconds(found.value)}{interval}"
