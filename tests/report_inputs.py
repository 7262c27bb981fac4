"""Documents as the suite, the benchmarks and the studies write them, made up for tests."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.document import Benchmark
from benchmarks.studies.document import Studies
from conformance.measure.timing import FEWEST_SINGLE
from conformance.results.document import Results
from reports.analyse.application import Application
from reports.analyse.parity import STORES, Comparison
from reports.analyse.report import Report, make_report
from statements.document import Behaviour, StatementResults, read_document

CLAIMS = read_document()
OURS, DOCUMENTED = ("memory", "embedded"), ("documented-memory", "documented-redis")
OWN = STORES["application"]
SCRIPT = "<script>alert(1)</script>"
BLOCKS = 9
IN_MEMORY: dict[str, Any] = {"mode": "memory", "facts": {}}
IN_REDIS: dict[str, Any] = {"mode": "redis", "facts": {"server": "Redis 8.0.2"}}
LISTED = (100, 1_000, 10_000)


def requirement(number: str, *verdicts: str, on: tuple[str, ...] = OURS + DOCUMENTED, **more: Any) -> dict[str, Any]:
    """A requirement with one case; one verdict for all backends, or one for each."""
    chosen = verdicts * len(on) if len(verdicts) == 1 else verdicts
    return {"id": number, "on": dict(zip(on, chosen, strict=True)), **more}


def conformance(*requirements: dict[str, Any], errors: dict[str, str] | None = None) -> dict[str, Any]:
    """The suite's JSON: a requirement has a number, a verdict per backend, and maybe level, reason and test."""
    names = dict.fromkeys([name for one in requirements for name in one["on"]] + list(errors or ()))
    words = {name: f"{name}1" for name in ("version", "python", "platform", "client")}
    return {
        "schema": "conformance-results/6",
        "suite": {**words, "fingerprint": "f1"},
        "started": "2025-01-31T12:00:00+00:00",
        "seconds": 1.5,
        "exit_status": 0,
        "backends": [
            {"name": name, "error": (errors or {}).get(name), **(IN_MEMORY if "memory" in name else IN_REDIS)}
            for name in names
        ],
        "requirements": [
            {"id": number, "text": f"T {number}", "level": one.get("level", "MUST")}
            for number, one in {one["id"]: one for one in requirements}.items()
        ],
        "results": [
            {
                "test": one.get("test", f"group.test_{index}"),
                "doc": f"Case {index}.",
                "requirements": [one["id"]],
                "backend": backend,
                "verdict": verdict,
                "reason": one.get("reason", "") if verdict != "pass" else "",
                "accepted": one.get("accepted", ""),
            }
            for index, one in enumerate(requirements)
            for backend, verdict in one["on"].items()
        ],
    }


def measured(
    operation: str, backend: str, ms: list[float], *, transport: str = "none", tasks: int = 1_000, **more: Any
) -> dict[str, Any]:
    """One benchmark, as the driver writes it: its calls are shared out among nine blocks, or as many as they are."""
    blocks = min(BLOCKS, len(ms))
    calls = [ms[block::blocks] for block in range(blocks)]
    tail = max(ms) / 1000 if len(ms) >= FEWEST_SINGLE else None
    return {
        "name": f"test_{operation}[{backend}]",
        "extra_info": {
            "operation": operation,
            "backend": backend,
            "design": "documented" if "documented" in backend else "ours",
            "transport": transport,
            "tasks": tasks,
            **(IN_MEMORY if transport == "none" else IN_REDIS),
            "blocks": [{"median": median(block) / 1000, "p99": tail} for block in calls],
            **more,
        },
    }


def benchmark(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "machine_info": {"fingerprint": "f1", "cpu": {"brand_raw": "A processor"}, "load_average": {"start": [0.5]}},
        "commit_info": {"id": "0123456789abcdef", "dirty": False},
        "benchmarks": list(rows),
        "datetime": "2025-01-31T12:05:00+00:00",
        "version": "5.3.1",
        **changes,
    }


def everything_measured(memory: float = 0.2, redis: float = 2.0) -> list[dict[str, Any]]:
    """All operations of both designs in both modes, all calls alike."""
    return [
        measured(operation, backend, [ms] * 200, transport=transport, tasks=tasks)
        for operation in ("create", "get", "list", "update")
        for tasks in (LISTED if operation == "list" else LISTED[-1:])
        for backend, transport, ms in (
            *((name, "none", memory) for name in ("memory", "documented-memory")),
            *((name, "embedded", redis) for name in ("embedded", "documented-redis")),
        )
    ] + [measured("ping", "embedded", [0.1] * 200, transport="embedded")]


def studies(fingerprint: str = "f1") -> dict[str, Any]:
    """All studies, each as small as it can be."""
    series: list[tuple[dict[str, Any], str]] = [
        ({"study": "load", "mode": "redis", "what": "get", "at": 64}, "rate"),
        ({"study": "memory", "mode": "memory", "what": "task", "at": 1_000}, "bytes"),
    ]
    for what in ("ping", "get", "list"):
        series += [({"study": "distance", "mode": "redis", "what": what, "at": added}, "seconds") for added in (0, 5)]
    return {
        "schema": "benchmark-studies/7",
        "started": "2025-01-31T12:10:00+00:00",
        "depth": "quick",
        "seed": 1,
        "environment": {"fingerprint": fingerprint},
        "seconds": {"load": 1.0},
        "failures": {"lost": SCRIPT},
        "series": [
            {**one, "backend": backend, "figures": {figure: [1 + one["at"]] * BLOCKS}}
            for one, figure in series
            for backend in ("documented", "ours", *([SCRIPT] if figure == "seconds" else []))
        ],
    }


