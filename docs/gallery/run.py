"""`tox -e gallery`: compare the stores of public libraries, and write README.md and gallery.json beside this file.

Each `*_modes.py` names the two stores of a library. Each script in `findings` shows one difference with the library
alone, and prints a line for each store; what its documentation says is in the docstring.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from redis import Redis

from conformance.compare.child import searched
from conformance.subjects.servers import EmbeddedServer

HERE = Path(__file__).parent


def main() -> None:
    """Compare, confirm and write."""
    with EmbeddedServer() as server:
        libraries = [library_of(file.stem, server.url) for file in sorted(HERE.glob("*_modes.py"))]
    document = {"schema": "gallery/1", "libraries": libraries}
    (HERE / "gallery.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (HERE / "README.md").write_text(page_of(libraries), "utf-8")


def library_of(module: str, url: str) -> dict[str, Any]:
    """What the page says of one library."""
    print(module, flush=True)
    modes = import_module(module)
    names = modes.STORES[0].__name__, modes.STORES[1].__name__
    report = searched(*zip(names, modes.STORES, strict=True))
    scripts = (finding.script for finding in report.findings)
    shortest = min(scripts, key=lambda script: len("\n".join(script)), default=())
    name = module.removesuffix("_modes")
    return {
        "library": modes.LIBRARY,
        "version": version(modes.LIBRARY),
        "about": (modes.__doc__ or "").partition(": ")[2].strip().removesuffix("."),
        "stores": names,
        "harness": f"{module}.py",
        "operations": {operation: row.results for operation, row in report.operations.items()},
        "not_exercised": sorted(report.gaps),
        "differences": [finding.title for finding in report.findings],
        "shortest": shortest,
        "findings": [confirmed(script, url) for script in sorted((HERE / "findings").glob(f"{name}_?.py"))],
    }


def confirmed(script: Path, url: str) -> dict[str, Any]:
    """A finding, as its script shows it.

    Raises:
        SystemExit: if it shows no difference.
    """
    with Redis.from_url(url) as client:
        client.flushdb()
    command = [sys.executable, "-W", "ignore", str(script)]
    ended = subprocess.run(command, env=os.environ | {"REDIS_URL": url}, stdout=subprocess.PIPE, text=True, check=True)
    lines = ended.stdout.splitlines()
    if len(lines) != 2 or lines[0] == lines[1]:
        raise SystemExit(f"{script.name} shows no difference any more: {lines}")
    title, _, documented = script.read_text("utf-8").split('"""')[1].partition("\n\n")
    return {
        "title": title,
        "documented": " ".join(documented.split()),
        "script": f"findings/{script.name}",
        "output": lines,
    }


def page_of(libraries: list[dict[str, Any]]) -> str:
    """The page as Markdown."""
    lines = [
        "# Public libraries with two stores",
        "",
        "`tox -e gallery` writes this page. Each library's two stores are compared with `conformance compare`, and its",
        "findings are shown again by scripts that use the library alone. The versions stand in `pyproject.toml`, in",
        "the dependency group `gallery`.",
        "",
        "| library | version | stores | operations exercised | differences | reported below |",
        "|---|---|---|--:|--:|--:|",
    ]
    for one in libraries:
        exercised = sum(bool(results) for results in one["operations"].values())
        counts = (f"{exercised} of {len(one['operations'])}", len(one["differences"]), len(one["findings"]))
        link = f"[{one['library']}]({one['harness']})"
        lines.append(f"| {link} | {one['version']} | {one['about']} | {' | '.join(map(str, counts))} |")
    for one in libraries:
        lines += ["", f"## {one['library']} {one['version']}", ""]
        if not one["differences"]:
            lines.append("No difference was found.")
            continue
        lines += ["The shortest script:", "", "```python", *one["shortest"], "```", ""]
        for finding in one["findings"]:
            lines.append(f"* {finding['title']} {finding['documented']} ([script]({finding['script']}))")
            pairs = zip(one["stores"], finding["output"], strict=True)
            lines += [f"  * {store}: `{output}`" for store, output in pairs]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()
