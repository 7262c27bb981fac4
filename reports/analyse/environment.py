"""When and where the runs were made, and of which build. Nothing that names a machine or a person is taken over."""

from collections.abc import Mapping

from benchmarks.document import Benchmark
from conformance.results.document import Results

TIME = "%Y-%m-%d %H:%M %Z"


def describe_environment(conformance: Results, benchmark: Benchmark) -> Mapping[str, str]:
    """Put together what both runs say of themselves."""
    rows = _of_suite(conformance) | _of_measurements(benchmark)
    return {name: str(value) for name, value in rows.items() if value}


def _of_suite(conformance: Results) -> dict[str, object]:
    suite = conformance.suite
    return {
        "Suite started": f"{conformance.started:{TIME}}",
        "Fingerprint of the store": suite.fingerprint,
        "Python": suite.python,
        "System": suite.platform,
        "Client": suite.client,
    }


def _of_measurements(benchmark: Benchmark) -> dict[str, object]:
    machine = benchmark.machine_info
    processor = machine.get("cpu") or {}
    load = machine.get("load_average") or {}
    loads = [f"{average:.2f}" for average in load.get("start") or ()]
    blocks = [len(row.extra_info.blocks) for row in benchmark.benchmarks]
    return {
        "Measurements ended": f"{benchmark.made:{TIME}}",
        "Depth": benchmark.depth,
        "Blocks": max(blocks, default=0),
        "Commit": _name_commit(benchmark),
        "Processor": processor.get("brand_raw"),
        "Cores": machine.get("cpu_count"),
        "Load average": ", ".join(loads),
    }


def _name_commit(benchmark: Benchmark) -> str:
    commit = benchmark.commit_info
    number = str(commit.get("id", ""))[:12]
    return f"{number}-dirty" if commit.get("dirty") else number
