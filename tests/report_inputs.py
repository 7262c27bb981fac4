"""Documents as the suite, the benchmarks, the studies and the verification write them, made up for tests."""

from __future__ import annotations

import json
from typing import Any

from conformance.mutants.document import MutantsDocument
from conformance.production.document import Production
from conformance.verify.document import Verification

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
            "hypothesis": "6",
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
                "coverage": coverage(),
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


def coverage() -> dict[str, Any]:
    """What a tour reached that one hook keeps from a class."""
    return {
        "reached": {"created": 3, "restored": 1},
        "missing": {"expired": {SCRIPT: 2, "the harness has no hook advance": 5}, "created": {"no time": 1}},
        "calls": {"get_task": {"result": 1_200, "TaskNotFound": 34}},
        "met": {"get_task": {"pending": 1_200, "no task": 34}},
        "sizes": {"get_task": {"0": 34, "1": 1_200}},
        "seconds": 2.5,
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
        "schema": "benchmark-studies/6",
        "started": "2025-01-31T12:10:00+00:00",
        "depth": "quick",
        "seed": 1,
        "environment": {} if fingerprint is None else {"fingerprint": fingerprint},
        "seconds": {"growth": 1.0},
        "failures": {"lost": SCRIPT},
        "series": list(given) or _every_study(),
    }


def _every_study() -> list[dict[str, Any]]:
    pings: dict[str, dict[str, Any]] = {"memory": {}, "redis": {"ping": 0.0001, "own_ping": 0.00005}}
    timed: dict[str, Any] = {"seconds": 0.00014, "ping": 0.0001, "own_ping": 0.00005}
    came: dict[str, Any] = {"held": 990.0, "failed": 0, "in_time": 0.99, "p50": 0.002, "p99": 0.003, "late_p99": 0.003}
    requests = {"create": 1.0, "get": 1.0, "list": 1.0, "update": 1.0, "cancel": 1.0}
    return [
        *(
            series("growth", design, page, tasks, mode=mode, seconds=slope * tasks / 1e6 + 1e-4, **pings[mode])
            for design, slope in (("documented", 10), ("ours", 0))
            for mode in pings
            for page in ("first", "deep")
            for tasks in (100, 10_000)
        ),
        *(
            series("load", subject, operation, callers, rate=[1_000.0], failed=[0])
            for subject in ("documented", "ours")
            for operation in ("get", "update")
            for callers in (1, 64)
        ),
        *(
            series("load", subject, "get, coming", share, rate=share * 1_000.0, **came)
            for subject in ("documented", "ours")
            for share in (0.5, 1.0)
        ),
        *(
            series("memory", design, part, 1_000, mode="memory", bytes=[each])
            for design in ("documented", "ours")
            for part, each in (("task", 1_400), ("metadata", 1_900))
        ),
        series("expiry", "ours", "expire", 1_000_000, seconds=[1.0], quiet=[0.004], wait=[0.004]),
        *(
            series("peers", peer, operation, 1_000, mode=mode, seconds=seconds)
            for mode in ("memory", "redis")
            for operation in ("create", "get", "look", "update")
            for peer, seconds in (("ours", 1e-6), (SCRIPT, 2e-6), ("cashews", 0.5e-6))
        ),
        series("calls", "ours", "list", requests=[1.0]),
        *(
            series("calls", "ours", operation + loop, **(timed if loop else {**timed, "requests": [1.0]}))
            for operation in ("get", "create", "update", "cancel")
            for loop in ("", " on uvloop")
        ),
        *(
            series("calls", "documented", operation, requests=[number])
            for operation, number in {**requests, "update": 2.0, "list": 100.0}.items()
        ),
        series("start", "ours", "import", mode="memory", pydantic=0.05, seconds=0.15),
    ]


def verification(fingerprint: str = "f1") -> dict[str, Any]:
    """A verification in all its parts."""
    done = {"passed": True, "decided": True}
    history = {
        "histories": 6,
        "calls": 792,
        "effective_writes": 341,
        "conflicting_pairs": 374,
        "lost_answers": 17,
        "explained": 6,
        "contradictions": [],
        "unknown": 0,
    }
    fault = {
        "subject": "embedded",
        "fault": "refused",
        "sentence": "Nothing listens.",
        "operation": "create",
        "verdict": "pass",
        "reason": SCRIPT,
    }
    return {
        "schema": "conformance-verification/1",
        "suite": {"version": "1", "fingerprint": fingerprint, "python": "3.11.2", "platform": "Linux", "seed": 7},
        "depth": "share",
        "started": "2025-01-31T12:20:00+00:00",
        "seconds": 75.2,
        "subjects": ["memory", "embedded"],
        "search": {**done, "scenes": 150, "calls": 41_292, "differences": []},
        "walk": {
            **done,
            "length": 4,
            "share": 0.01,
            "sequences": 109_597,
            "chosen": 1_096,
            "played": 1_096,
            "calls": 10_960,
            "not_played": {},
            "differences": [],
        },
        "histories": {**done, "subjects": {"memory": history}},
        "faults": {**done, "possible": 315, "cells": [fault]},
    }


