"""Documents as the suite, the benchmarks and the studies write them, made up for tests."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.document import Benchmark
from benchmarks.studies.document import Studies
from conformance.measure.claims import AUTO_CLIP, read_claims
from conformance.results.document import Results
from reports.analyse.report import Report, make_report

MODES = {
    "memory": "memory",
    "memory-expiring": "memory",
    "fakeredis": "redis",
    "embedded": "redis",
    "container": "redis",
    "documented-memory": "memory",
    "documented-redis": "redis",
    "cluster": "redis",
    "documented-cluster": "redis",
}
CLAIMS = read_claims(AUTO_CLIP)
OURS, DOCUMENTED = ("memory", "embedded"), ("documented-memory", "documented-redis")
SCRIPT = "<script>alert(1)</script>"


def conformance(*requirements: dict[str, Any], errors: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """The suite's JSON: a requirement has a number, a verdict per subject, and maybe level, claims and reason."""
    subjects = dict.fromkeys(name for requirement in requirements for name in requirement["on"]) | dict.fromkeys(
        errors or {}
    )
    return {
        "schema": "conformance-results/3",
        "suite": {
            "version": "1",
            "python": "3.11.2",
            "seed": 7,
            "platform": "Linux",
            "client": "redis-py 8",
            "fingerprint": "f1",
        },
        "started": "2025-01-31T12:00:00+00:00",
        "seconds": 1.5,
        "exit_status": 0,
        "subjects": [
            {
                "name": name,
                "mode": MODES[name],
                "capabilities": ["shared"] if MODES[name] == "redis" else [],
                "facts": {"server": "Redis 8.0.2"} if MODES[name] == "redis" else {},
                "error": (errors or {}).get(name),
            }
            for name in subjects
        ],
        "requirements": [
            {
                "id": number,
                "level": requirement.get("level", "MUST"),
                "text": f"Requirement {number}.",
                "claims": requirement.get("claims", []),
            }
            for number, requirement in {requirement["id"]: requirement for requirement in requirements}.items()
        ],
        "results": [
            {
                "test": f"chapter.test_{index}",
                "doc": f"Case {index}.",
                "requirements": [requirement["id"]],
                "subject": subject,
                "verdict": verdict,
                "reason": requirement.get("reason", "") if verdict != "pass" else "",
                "seconds": 0.01,
            }
            for index, requirement in enumerate(requirements)
            for subject, verdict in requirement["on"].items()
        ],
        **changes,
    }


def requirement(number: str, *verdicts: str, on: tuple[str, ...] = OURS + DOCUMENTED, **more: Any) -> dict[str, Any]:
    """A requirement with one case; one verdict for all subjects, or one for each."""
    chosen = verdicts * len(on) if len(verdicts) == 1 else verdicts
    return {"id": number, "on": dict(zip(on, chosen, strict=True)), **more}


BLOCKS = 9


