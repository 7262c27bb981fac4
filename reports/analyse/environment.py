"""When and where the runs were made, and of which build. Nothing that names a machine or a person is taken over."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.document import Benchmark
from conformance.results.document import Results

TIME = "%Y-%m-%d %H:%M %Z"


def describe_environment(conformance: Results, benchmark: Benchmark) -> Mapping[str, str]:
    """Put together what both runs say of themselves."""
    suite, machine, commit = conformance.suite, benchmark.machine_info, benchmark.commit_info
    processor, load = machine.get("cpu") or {}, machine.get("load_average") or {}
    rows = {
        "Suite started": f"{conformance.started:{TIME}}",
        "Seconds of the suite": f"{conformance.seconds:,.0f}",
        "Seed of the suite": suite.seed,
        "Measurements ended": f"{benchmark.made:{TIME}}",
        "Seconds of the measurements": f"{benchmark.seconds:,.0f}" if benchmark.seconds else "",
        "Depth": benchmark.depth,
        "Blocks": max((len(row.extra_info.blocks) for row in benchmark.benchmarks), default=0),
        "Commit": str(commit.get("id", ""))[:12] + ("-dirty" if commit.get("dirty") else ""),
        "Fingerprint of the store": suite.fingerprint,
        "Python": suite.python,
        "System": suite.platform,
        "Client": suite.client,
        "Processor": processor.get("brand_raw"),
        "Cores": machine.get("cpu_count"),
        "Event loop": machine.get("event_loop"),
        "Load average": ", ".join(f"{one:.2f}" for one in load.get("start") or ()),
    }
    return {name: str(value) for name, value in rows.items() if value}
