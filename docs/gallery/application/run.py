"""Run Auto-Clip's own task service once: compare, suite, statements and latencies, in one published file.

Usage: `AUTO_CLIP=folder python docs/gallery/application/run.py`, as README.md says.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.document import Benchmark, Block, Measured, OperationInfo
from benchmarks.latencies import SCALES
from conformance.backends.servers import EmbeddedServer
from conformance.measure.block import PING, time_blocks
from conformance.measure.estimate import BLOCKS
from conformance.measure.figures import MEDIAN, TAIL
from conformance.measure.timing import Timed
from conformance.results import document
from reports.analyse.application import APPLICATION, Application
from reports.analyse.parity import Comparison, gather_cases, gather_requirements, without_paths
from statements.document import StatementResults

HERE = Path(__file__).parent
CHECKOUT = Path(os.environ["AUTO_CLIP"]).absolute()
STORES = {"memory": "autoclip:Memory", "redis": "autoclip:Redis"}
COMPARED = {"memory": "autoclip:MemoryMode", "redis": "autoclip:RedisMode"}
TIMED = {"memory": "autoclip:TimedMemory", "redis": "autoclip:TimedRedis"}
PACKAGES = ("redis", "pydantic", "pydantic-settings", "structlog")
DIGITS = 4


def main() -> None:
    """Run everything, and write the file."""
    if changed := git("status", "--porcelain", "--untracked-files=no"):
        raise SystemExit(f"{CHECKOUT} was changed:\n{changed}")
    with EmbeddedServer() as server:
        facts = dict(server.facts())
    with TemporaryDirectory() as folder:
        application = Application(
            repository="https://github.com/alleneee/auto-clip",
            commit=git("rev-parse", "HEAD"),
            document="docs/TASK_STORAGE_CONFIG.md",
            service="app/services/task_service.py",
            ran=datetime.now(UTC).date(),
            versions={"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}, **facts},
            comparison=compare(Path(folder, "compared.json")),
            requirements=check_requirements(Path(folder, "suite.json")),
            statements=check_statements(Path(folder, "statements.json")),
            benchmark=measure(facts),
        )
    parts = application.model_dump(mode="json", by_alias=True)
    lines = (f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in parts.items())
    APPLICATION.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    print(APPLICATION)


def git(*arguments: str) -> str:
    """Ask git about the checkout."""
    return subprocess.check_output(["git", "-C", CHECKOUT, *arguments], text=True).strip()  # noqa: S607  on PATH


def call(module: str, *arguments: str | Path) -> None:
    """Run a command beside the file that it writes; SystemExit unless it came to its end."""
    print(module, *arguments, flush=True)
    environment = os.environ | {"AUTO_CLIP": str(CHECKOUT), "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", module, *arguments]
    folder = Path(arguments[-1]).parent  # here pytest would take the settings of this project
    ended = subprocess.run(command, cwd=folder, env=environment, check=False)
    if ended.returncode not in (0, 1, 6):
        raise SystemExit(ended.returncode)


def compare(file: Path) -> Comparison:
    """Compare both modes, and name them in the scripts as a command names them."""
    call("conformance", "compare", *COMPARED.values(), "--json", file)
    text = file.read_text("utf-8")
    for store in COMPARED.values():
        text = text.replace(f'"# {store.partition(":")[2]}: ', f'"# {store}: ')
    found = json.loads(text)
    return Comparison(**found | {"stores": tuple(COMPARED.values())})


def check_requirements(file: Path) -> dict[str, dict[Any, Any]]:
    """Run the suite, and return the verdict on each requirement, by mode."""
    stores = [word for store in STORES.values() for word in ("--store", store)]
    call("conformance", "run", *stores, "--json", file)
    results = document.read(file)
    found = gather_requirements(results, gather_cases(results.results))
    return {row.id: {mode: row.verdicts[store] for mode, store in STORES.items()} for row in found}


def check_statements(file: Path) -> StatementResults:
    """Check the statements of the document."""
    stores = [word for store in STORES.values() for word in ("--store", store)]
    call("statements", *stores, "--json", file)
    found = StatementResults.model_validate_json(file.read_bytes())
    results = [result.model_copy(update={"came": without_paths(result.came)}) for result in found.results]
    return found.model_copy(update={"results": tuple(results)})


def measure(facts: dict[str, Any]) -> Benchmark:
    """Time every operation of both modes, a block after another."""
    figures = time_blocks([*TIMED.values()], SCALES["default"].plan, SCALES["default"].effort, BLOCKS, 0, print)
    rows = tuple(row_of(key, found, facts) for key, found in figures.items() if PING not in key)
    made = datetime.now(UTC)
    return Benchmark(machine_info={}, commit_info={}, benchmarks=rows, made=made, version="", depth="default")


def row_of(key: tuple[str, str, int], found: Sequence[Timed], facts: dict[str, Any]) -> Measured:
    """Say of a figure what it belongs to."""
    store, operation, entries = key
    mode = next(mode for mode, name in TIMED.items() if name == store)
    info = OperationInfo(
        backend=STORES[mode],
        design="application",
        mode=mode,
        transport="none" if mode == "memory" else "embedded",
        tasks=entries,
        facts={} if mode == "memory" else facts,
        blocks=tuple(Block(median=rounded(timed, MEDIAN), p99=rounded(timed, TAIL)) for timed in found),
        operation=operation,
    )
    return Measured(name=f"{operation}, {store}, {entries}", extra_info=info)


def rounded(timed: Timed, share: float) -> float | None:
    """Give the seconds that this share of the calls do not exceed, with the digits that count."""
    seconds = timed.quantile(share)
    return None if seconds is None else float(f"{seconds:.{DIGITS}g}")


if __name__ == "__main__":
    main()
