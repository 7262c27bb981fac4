"""Pictures of what was decided: case by case in both modes, and claim by claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from reports.findings import ORDER, ClaimVerdict
from reports.inputs import Design
from reports.parity import Comparison
from reports.plots.drawing import WIDTH, Picture, box, drawing, label

NAMES: Mapping[Design, str] = {"described": "The described design", "ours": "Ours"}
COLUMNS = 14
"""Claims in a line."""


def draw_comparisons(comparisons: Mapping[Design, Comparison]) -> Picture:
    """Draw the cases of each design as a bar: alike in both modes, different, or wrong in both."""
    title = "Cases that come out alike in both modes"
    shown = {design: one for design, one in comparisons.items() if one.compared}
    if not shown:
        return Picture(title)
    parts: list[Markup] = []
    rows: list[tuple[str, ...]] = []
    for index, (design, one) in enumerate(shown.items()):
        top = 18 + 74 * index
        differing, failing = len(one.differing), len(one.failing_in_both)
        counts = {"good": one.compared - differing - failing, "bad": differing, "open": failing}
        parts.append(label(0, top, NAMES[design], "name"))
        parts.append(label(WIDTH, top, f"{one.compared} cases compared", "unit"))
        parts += _bar(top + 8, counts)
        said = f"✓ {counts['good']} pass in both · ✗ {differing} differ · ! {failing} fail in both"
        parts.append(label(0, top + 46, said, "small"))
        rows.append((NAMES[design], *(str(count) for count in counts.values()), str(one.compared)))
    return Picture(
        title,
        drawing(74 * len(shown), title, parts),
        (),
        ("", "pass in both", "differ", "fail in both", "compared"),
        tuple(rows),
    )


def draw_claims(verdicts: Iterable[tuple[str, ClaimVerdict]], symbols: Mapping[str, str]) -> Picture:
    """Draw a tile for each statement, those with the same verdict together."""
    title = "The verdicts on the statements of the document"
    given = sorted(verdicts, key=lambda one: (ORDER.index(one[1]), one[0]))
    if not given:
        return Picture(title)
    side = WIDTH / COLUMNS
    parts = []
    for index, (claim, verdict) in enumerate(given):
        x, y = index % COLUMNS * side, index // COLUMNS * (side + 10)
        parts.append(
            Markup(
                '<g class="tile {}"><title>{}: {}</title><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                '<text x="{:.1f}" y="{:.1f}">{}</text><text x="{:.1f}" y="{:.1f}" class="id">{}</text></g>'
            ).format(
                verdict,
                claim,
                verdict,
                x + 1,
                y + 1,
                side - 2,
                side + 8,
                x + side / 2,
                y + 14,
                symbols[verdict],
                x + side / 2,
                y + 27,
                claim,
            )
        )
    lines = -(-len(given) // COLUMNS)
    grouped = {verdict: [claim for claim, one in given if one == verdict] for verdict in ORDER}
    return Picture(
        title,
        drawing(lines * (side + 10) + 2, title, parts),
        (),
        ("verdict", "claims", "which"),
        tuple((verdict, str(len(claims)), ", ".join(claims)) for verdict, claims in grouped.items() if claims),
    )


def _bar(top: float, counts: Mapping[str, int]) -> Sequence[Markup]:
    parts, x, whole = [], 0.0, sum(counts.values())
    for kind, count in counts.items():
        width = WIDTH * count / whole
        parts.append(box(x, top, width, 24, f"bar {kind}"))
        x += width
    return parts
