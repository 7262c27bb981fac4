"""Draw what a command prints on a terminal: `python .ci/picture.py PICTURE.svg LINES COMMAND…`, in light and dark."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

WIDTH, HEIGHT, EDGE = 8.4, 20, 16
STYLE = """
text { font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre }
rect { fill: #f6f8fa } .c1 { font-weight: 600 } .c2 { fill: #59636e }
.c31 { fill: #a51d1d } .c32 { fill: #17663a } .c33 { fill: #6b4b00 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e8eb } rect { fill: #1b1f24 } .c2 { fill: #a7adb6 }
  .c31 { fill: #ff9d94 } .c32 { fill: #7fd6a0 } .c33 { fill: #f0c766 }
}
"""


def spans(line: str) -> Iterator[str]:
    """Yield the parts of a line, each in its colour."""
    classes = ""
    for text in re.split(r"(\x1b\[[\d;]*m)", line):
        if found := re.fullmatch(r"\x1b\[([\d;]*)m", text):
            classes = " ".join(f"c{code}" for code in found[1].split(";") if code not in ("", "0"))
        elif text:
            yield f'<tspan class="{classes}">{escape(text)}</tspan>' if classes else escape(text)


target, most, *command = sys.argv[1:]
environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "80"}
printed = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout
lines = [f"\x1b[1m$ {' '.join(command)}\x1b[0m", *printed.splitlines()[: int(most)]]
width = max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in lines) * WIDTH + 2 * EDGE
height = len(lines) * HEIGHT + 2 * EDGE
texts = [f'<text x="{EDGE}" y="{EDGE + 14 + n * HEIGHT}">{"".join(spans(line))}</text>' for n, line in enumerate(lines)]
size = f'width="{width:g}" height="{height}" viewBox="0 0 {width:g} {height}"'
sheet = '<rect width="100%" height="100%" rx="8"/>'
picture = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<style>{STYLE}</style>", sheet, *texts, "</svg>"]
Path(target).write_text("\n".join(picture) + "\n", "utf-8")
