"""How long the import of `taskstore` takes beyond `import pydantic`, which its users have in any case.

That loads little of pydantic: the rest comes when it is first used, and is counted as `taskstore`'s here.

Each run is a pair of new interpreters, in random order: one imports pydantic, the other pydantic and then `taskstore`.
The first pair is not counted: it writes the byte code, and brings the files into memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random

from benchmarks.document import Depth
from benchmarks.studies.document import Start
from benchmarks.studies.place import SEED, Place

PAIRS: dict[Depth, int] = {"quick": 9, "default": 15, "full": 15}
IMPORTS = {"pydantic": "import pydantic", "taskstore": "import pydantic, taskstore"}
_TIMED = "from time import perf_counter as now; started = now(); {}; print(now() - started)"


def run(depth: Depth, _: Place) -> Start:
    """Start interpreters, and let each time its imports."""
    random = Random(SEED)  # noqa: S311  an order, the same in every run
    made: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _pair in range(PAIRS[depth] + 1):
        for name in random.sample([*IMPORTS], len(IMPORTS)):
            made[name].append(_import(IMPORTS[name]))
    return Start(**{name: tuple(seconds[1:]) for name, seconds in made.items()})


def _import(statement: str) -> float:
    answer = subprocess.run(  # noqa: S603  the program is this Python
        [sys.executable, "-c", _TIMED.format(statement)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # the same `taskstore` as here
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(answer.stdout)
