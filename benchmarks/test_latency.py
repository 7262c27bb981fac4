"""One block of `conformance.measure` on the subjects, for a look: `pytest benchmarks --benchmark-only`.

A subject of Redis mode starts a private server. `python -m benchmarks` measures in blocks of its own.
"""

from __future__ import annotations

import os

from benchmarks.depth import DEPTHS
from conformance.measure.plan import PLAN, Plan

os.environ.setdefault(
    PLAN,
    Plan(
        stores=("memory", "documented-memory", "embedded", "documented-redis"),
        entries=(1_000,),
        effort=DEPTHS["quick"].effort,
        seed="0",
        beside_ping=True,
        weigh=False,
    ).model_dump_json(),
)

from conformance.measure.block import (  # noqa: F401  it reads the plan
    filled,
    harness_of,
    loop,
    pytest_generate_tests,
    pytestmark,
    test_noop,
    test_operation,
    test_ping,
)