def read_studies(document: dict[str, Any]) -> Studies:
    return Studies.model_validate_json(json.dumps(document))


def compared(*found: str, stores: tuple[str, str] = OURS, status: int = 0) -> dict[str, Any]:
    """The JSON of a comparison; each difference has one line of script, or more."""
    return {
        "stores": stores,
        "status": status or bool(found),
        "operations": {"get": {"calls": 1_200}},
        "findings": [
            {"operation": "get", "kind": "value", "seen": "get.progress", "script": script.splitlines()}
            for script in found
        ],
    }


ALIKE = compared()
CHECKS = [name for claim in (*CLAIMS.claim, *CLAIMS.reading) if isinstance(claim, Behaviour) for name in claim.checks]


def statements(
    came: Mapping[tuple[str, str], tuple[str, str]] | None = None,
    *,
    on: tuple[str, ...] = OURS + DOCUMENTED,
    fingerprint: str = "f1",
) -> dict[str, Any]:
    """The results of all statements: each check passes on each store, but for those given by check and store."""
    results = []
    for name, store in product(dict.fromkeys(CHECKS), on):
        verdict, text = (came or {}).get((name, store), ("pass", ""))
        if verdict != "no result":
            results.append({"check": name, "store": store, "verdict": verdict, "came": text})
    return {
        "schema": "statement-results/1",
        "fingerprint": fingerprint,
        "servers": dict.fromkeys(("embedded", "documented-redis"), "Redis 8.0.2"),
        "results": results,
    }


EVERY_STATEMENT = statements()


GIVEN = ["--conformance", "conformance.json", "--benchmark", "benchmark.json", "--compared", "."]


def write_inputs(results: dict[str, Any]) -> None:
    """Write what a report needs into this folder, in the files that `GIVEN` names."""
    compared = {"documented": ALIKE, "ours": ALIKE, "statements": EVERY_STATEMENT}
    for name, document in {"conformance": results, "benchmark": benchmark(), **compared}.items():
        Path(f"{name}.json").write_text(json.dumps(document))


def inputs(
    results: Any, measurements: Any = None, *, ours: Any = ALIKE, theirs: Any = ALIKE, checked: Any = EVERY_STATEMENT
) -> tuple[Any, ...]:
    """The documents that a report is made of, as they are read."""
    return (
        CLAIMS,
        Results.model_validate_json(json.dumps(results)),
        {"documented": Comparison.model_validate(theirs), "ours": Comparison.model_validate(ours)},
        Benchmark.model_validate_json(json.dumps(measurements or benchmark())),
        StatementResults.model_validate_json(json.dumps(checked)),
    )


def report(
    results: Any, measurements: Any = None, studied: Any = None, *, needs_container: bool = True, **more: Any
) -> Report:
    return make_report(
        *inputs(results, measurements, **more),
        studies=read_studies(studied) if studied else None,
        needs_container=needs_container,
    )


def application(**changes: Any) -> dict[str, Any]:
    """The JSON of a run of the application: it lost a task at a restart, and differs between its modes."""
    lost = {"check": "kept_by_a_restart", "store": OWN[1], "verdict": "fail", "came": "not found"}
    rows = [measured("get", OWN[1], [0.3] * 200, transport="embedded", tasks=10_000, design="application")]
    return {
        "schema": "application/1",
        "repository": "https://github.com/somebody/something",
        "commit": "0" * 40,
        "document": "docs/a.md",
        "service": "app/b.py",
        "ran": "2025-01-31",
        "versions": {"redis": "5.0.1"},
        "comparison": compared("await store.get()", stores=OWN),
        "requirements": {"A-1": {"memory": "pass", "redis": "fail"}},
        "statements": {**statements(), "results": [lost]},
        "benchmark": benchmark(*rows),
        **changes,
    }


def everything() -> Report:
    """A report in which nothing is left out."""
    found = conformance(
        requirement("A-1", "pass"),
        requirement("A-2", "pass", level="SHOULD"),
        requirement("B-1", "pass", "pass", "pass", "fail", reason=SCRIPT),
        requirement("B-2", "pass", "pass", "fail", "fail", reason=SCRIPT),
        requirement("B-3", "pass", "pass", "harness-error", "fail", reason=SCRIPT),
        requirement("B-4", "pass", "pass", "not-testable", "not-run"),
    )
    checked = statements(
        {
            ("works_on_a_cluster", "documented-redis"): ("fail", SCRIPT),
            ("kept_by_a_restart_of_redis", "documented-redis"): ("not-testable", SCRIPT),
        }
    )
    theirs = compared(SCRIPT, stores=DOCUMENTED)
    return make_report(
        *inputs(found, benchmark(*everything_measured()), theirs=theirs, checked=checked),
        studies=read_studies(studies()),
        application=Application.model_validate_json(json.dumps(application())),
    )
