"""`tox -e gallery`: compare the stores of public libraries, and write README.md beside this file.

Each `*_modes.py` names the two stores of a library, and says of some differences what its documentation says. Each of
these is shown by the program that `--write-scripts` writes of it, with the library alone.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile

from conformance.backends.servers import EmbeddedServer
from conformance.commands.scripts import program
from conformance.compare.report import Line

HERE = Path(__file__).parent
HEAD = """\
# Public libraries with two stores

`tox -e gallery` writes this page. Each library's two stores are compared with `conformance compare`, and
a finding is shown again by a script that it wrote, with the library alone. The versions stand in `pyproject.toml`, in
the dependency group `gallery`. Most stores on a server refuse a key that is no UTF-8, as `"\\ud800"`, and none in
memory does: that is counted, and not shown below. The application whose document
this project checks is [run apart](application/README.md). Calls at the same time were made in every order, and
connections ended, but for what stands below as not raced.

| library | version | stores | operations | differences |
|---|---|---|--:|--:|
"""


def main() -> None:
    """Compare, confirm and write."""
    with EmbeddedServer() as server:
        parts = [part_of(file.stem, server) for file in sorted(HERE.glob("*_modes.py"))]
    rows, sections = zip(*parts, strict=True)
    (HERE / "README.md").write_text(HEAD + "\n".join([*rows, *sections, ""]), "utf-8")


def part_of(module: str, server: EmbeddedServer) -> tuple[str, str]:
    """The row of a library in the table, and its section; SystemExit if not everything was exercised."""
    print(module, flush=True)
    modes = import_module(module)
    stores = [name for name in vars(modes) if name.endswith("Mode")]
    with NamedTemporaryFile() as file:
        names = [f"{module}:{store}" for store in stores]
        command = [sys.executable, "-m", "conformance", "compare", *names, "--json", file.name]
        ended = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=False)
        if ended.returncode not in (0, 1):
            raise SystemExit(ended.stdout)
        report = json.loads(Path(file.name).read_text("utf-8"))
    about = modes.__doc__.partition(": ")[2].strip().removesuffix(".")
    harnesses = {store: getattr(modes, store)() for store in stores}
    lines = {line["text"]: line for line in report["every_line"]}
    shown = []
    for text, told in modes.SHOWN.items():
        if text not in lines:
            raise SystemExit(f"{module}: not found any more: {text}")
        shown.append(shown_by(program(Line(**lines[text]), harnesses), told, server, stores))
    shown += [f"\nNot {note[4:]}." for note in report["notes"] if note.startswith("not raced")]
    counts = len(report["operations"]), len(report["findings"])
    cells = f"[{modes.LIBRARY}]({module}.py)", version(modes.LIBRARY), about, *map(str, counts)
    return f"| {' | '.join(cells)} |", "\n".join([f"\n## {modes.LIBRARY}", *shown])


def shown_by(script: str, told: str, server: EmbeddedServer, stores: list[str]) -> str:
    """A finding, as its script shows it; SystemExit if it shows no difference."""
    server.call("FLUSHDB")
    command = [sys.executable, "-W", "ignore", "-c", script]
    environment = os.environ | {"REDIS_URL": server.url}
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    lines = ended.stdout.splitlines()
    if len(lines) != 2 or lines[0] == lines[1]:
        raise SystemExit(f"no difference any more: {lines}\n{script}")
    outputs = [f"* {store}: `{line}`" for store, line in zip(stores, lines, strict=True)]
    folded = ["", "<details><summary>The script</summary>", "", "```python", script.strip(), "```", "", "</details>"]
    return "\n".join(["", told, "", *outputs, *folded])


if __name__ == "__main__":
    main()
