"""When and where the runs were made, and of which build. Nothing that names a machine or a person is taken over.

No latency of ours is shown for a build that is not known to have passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.document import Benchmark, OperationInfo
from benchmarks.studies.document import Studies
from conformance.results.document import Results

MACHINE = {
    "Fingerprint of the build that was measured": "fingerprint",
    "Processor": "cpu.brand_raw",
    "Cores": "cpu_count",
    "System": "system",
    "Kernel": "release",
    "Architecture": "machine",
    "Python of the measurements": "python_version",
    "redis-py": "redis_py",
    "hiredis": "hiredis",
    "pydantic": "pydantic",
    "Event loop": "event_loop",
    "Hash seed": "hash_seed",
    "Load average at the start": "load_average.start",
    "Load average at the end": "load_average.end",
}
"""What is shown of pytest-benchmark's `machine_info`, and where it stands there."""


@dataclass(frozen=True)
class Environment:
    """Both runs."""

    checked: datetime
    measured: datetime
    complete: bool
    """Whether the suite ran to its end."""
    measured_completely: bool
    """Whether the measurements did."""
    line: str
    rows: Mapping[str, str]


def describe_environment(conformance: Results, benchmark: Benchmark) -> Environment:
    """Put together what both runs say of themselves."""
    suite = conformance.suite.model_dump()
    commit = str(benchmark.commit_info.get("id", ""))[:12]
    changed = " with uncommitted changes" if benchmark.commit_info.get("dirty") else ""
    servers = dict.fromkeys(str(one.facts["server"]) for one in conformance.subjects if one.facts.get("server"))
    rows = {
        "Suite started": f"{conformance.started:%Y-%m-%d %H:%M:%S %Z}, took {conformance.seconds:,.0f} s",
        **{f"Suite: {name}": str(value) for name, value in suite.items() if value is not None},
        "Measured": f"{benchmark.made:%Y-%m-%d %H:%M:%S %Z}"
        + (f", depth {benchmark.depth}" if benchmark.depth else ""),
        "Blocks": str(max((len(row.extra_info.blocks) for row in benchmark.benchmarks), default=0)),
        "Seed of the order": "" if benchmark.seed is None else str(benchmark.seed),
        "Measuring took": "" if benchmark.seconds is None else f"{benchmark.seconds:,.0f} s",
        "pytest-benchmark": benchmark.version,
        "Commit": commit + changed if commit else "",
        **{name: _look_up(benchmark.machine_info, place) for name, place in MACHINE.items()},
    }
    said = [f"Python {suite['python']}" if suite.get("python") else "", str(suite.get("platform") or ""), *servers]
    return Environment(
        checked=conformance.started,
        measured=benchmark.made,
        complete=not any(result.verdict == "not-run" for result in conformance.results),
        measured_completely=not benchmark.exit_status,
        line=", ".join(filter(None, said)),
        rows={name: value for name, value in rows.items() if value},
    )


def _look_up(machine: Mapping[str, Any], place: str) -> str:
    """Find a value by the names on the way to it; nothing if the way ends before."""
    value: Any = machine
    for name in place.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    match value:
        case None:
            return ""
        case list():
            return ", ".join(f"{one:.2f}" if isinstance(one, float) else str(one) for one in value)
        case _:
            return str(value)


def find_reason(what: str, checked: str | None, measured: object, breaches: Sequence[str]) -> str | None:
    """Say why latencies of ours are withheld; None where they are of the build that passed."""
    if not checked or not isinstance(measured, str) or not measured:
        return f"the {what} and the suite do not both say which build they are of"
    if checked != measured:
        return f"the {what} are of another build than the one that the suite checked"
    return "the build did not pass the suite" if breaches else None


def without_ours(benchmark: Benchmark) -> Benchmark:
    """Leave out every latency of our store."""
    kept = tuple(
        row
        for row in benchmark.benchmarks
        if not (isinstance(row.extra_info, OperationInfo) and row.extra_info.design == "ours")
    )
    return benchmark.model_copy(update={"benchmarks": kept})


def studies_without_ours(given: Studies) -> Studies:
    """Leave out every latency and rate of our store. Bytes stay."""
    kept = tuple(one for one in given.series if one.subject != "ours" or one.study == "memory")
    return given.model_copy(update={"series": kept})