def measured(
    operation: str, subject: str, ms: list[float], *, transport: str = "none", tasks: int = 1_000, **more: Any
) -> dict[str, Any]:
    """One benchmark, as the driver writes it: its rounds are shared out among nine blocks."""
    store = {
        "design": "documented" if "documented" in subject else "ours",
        "mode": "memory" if transport == "none" else "redis",
    }
    return {
        "name": f"test_{operation}[{subject}]",
        "stats": {"data": [one / 1000 for one in ms], "median": 0.0},
        "extra_info": {
            "operation": operation,
            "subject": subject,
            **({"design": "none", "mode": "none"} if operation == "noop" else store),
            "transport": transport,
            "tasks": tasks,
            "calls_per_round": 1,
            "facts": {"server": "Redis 8.0.2"} if transport != "none" else {},
            "ping_seconds": [0.0001] * len(ms) if transport != "none" else [],
            "blocks": [len(ms) // BLOCKS + (block < len(ms) % BLOCKS) for block in range(BLOCKS)],
            **more,
        },
    }


def benchmark(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "machine_info": {
            "fingerprint": "f1",
            "system": "Linux",
            "cpu": {"brand_raw": "A processor"},
            "load_average": {"start": [0.5, 0.1, 0]},
        },
        "commit_info": {"id": "0123456789abcdef", "dirty": False},
        "benchmarks": list(rows),
        "datetime": "2025-01-31T12:05:00+00:00",
        "version": "5.3.1",
        **changes,
    }


def everything_measured(memory: float = 0.2, redis: float = 2.0) -> list[dict[str, Any]]:
    """All operations of both designs in both modes, all calls alike."""
    return [
        measured(operation, subject, [ms] * 200, transport=transport, tasks=tasks)
        for operation, sizes in {
            "create": [10_000],
            "get": [10_000],
            "update": [10_000],
            "list": [100, 1_000, 10_000],
        }.items()
        for tasks in sizes
        for subject, transport, ms in (
            ("memory", "none", memory),
            ("documented-memory", "none", memory),
            ("embedded", "embedded", redis),
            ("documented-redis", "embedded", redis),
        )
    ] + [
        measured("ping", "embedded", [0.1] * 200, transport="embedded"),
        measured("noop", "none", [0.0001] * 200),
    ]


def report(results: dict[str, Any], measurements: dict[str, Any] | None = None) -> Report:
    return make_report(
        CLAIMS,
        Results.model_validate_json(json.dumps(results)),
        Benchmark.model_validate_json(json.dumps(measurements or benchmark())),
    )


def series(
    study: str, subject: str, what: str, at: float = 0, *, mode: str = "redis", **figures: Any
) -> dict[str, Any]:
    """One series of a study; a figure that is a single number has it in each of nine processes."""
    values = {
        name.replace("_", " "): value if isinstance(value, list) else [value] * BLOCKS
        for name, value in figures.items()
    }
    return {"study": study, "subject": subject, "mode": mode, "what": what, "at": at, "figures": values}


def studies(*given: dict[str, Any], fingerprint: str | None = "f1") -> dict[str, Any]:
    """The studies with these series; without any, all of them, each as small as it can be."""
    return {
        "schema": "benchmark-studies/7",
        "started": "2025-01-31T12:10:00+00:00",
        "depth": "quick",
        "seed": 1,
        "environment": {} if fingerprint is None else {"fingerprint": fingerprint},
        "seconds": {"growth": 1.0},
        "failures": {"lost": SCRIPT},
        "series": list(given) or _every_study(),
    }


def _every_study() -> list[dict[str, Any]]:
    modes = ("memory", "redis")
    return [
        *(
            series("load", subject, operation, callers, rate=[1_000.0], failed=[0])
            for subject in ("documented", "ours")
            for operation in ("get", "update")
            for callers in (1, 64)
        ),
        *(
            series("memory", design, part, 1_000, mode="memory", bytes=[each])
            for design in ("documented", "ours")
            for part, each in (("task", 1_400), ("metadata", 1_900))
        ),
        *(
            series("peers", peer, operation, 1_000, mode=mode, seconds=seconds)
            for mode in modes
            for operation in ("create", "get", "look", "update")
            for peer, seconds in (("ours", 1e-6), (SCRIPT, 2e-6), ("cashews", 0.5e-6))
        ),
    ]


def everything() -> Report:
    """A report in which nothing is left out."""
    failing = [requirement(f"B-{index}", *verdicts, reason=SCRIPT) for index, verdicts in enumerate(FAILING)]
    results = conformance(
        requirement("A-1", "pass", claims=["D05"]), requirement("A-2", "pass", level="SHOULD"), *failing
    )
    return make_report(
        CLAIMS,
        Results.model_validate_json(json.dumps(results)),
        Benchmark.model_validate_json(json.dumps(benchmark(*everything_measured()))),
        Studies.model_validate_json(json.dumps(studies())),
    )


FAILING = (
    ("pass", "pass", "pass", "fail"),
    ("pass", "pass", "fail", "fail"),
    ("pass", "pass", "harness-error", "fail"),
)
