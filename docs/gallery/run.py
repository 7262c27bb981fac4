"""`tox -e gallery`: compare the stores of public libraries, and write README.md beside this file.

Each `*_modes.py` names the two stores of a library. Each script in `findings` shows one difference with the library
alone, and prints a line for each store; what its documentation says is in the docstring.
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

HERE = Path(__file__).parent
HEAD = """\
# Public libraries with two stores

`tox -e gallery` writes this page. Each library's two stores are compared with `conformance compare`, and
a finding is shown again by a script that uses the library alone. The versions stand in `pyproject.toml`, in the
dependency group `gallery`. Most stores on a server refuse a key that is no UTF-8, as `"\\ud800"`, and none in memory
does: that is counted, and not shown below. The application whose document
this project checks is [run apart](application/README.md).

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
    shown = [shown_by(file, server, stores) for file in sorted((HERE / "findings").glob(f"{module[:-6]}_?.py"))]
    counts = len(report["operations"]), len(report["findings"])
    cells = f"[{modes.LIBRARY}]({module}.py)", version(modes.LIBRARY), about, *map(str, counts)
    return f"| {' | '.join(cells)} |", "\n".join([f"\n## {modes.LIBRARY} {version(modes.LIBRARY)}\n", *shown])


def shown_by(script: Path, server: EmbeddedServer, stores: list[str]) -> str:
    """A finding, as its script shows it; SystemExit if it shows no difference."""
    server.call("FLUSHDB")
    environment = os.environ | {"REDIS_URL": server.url, "REDIS_PORT": str(server.port)}
    command = [sys.executable, "-W", "ignore", str(script)]
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    lines = ended.stdout.splitlines()
    if len(lines) != 2 or lines[0] == lines[1]:
        raise SystemExit(f"{script.name} shows no difference any more: {lines}")
    told = " ".join(script.read_text("utf-8").split('"""')[1].split())
    outputs = (f"  * {store}: `{line}`" for store, line in zip(stores, lines, strict=True))
    return "\n".join([f"* {told} ([script](findings/{script.name}))", *outputs])


if __name__ == "__main__":
    main()
