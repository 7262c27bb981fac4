"""The timeline: a history as a picture, one row per client, one bar per call."""

from __future__ import annotations

from html import escape

from conformance.verify.histories.contradiction import asked, told
from conformance.verify.histories.history import History, Interval

_LEFT, _TOP, _RIGHT = 90, 56, 24
_STEP = 64
_CHARACTER = 6.9
"""The width of a character of 11 px, or a little more: a bar is as wide as what stands in it."""
_ROW, _BAR = 58, 42
_MOST_CALLS = 400

_STYLE = """\
text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1b1f24}
.title{font-weight:bold;font-size:13px}
.lane{stroke:#8c959f;stroke-width:1}
.bar{fill:#ddf4ff;stroke:#0969da;stroke-width:1.2}
.lost .bar{fill:#f6f8fa;stroke:#6e7781;stroke-dasharray:4 3}
.wrong .bar{fill:#ffebe9;stroke:#cf222e;stroke-width:2.4}
.back{fill:#ffffff}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.lane{stroke:#6e7681}
.bar{fill:#0c2d4a;stroke:#58a6ff}
.lost .bar{fill:#161b22;stroke:#8b949e}
.wrong .bar{fill:#4b1113;stroke:#ff7b72}
.back{fill:#0d1117}
}"""


def draw(history: History, title: str, wrong: tuple[Interval, ...] = ()) -> str:
    """Draw the calls as an SVG; those in `wrong` stand out, and lost ones have no end.

    Moments are in their order, each a step to the right of the one before: what overlaps does so in the picture, but
    lengths say nothing. A history of very many calls is drawn up to the four hundredth.
    """
    shown = history.intervals[:_MOST_CALLS]
    places = _places(shown)
    end = max(places.values(), default=_LEFT) + _STEP
    clients = sorted({one.call.client for one in shown})
    height = _TOP + _ROW * len(clients) + 16
    width = max(end + _RIGHT, _LEFT + _RIGHT + _CHARACTER * 1.3 * len(title))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{width:.0f}" height="{height}"/>',
        f'<text class="title" x="12" y="24">{escape(title)}</text>',
    ]
    for row, client in enumerate(clients):
        middle = _TOP + _ROW * row + _BAR / 2
        lines.append(f'<line class="lane" x1="{_LEFT}" y1="{middle}" x2="{end:.0f}" y2="{middle}"/>')
        lines.append(f'<text x="12" y="{middle + 4}">client {client}</text>')
    for one in shown:
        top = _TOP + _ROW * clients.index(one.call.client)
        lines += _bar(one, top, places[one.called], end if one.returned is None else places[one.returned], wrong)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _bar(one: Interval, top: float, left: float, right: float, wrong: tuple[Interval, ...]) -> list[str]:
    kind = "wrong" if one in wrong else "lost" if one.returned is None else "call"
    upper, lower = escape(asked(one)), escape("→ " + told(one))
    return [
        f'<g class="{kind}"><title>client {one.call.client}: {upper} {lower}</title>',
        f'<rect class="bar" x="{left:.0f}" y="{top}" width="{right - left:.0f}" height="{_BAR}" rx="4"/>',
        f'<text x="{left + 6:.0f}" y="{top + 17}">{upper}</text>',
        f'<text x="{left + 6:.0f}" y="{top + 33}">{lower}</text></g>',
    ]


def _places(shown: tuple[Interval, ...]) -> dict[int, float]:
    """Where each moment stands: so far to the right that what ends there has room for its words."""
    begins: dict[int, list[Interval]] = {}
    for one in shown:
        if one.returned is not None:
            begins.setdefault(one.returned, []).append(one)
    moments = sorted({one.called for one in shown} | begins.keys())
    places: dict[int, float] = {}
    at = float(_LEFT)
    for moment in moments:
        needed = [places[one.called] + _width(one) for one in begins.get(moment, []) if one.called in places]
        at = max([at, *needed])
        places[moment] = at
        at += _STEP / 2
    return places


def _width(one: Interval) -> float:
    return 16 + _CHARACTER * max(len(asked(one)), len(told(one)) + 2)
