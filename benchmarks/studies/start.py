"""How long the import of `taskstore` takes beyond `import pydantic`, which its users have in any case.

That loads little of pydantic: the rest comes when it is first used, and is counted as `taskstore`'s here.

Each run is a pair of new interpreters, in random order: one imports pydantic, the other pydantic and then `taskstore`.
The first pair is not counted: it writes the byte code, and brings the files into memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.document import Depth
from benchmarks.studies.document import Measured
from benchmarks.studies.place import Place
from benchmarks.studies.processes import orders

PAIRS: dict[Depth, int] = {"quick": 9, "default": 15, "full": 15}
IMPORTS = {"pydantic": "import pydantic", "seconds": "import pydantic, taskstore"}
_TIMED = "from time import perf_counter as now; started = now(); {}; print(now() - started)"


def run(depth: Depth, _: Place) -> Iterator[Measured]:
    """Start interpreters, and let each time its imports."""
    for number, random in enumerate(orders(PAIRS[depth] + 1)):
        made = {name: _import(IMPORTS[name]) for name in random.sample([*IMPORTS], len(IMPORTS))}
        if number:
            yield {("ours", "memory", "import", 0): made}


def _import(statement: str) -> float:
    answer = subprocess.run(  # noqa: S603  the program is this Python
        [sys.executable, "-c", _TIMED.format(statement)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # the same `taskstore` as here
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(answer.stdout)
