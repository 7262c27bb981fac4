"""What pictures are made of: styles, marks, lines and text, and the picture itself.

Colours come from the page's style sheet. Whatever differs in colour differs in shape or dash too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from markupsafe import Markup

WIDTH = 340
"""Of a drawing, in units of its own: about what a telephone shows, so that the text stays readable there."""
TOP, RIGHT = 22, 318

EMPTY = Markup()
Shape = Literal["square", "disc"]


@dataclass(frozen=True)
class Style:
    """How one store looks: its name, its class in the style sheet, its shape, and whether its curve is dashed."""

    name: str
    kind: str
    shape: Shape
    dashed: bool = False


DOCUMENTED = Style("documented design", "documented", "square")
OURS = Style("ours", "ours", "disc")
STYLES = {"documented": DOCUMENTED, "ours": OURS}


@dataclass(frozen=True)
class Picture:
    """A drawing, and the numbers in it. False if there is nothing to draw."""

    title: str
    drawing: Markup = EMPTY
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.drawing)


@dataclass(frozen=True)
class Band:
    """What the document gives: a range of the axis upwards, or of the only axis."""

    low: float
    high: float
    label: str = ""


def letters(text: str) -> int:
    """Count the letters of a text; a Chinese character is as wide as two."""
    return sum(1 + (character > "\u2e7f") for character in text)


def stand_alone(picture: Picture) -> str:
    """Make a drawing a file of its own, for a README: with the page's light colours, on white."""
    sheet = files("reports.render").joinpath("page", "page.css").read_text("utf-8")
    style = re.sub(r"@media [^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", sheet)
    head, _, rest = picture.drawing.partition(">")
    return (
        f'{head} xmlns="http://www.w3.org/2000/svg"><style>{style}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>{rest}\n'
    )


def draw_key(style: Style, *, curve: bool = False) -> Markup:
    """Draw what stands for a store, for a caption."""
    bar = stroke(0, 7, 26, 7, curve_class(style) if curve else f"whisker {style.kind}")
    return Markup('<svg class="key" viewBox="0 0 26 14" aria-hidden="true">{}{}</svg>').format(bar, mark(style, 13, 7))


def drawing(height: float, title: str, parts: Sequence[Markup]) -> Markup:
    """Frame the parts of a drawing."""
    return Markup('<svg class="plot" viewBox="0 0 {} {:g}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, title, Markup().join(parts)
    )


def mark(style: Style, x: float, y: float, title: str = "") -> Markup:
    """Draw the mark of a store: told apart without colour."""
    told = Markup("<title>{}</title>").format(title) if title else ""
    if style.shape == "disc":
        shape = Markup('<circle cx="{:g}" cy="{:g}" r="5" class="mark {}">{}</circle>')
        return shape.format(x, y, style.kind, told)
    return Markup('<rect x="{:g}" y="{:g}" width="9" height="9" class="mark {}">{}</rect>').format(
        x - 4.5, y - 4.5, style.kind, told
    )


def curve_class(style: Style) -> str:
    """Name the classes of a curve."""
    return f"curve {style.kind}{' dashed' if style.dashed else ''}"


def stroke(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Draw a straight line."""
    return Markup('<line x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}" class="{}"/>').format(x1, y1, x2, y2, kind)


def box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    """Draw a rectangle."""
    shape = Markup('<rect x="{:g}" y="{:g}" width="{:.1f}" height="{:.1f}" class="{}"/>')
    return shape.format(x, y, width, height, kind)


def label(x: float, y: float, text: str, kind: str) -> Markup:
    """Write some text."""
    return Markup('<text x="{:g}" y="{:g}" class="{}">{}</text>').format(x, y, kind, text)