def mutants(fingerprint: str = "f1") -> dict[str, Any]:
    """Of mutants by hand and of faults one that was killed and one that survives, and a control that did not pass."""
    written = {
        "requirements": ["A-1"],
        "cases": ["chapter.test_0"],
        "subject": "memory",
        "mode": "memory",
        "source": "somebody #1",
        "seconds": 0.1,
    }
    made = {
        "operator": "fold",
        "subject": "embedded",
        "mode": "redis",
        "wanted": "",
        "source": "",
        "reached": True,
        "changed": True,
        "scene": "",
    }
    killed = {**made, "killed": True, "requirements": ["A-1"], "reason": "", "known": ""}
    survives = {**made, "killed": False, "requirements": [], "reason": "unnoticed", "known": ""}
    return {
        "schema": "conformance-mutants/2",
        "fingerprint": fingerprint,
        "seconds": 60.5,
        "written": [
            {**written, "name": "Dies", "doc": "Requirement A-1 is broken.", "killed": True, "reason": ""},
            {**written, "name": "Survives", "doc": "Requirement A-1 is broken.", "killed": False, "reason": SCRIPT},
        ],
        "controls": [{"name": "Slow", "subject": "memory", "passed": False, "reason": SCRIPT, "seconds": 1.0}],
        "sample": {"seed": 7, "faults": 3, "left_out": 4},
        "made": [
            {**killed, "fault": "fold 1, answer of get_task config, always", "drawn": False, "wanted": "A-1"},
            {**killed, "fault": "fold 2, answer of get_task config, always", "drawn": True},
            {**survives, "fault": "fold 3, answer of get_task config, depth 9", "drawn": True},
            {**survives, "fault": "fold 4, answer of get_task config, items 9", "drawn": True, "known": "It is rare."},
        ],
        "defences": [
            {"requirement": "A-1", "mode": "memory", "written": ["Dies"], "made": 2, "reason": ""},
            {"requirement": "A-1", "mode": "redis", "written": [], "made": 0, "reason": SCRIPT},
        ],
    }


def production(fingerprint: str = "f1") -> dict[str, Any]:
    """Faults under load: one that passes, one that loses writes, and one that was skipped."""
    row = {"fault": "SIGSTOP", "sentence": "It is stopped.", "verdict": "pass", "acknowledged": 2541, "longest": 1.04}
    lost = {**row, "fault": "kill -9", "verdict": "fail", "reasons": ("7 acknowledged writes are lost",), "lost": 7}
    skipped = {"fault": "disk full", "sentence": "It is full.", "verdict": "skipped", "reasons": ("no unshare",)}
    return {
        "schema": "conformance-production/1",
        "fingerprint": fingerprint,
        "server": "redis-server",
        "platform": "Linux",
        "depth": "all",
        "started": "2026-01-02T03:04:05Z",
        "seconds": 61.0,
        "processes": 4,
        "callers": 16,
        "rows": (row, lost, skipped),
    }


def everything() -> Report:
    """A report in which nothing is left out."""
    failing = [requirement(f"B-{index}", *verdicts, reason=SCRIPT) for index, verdicts in enumerate(FAILING)]
    results = conformance(
        requirement("A-1", "pass", claims=["D05"]), requirement("A-2", "pass", level="SHOULD"), *failing
    )
    return make_report(
        CLAIMS,
        Results.model_validate_json(json.dumps(results)),
        Benchmark.model_validate_json(json.dumps(benchmark(*everything_measured(), *measured_twice()))),
        Studies.model_validate_json(json.dumps(studies())),
        Verification.model_validate_json(json.dumps(verification())),
        MutantsDocument.model_validate_json(json.dumps(mutants())),
        production=Production.model_validate_json(json.dumps(production())),
        goals=True,
    )


FAILING = (
    ("pass", "pass", "pass", "fail"),
    ("pass", "pass", "fail", "fail"),
    ("pass", "pass", "harness-error", "fail"),
)


def measured_twice() -> list[dict[str, Any]]:
    """A benchmark that each block makes again."""
    return [measured("get", "embedded", [2.1] * 200, transport="embedded", tasks=10_000, again=True)]
