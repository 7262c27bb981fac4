"""The report: what it concludes from results, what it refuses, and what its page may never contain."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from reports.__main__ import main
from reports.claims import load_claims
from reports.findings import Finding
from reports.inputs import Benchmark, Conformance, Design
from reports.pages import BEGIN, END, publish, render_page, render_summary
from reports.parity import Standing, worst
from reports.report import Report, make_report
from reports.roundtrips import fit_line
from reports.verdicts import MISS, LatencyVerdict, combine, judge, median_interval, quantile

MODES = {
    "memory": "memory",
    "memory-expiring": "memory",
    "fakeredis": "redis",
    "embedded": "redis",
    "container": "redis",
    "described-memory": "memory",
    "described-redis": "redis",
}
OURS, DESCRIBED = ("memory", "embedded"), ("described-memory", "described-redis")
SCRIPT = "<script>alert(1)</script>"


def conformance(*laws: dict[str, Any], errors: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """The suite's JSON: a law has a number, the verdict of each subject, and maybe a level, claims and a reason."""
    subjects = dict.fromkeys(name for law in laws for name in law["on"]) | dict.fromkeys(errors or {})
    return {
        "schema": "conformance-results/1",
        "suite": {"version": "1", "python": "3.11.2", "seed": 7, "platform": "Linux", "client": "redis-py 8"},
        "started": "2025-01-31T12:00:00+00:00",
        "seconds": 1.5,
        "complete": True,
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
            {"id": number, "level": law.get("level", "MUST"), "text": f"Law {number}.", "claims": law.get("claims", [])}
            for number, law in {law["id"]: law for law in laws}.items()
        ],
        "results": [
            {
                "case": f"laws.test_{index}",
                "doc": f"Case {index}.",
                "requirements": [law["id"]],
                "subject": subject,
                "verdict": verdict,
                "reason": law.get("reason", "") if verdict != "pass" else "",
                "seconds": 0.01,
            }
            for index, law in enumerate(laws)
            for subject, verdict in law["on"].items()
        ],
        **changes,
    }


def law(number: str, *verdicts: str, on: tuple[str, ...] = OURS + DESCRIBED, **more: Any) -> dict[str, Any]:
    """A law with one case; one verdict for all subjects, or one for each."""
    chosen = verdicts * len(on) if len(verdicts) == 1 else verdicts
    return {"id": number, "on": dict(zip(on, chosen, strict=True)), **more}


BLOCKS = 9


def measured(
    operation: str, subject: str, ms: list[float], *, transport: str = "none", tasks: int = 1_000, **more: Any
) -> dict[str, Any]:
    """One benchmark, as the driver writes it: its rounds are shared out among nine blocks."""
    store = {
        "design": "described" if "described" in subject else "ours",
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
        for operation, sizes in {"create": [10_000], "get": [10_000], "update": [10_000], "list": [100, 10_000]}.items()
        for tasks in sizes
        for subject, transport, ms in (
            ("memory", "none", memory),
            ("described-memory", "none", memory),
            ("embedded", "embedded", redis),
            ("described-redis", "embedded", redis),
        )
    ] + [
        measured("ping", "embedded", [0.1] * 200, transport="embedded"),
        measured("noop", "none", [0.0001] * 200),
        *at_distances("embedded", k=1, a=0.2),
        *at_distances("described-redis", k=2, a=0.3),
    ]


def at_distances(subject: str, *, k: float, a: float) -> list[dict[str, Any]]:
    """An update through proxies: a PING takes 0.1 ms more than the proxy adds, the call `a + k` PINGs."""
    return [
        measured(
            "update",
            subject,
            [a + k * (0.1 + distance)] * BLOCKS,
            transport="proxied",
            distance_ms=distance,
            ping_seconds=[(0.1 + distance) / 1000] * BLOCKS,
        )
        for distance in (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
    ]


def report(results: dict[str, Any], measurements: dict[str, Any] | None = None) -> Report:
    return make_report(
        Conformance.model_validate_json(json.dumps(results)),
        Benchmark.model_validate_json(json.dumps(measurements or benchmark())),
    )


def find(made: Report, claim: str, design: Design = "described") -> Finding:
    return next(row.findings[design] for row in made.claims if row.claim.id == claim)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., int]:
    """Run the command on two documents, given as JSON values or as text."""

    def run(results: Any, measurements: Any) -> int:
        for name, document in (("conformance.json", results), ("benchmark.json", measurements)):
            text = document if isinstance(document, str) else json.dumps(document)
            (tmp_path / name).write_text(text, encoding="utf-8")
        inputs = ["--conformance", str(tmp_path / "conformance.json"), "--benchmark", str(tmp_path / "benchmark.json")]
        return main([*inputs, "--out", str(tmp_path / "out")])

    return run


GOOD = conformance(law("A-1", "pass", claims=["D05"]), law("A-2", "pass", level="SHOULD"))


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((1.8, 5.5), "confirmed"),  # the ends of 2 to 5 ms and their margin belong to it
        ((2.5, 3.0), "confirmed"),
        ((1.0, 1.799), "faster"),
        ((1.0, 1.8), "inconclusive"),
        ((1.799, 1.9), "inconclusive"),
        ((5.4, 5.501), "inconclusive"),
        ((5.501, 9.0), "slower"),
        ((1.0, 9.0), "inconclusive"),
        (None, "inconclusive"),
    ],
)
def test_latency_rule(interval: tuple[float, float] | None, verdict: LatencyVerdict) -> None:
    assert judge(interval, 2, 5) == verdict


def test_the_margin_can_be_left_out() -> None:
    assert [judge((1.9, 5.2), 2, 5, margin=margin) for margin in (0.1, 0)] == ["confirmed", "inconclusive"]


@pytest.mark.parametrize("n", [9, 10, 15, 57, 300])
def test_median_interval_is_the_closest_that_misses_rarely_enough(n: int) -> None:
    low, high = median_interval([float(rank) for rank in range(1, n + 1)]) or (0, 0)
    k = int(low)
    assert high == n + 1 - k

    def misses(rank: int) -> float:
        return sum(math.comb(n, below) for below in range(rank)) / (1 << (n - 1))

    assert misses(k) <= MISS < misses(k + 1)


def test_median_interval_needs_nine() -> None:
    assert median_interval([1.0] * 8) is None
    assert median_interval([1.0] * 9) == (1.0, 1.0)


def test_a_figure_is_the_median_of_block_medians_however_many_calls_a_block_has() -> None:
    ms = [1.0] * 100 + [2.0, 8.0, 3.0] + [4.0] * 7
    row = measured("get", "memory", ms, blocks=[100, 3, 1, 1, 1, 1, 1, 1, 1])
    [latency] = report(GOOD, benchmark(row)).latencies
    assert (latency.median_ms, latency.interval_ms, latency.blocks) == (4, (1, 4), 9)


def test_fewer_than_nine_blocks_settle_nothing() -> None:
    row = measured("get", "described-redis", [2.0] * 800, transport="published", blocks=[100] * 8 + [0])
    found = find(report(GOOD, benchmark(row)), "D17")
    assert found.verdict == "inconclusive"
    assert "too few blocks for an interval: 8" in found.notes[0]


def test_a_verdict_is_told_without_the_margin_too() -> None:
    row = measured("get", "described-redis", [3.2] * 18, transport="published")
    found = find(report(GOOD, benchmark(row)), "D17")
    assert found.verdict == "confirmed"
    assert "confirmed, slower without the margin" in found.notes[0]


def test_ratios_are_taken_within_a_block() -> None:
    ms = [float(block) for block in range(1, 10)]
    rows = [
        measured("get", "memory", ms),
        measured("get", "embedded", [10 * one for one in ms[:-1]], transport="embedded", blocks=[1] * 8 + [0]),
        measured("get", "container", [10 * one for one in ms], transport="published"),
    ]
    by_name = {row.subject: row for row in report(GOOD, benchmark(*rows)).latencies}
    assert (by_name["container"].times_memory, by_name["container"].times_memory_interval) == (10, (10, 10))
    assert (by_name["embedded"].times_memory, by_name["embedded"].times_memory_interval) == (10, None)


@pytest.mark.parametrize(("again", "noise", "seen"), [(1.05, 0.05, True), (0.5, 1, False)])
def test_a_difference_is_seen_only_beyond_the_noise(again: float, noise: float, seen: bool) -> None:
    rows = [
        measured("get", "container", [1.0] * 9, transport="published"),
        measured("get", "container", [again] * 9, transport="published", again=True),
        measured("get", "container-direct", [0.6] * 9, transport="direct"),
    ]
    made = report(GOOD, benchmark(*rows))
    assert [pair.noise for pair in made.pairs] == pytest.approx([noise])
    assert [(one.subject, one.against, one.seen) for one in made.differences] == [
        ("container-direct", "container", seen)
    ]


def test_round_trips_are_counted_and_the_documented_distance_found() -> None:
    made = {one.design: one for one in report(GOOD, benchmark(*everything_measured())).round_trips}
    assert {design: (one.k, one.a_ms) for design, one in made.items()} == {
        "ours": pytest.approx((1, 0.2)),
        "described": pytest.approx((2, 0.3)),
    }
    ours, described = made["ours"], made["described"]
    assert ours.k_interval == pytest.approx((1, 1))
    assert (ours.true_from_ms, ours.true_to_ms) == pytest.approx((1.8, 4.8))  # 2 to 5 ms, less 0.2
    assert (described.true_from_ms, described.true_to_ms) == pytest.approx((0.85, 2.35))


def test_one_wild_distance_does_not_move_the_fit() -> None:
    points = [(x, 1 + 3 * x) for x in (0.1, 0.35, 0.6, 1.1, 2.1)]
    assert fit_line([*points, (5.1, 99.0)]) == pytest.approx((3, 1), rel=0.02)
    assert fit_line([*points, None]) is None


def test_a_range_that_is_exceeded_at_once_is_true_nowhere() -> None:
    [found] = report(GOOD, benchmark(*at_distances("embedded", k=1, a=6))).round_trips
    assert (found.true_from_ms, found.true_to_ms) == (0, None)


def test_what_the_proxy_costs_is_said() -> None:
    rows = [
        measured("raw-ping", "embedded", [0.03] * 9, transport="embedded"),
        measured("raw-ping", "embedded-0ms", [0.08] * 9, transport="proxied", distance_ms=0.0),
    ]
    made = report(GOOD, benchmark(*rows))
    cost = made.proxy_cost
    assert cost is not None
    assert (cost.direct_ms, cost.through_ms, cost.added_ms) == pytest.approx((0.03, 0.08, 0.05))
    [distance] = made.distances
    assert (distance.told_ms, distance.ping_ms) == pytest.approx((0, 0.08))


def test_floors_stand_from_the_bottom_up_with_what_served_them() -> None:
    facts = {"server": "Redis 8.0.2", "binary": "redis-server", "transport": "loopback"}
    rows = [
        measured("async-ping", "embedded", [0.09] * 9, transport="embedded", facts=facts),
        measured("raw-ping", "embedded", [0.03] * 9, transport="embedded", facts=facts),
    ]
    made = report(GOOD, benchmark(*rows))
    assert [one.operation for one in made.floors] == ["raw-ping", "async-ping"]
    assert [one.times_raw for one in made.floors] == pytest.approx([1, 3])
    assert [(one.transport, one.served_by) for one in made.places] == [("embedded", "redis-server")]


def test_numbers_of_tasks_that_disagree_are_under_specified() -> None:
    assert combine(["faster", "faster"]) == "faster"
    assert combine(["faster", "slower"]) == "under-specified"


def test_quantile_is_a_measured_value() -> None:
    ordered = [float(rank) for rank in range(1, 101)]
    assert (quantile(ordered, 0.05), quantile(ordered, 0.99), quantile([3.0], 0.99)) == (5, 99, 3)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "not-run"),
        (["not-applicable", "not-applicable"], "not-applicable"),
        (["not-applicable", "pass"], "pass"),
        (["pass", "not-testable"], "not-testable"),
        (["not-testable", "fail", "pass"], "fail"),
        (["harness-error", "fail"], "harness-error"),
    ],
)
def test_a_requirement_takes_the_worst_verdict(verdicts: list[Standing], expected: Standing) -> None:
    assert worst(verdicts) == expected
    assert worst(reversed(verdicts)) == expected


def test_modes_differ_where_one_passes_and_the_other_fails() -> None:
    made = report(
        conformance(
            law("A-1", "pass", "fail", on=DESCRIBED),
            law("A-2", "fail", "fail", on=DESCRIBED),
            law("A-3", "not-applicable", "fail", on=DESCRIBED),
            law("A-4", "not-testable", "fail", on=DESCRIBED),
            law("A-5", "pass", "pass", on=DESCRIBED),
        )
    ).comparisons["described"]
    assert (made.answer, made.compared, made.undecided) == ("no", 3, 1)
    assert [one.case for one in made.differing] == ["laws.test_0"]
    assert made.failing_in_both == ("laws.test_1",)


def test_alike_is_not_right_where_both_modes_fail() -> None:
    made = report(conformance(law("A-1", "fail"), law("A-2", "pass")))
    assert made.comparisons["ours"].answer == "alike-but-failing"
    assert find(made, "D33", "ours").verdict == "holds"
    assert "1 fail in both" in find(made, "D33", "ours").notes[0]


def test_d33_is_refuted_by_the_cases_that_differ() -> None:
    found = find(report(conformance(law("A-1", "pass", "fail", on=DESCRIBED))), "D33")
    assert found == Finding(
        "refuted",
        ("described-memory", "described-redis (Redis 8.0.2)"),
        ("1 of 1 cases come out differently; 0 fail in both modes",),
        ("laws.test_0",),
    )


def test_the_container_stands_for_redis_mode_where_nothing_ran_on_the_embedded_server() -> None:
    on = ("memory", "embedded", "container")
    made = report(conformance(law("A-1", "pass", "harness-error", "pass", on=on))).comparisons["ours"]
    assert (made.redis, made.answer) == ("container", "yes")


def test_a_claim_is_refuted_by_any_failing_case_and_names_it() -> None:
    made = report(
        conformance(law("A-1", "pass", claims=["D05"]), law("A-2", *["pass", "pass", "pass", "fail"], claims=["D05"]))
    )
    assert find(made, "D05") == Finding("refuted", ("described-redis (Redis 8.0.2)",), (), ("laws.test_1",))
    assert find(made, "D05", "ours") == Finding("holds", ("memory", "embedded (Redis 8.0.2)"))


def test_a_claim_without_a_verdict_on_the_described_design_falls_back_to_ours() -> None:
    verdicts = ("pass", "pass", "not-testable", "not-testable")
    rows = {row.claim.id: row for row in report(conformance(law("A-1", *verdicts, claims=["D26"]))).claims}
    assert (rows["D26"].verdict, rows["D26"].decided_on) == ("holds-corrected", "ours")
    assert rows["D26"].findings["described"].notes == ("without a verdict: A-1",)
    assert (rows["D24"].verdict, rows["D24"].decided_on) == ("not-yet-checked", None)


def test_fakeredis_never_decides() -> None:
    made = report(conformance(law("A-1", "pass", "fail", on=("memory", "fakeredis"), claims=["D05"])))
    assert find(made, "D05", "ours") == Finding("holds", ("memory",))


def test_a_latency_is_decided_on_the_published_port_where_there_is_one() -> None:
    rows = [
        measured("get", "embedded", [0.1] * 20, transport="embedded"),
        measured("get", "container", [4.0, 2.0, 2.0] * 2 + [2.0] * 14, transport="published"),
        measured("get", "container-direct", [0.1] * 20, transport="direct"),
    ]
    made = report(GOOD, benchmark(*rows))
    assert find(made, "D17", "ours").verdict == "confirmed"
    assert find(made, "D17", "ours").where == ("container (published port, Redis 8.0.2)",)
    decisive = [row for row in made.latencies if row.decides]
    assert [(row.subject, row.share_inside, row.p99_ms) for row in decisive] == [("container", 0.9, None)]
    assert find(report(GOOD, benchmark(rows[0], rows[2])), "D17", "ours").verdict == "faster"
    assert find(report(GOOD, benchmark(rows[2])), "D17", "ours").verdict == "not-yet-checked"


def test_a_listing_is_under_specified_where_the_number_of_tasks_decides() -> None:
    rows = [
        measured("list", "described-redis", [ms] * 20, transport="embedded", tasks=tasks)
        for tasks, ms in ((100, 20.0), (1_000, 200.0))
    ]
    found = find(report(GOOD, benchmark(*rows)), "D18")
    assert found.verdict == "under-specified"
    assert [note.partition(", median")[0] for note in found.notes] == ["100 tasks: confirmed", "1,000 tasks: slower"]


def test_figures_stand_beside_ping_floor_and_memory() -> None:
    row = next(row for row in report(GOOD, benchmark(*everything_measured())).latencies if row.subject == "embedded")
    assert (row.times_ping, row.times_floor, row.times_memory) == pytest.approx((20, 20_000, 10))


@pytest.mark.parametrize(
    ("memory", "redis", "verdict"),
    [
        (0.2, 2.0, "holds"),
        (0.5, 2.0, "refuted"),  # four times: less than the ranges of get allow
        (0.01, 2.0, "refuted"),  # two hundred times
        (0.5, 3.0, "refuted"),  # six times, but more than 5 % of the request
    ],
)
def test_d40_holds_within_the_ratios_that_the_ranges_allow(memory: float, redis: float, verdict: str) -> None:
    assert find(report(GOOD, benchmark(*everything_measured(memory, redis))), "D40").verdict == verdict


def test_d40_is_open_where_an_interval_straddles_an_end() -> None:
    rows = everything_measured()
    for row in rows:
        info = row["extra_info"]
        if (info["subject"], info["operation"], info["transport"]) == ("described-redis", "get", "embedded"):
            row["stats"]["data"][0] = 0.1  # one block of one call: its ratio is above all that is documented
            info["blocks"] = [1, *[199 // 8] * 7, 199 - 199 // 8 * 7]
    assert find(report(GOOD, benchmark(*rows)), "D40").verdict == "inconclusive"


def test_d40_and_d42_need_every_operation() -> None:
    rows = [row for row in everything_measured() if row["extra_info"]["operation"] != "update"]
    made = report(GOOD, benchmark(*rows))
    assert [find(made, claim).verdict for claim in ("D40", "D42")] == ["not-yet-checked"] * 2
    assert find(made, "D40").notes[-1] == "not measured enough: update"


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ([49.9] * 200, "holds"),
        ([1.0] * 197 + [50.0] * 3, "refuted"),
        ([1.0] * 99, "not-yet-checked"),
        ([50.0] * 5, "refuted"),  # five calls say nothing of a percentile, but the median is there already
    ],
)
def test_d42_holds_below_the_limit(changed: list[float], verdict: str) -> None:
    rows = everything_measured()
    for row in rows:
        if (row["extra_info"]["subject"], row["extra_info"]["tasks"]) == ("described-redis", 10_000):
            row["stats"]["data"] = [ms / 1000 for ms in changed]
            row["extra_info"]["blocks"] = [len(changed)] + [0] * (BLOCKS - 1)
            row["extra_info"]["ping_seconds"] = []
    found = find(report(GOOD, benchmark(*rows)), "D42")
    assert found.verdict == verdict
    assert any("n too small for p99" in note for note in found.notes) == (len(changed) < 100)


def test_d42_is_not_decided_at_fewer_tasks() -> None:
    rows = [row for row in everything_measured(redis=60.0) if row["extra_info"]["tasks"] == 10_000]
    for row in rows:
        row["extra_info"]["tasks"] = 1_000
    found = find(report(GOOD, benchmark(*rows)), "D42")
    assert found.verdict == "not-yet-checked"
    assert "list in Redis mode at 1,000 tasks" in found.notes[-1]


def test_the_gate_passes_whatever_the_described_design_does(run: Callable[..., int], capsys: Any) -> None:
    assert run(conformance(law("A-1", *["pass", "pass", "fail", "harness-error"])), benchmark()) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("index.html")


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (conformance(law("A-1", *["pass", "fail", "pass", "pass"])), "embedded does not keep 1 MUST: A-1 (fail)"),
        (
            conformance(law("A-1", *["harness-error", "pass", "pass", "pass"]), law("A-2", "pass")),
            "A-1 (harness-error)",
        ),
        (
            conformance(law("A-1", "pass"), errors={"container": "no\nengine"}),
            "container could not be set up: no engine",
        ),
        (conformance(law("A-1", "pass", on=DESCRIBED)), "no case was decided on both of our modes"),
        (conformance(law("A-1", "pass", on=("memory",))), "no case was decided on both of our modes"),
        (conformance(), "no case was decided on both of our modes"),
    ],
)
def test_the_gate_fails_and_the_page_is_written(
    run: Callable[..., int], tmp_path: Path, capsys: Any, results: dict[str, Any], said: str
) -> None:
    assert run(results, benchmark()) == 1
    assert said in capsys.readouterr().err
    assert "The gate fails." in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_a_should_fails_no_gate(run: Callable[..., int]) -> None:
    assert run(conformance(law("A-1", "fail", level="SHOULD")), benchmark()) == 0


def without(document: dict[str, Any], *path: str | int) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(document))
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return changed


ONE = benchmark(measured("get", "memory", [1.0]))


@pytest.mark.parametrize(
    ("results", "measurements", "file", "fault"),
    [
        ("{", ONE, "conformance.json", "Invalid JSON"),
        ("", ONE, "conformance.json", "Invalid JSON"),
        ("[]", ONE, "conformance.json", "not the results of the conformance suite"),
        (ONE, ONE, "conformance.json", "schema"),
        (GOOD | {"schema": "conformance-results/2"}, ONE, "conformance.json", "conformance-results/1"),
        (without(GOOD, "results", 0, "verdict"), ONE, "conformance.json", "results.0.verdict: Field required"),
        (GOOD | {"complete": "yes"}, ONE, "conformance.json", "complete: Input should be a valid boolean"),
        (
            GOOD | {"subjects": []},
            ONE,
            "conformance.json",
            "laws.test_0 ran on memory, which is not among the subjects",
        ),
        (GOOD | {"requirements": []}, ONE, "conformance.json", "decides A-1, which is not among the requirements"),
        (
            GOOD | {"results": GOOD["results"] * 2},
            ONE,
            "conformance.json",
            "result laws.test_0 on memory is there 2 times",
        ),
        (GOOD, GOOD, "benchmark.json", "not the JSON of the benchmarks"),
        (
            GOOD,
            benchmark(measured("get", "memory", [1.0], blocks=[2])),
            "benchmark.json",
            "benchmarks.0: its blocks have 2 rounds, and there are 1",
        ),
        (
            GOOD,
            benchmark(measured("get", "memory", [1.0] * 2, ping_seconds=[1.0])),
            "benchmark.json",
            "there are 1 PINGs beside 2 rounds",
        ),
        (
            GOOD,
            benchmark(measured("get", "memory", [1.0]), measured("create", "memory", [1.0], blocks=[1])),
            "benchmark.json",
            "benchmarks of one run have 1 blocks and 9",
        ),
        (GOOD, without(ONE, "benchmarks", 0, "stats", "data"), "benchmark.json", "stats.data: Field required"),
        (GOOD, without(ONE, "benchmarks", 0, "extra_info", "design"), "benchmark.json", "design: Field required"),
        (
            GOOD,
            benchmark(measured("get", "memory", [])),
            "benchmark.json",
            "benchmarks.0.stats.data: Tuple should have",
        ),
        (
            GOOD,
            benchmark(measured("get", "memory", [0.0])),
            "benchmark.json",
            "stats.data.0: Input should be greater than 0",
        ),
        (GOOD, benchmark(measured("get", "memory", [math.inf])), "benchmark.json", "stats.data.0"),
        (GOOD, benchmark(measured("sort", "memory", [1.0])), "benchmark.json", "extra_info: Input tag 'sort'"),
    ],
)
def test_unusable_input_is_one_line_that_names_file_and_fault(
    run: Callable[..., int], tmp_path: Path, capsys: Any, results: Any, measurements: Any, file: str, fault: str
) -> None:
    assert run(results, measurements) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(str(tmp_path / file))
    assert fault in err
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reports", "--conformance", str(tmp_path / "nothing.json")]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path / 'nothing.json'}: No such file or directory\n"


def test_a_folder_that_cannot_be_made_is_named(run: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "out").write_text("a file")
    assert run(GOOD, ONE) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'out'}: File exists\n"


class Elements(HTMLParser):
    """The start tags of a page, with their attributes; and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile() -> Report:
    """A report in which whatever a store or its server may say is a script."""
    results = conformance(law("A-1", *["pass", "fail", "pass", "fail"], reason=f"{SCRIPT} | `x` @team", claims=["D05"]))
    results["results"] = [
        result | {"doc": SCRIPT, "case": f"{SCRIPT}{result['case']}"} for result in results["results"]
    ]
    results["subjects"] = [subject | {"error": SCRIPT, "facts": {"server": SCRIPT}} for subject in results["subjects"]]
    rows = [row | {"extra_info": row["extra_info"] | {"facts": {"server": SCRIPT}}} for row in everything_measured()]
    return report(results, benchmark(*rows, version=SCRIPT))


def test_text_from_stores_is_escaped_in_the_page(hostile: Report) -> None:
    page = Elements(render_page(hostile))
    assert "script" not in {tag for tag, _ in page.tags}
    assert SCRIPT in page.text


def test_text_from_stores_is_escaped_in_the_summary(hostile: Report) -> None:
    summary = render_summary(hostile)
    assert "<script" not in summary
    assert "&#60;script&#62;" in summary
    columns = {line.count("|") for line in summary.splitlines() if line.startswith("| ") and "described-" in line}
    assert len(columns) == 2  # the comparison's table and that of the passes


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = render_page(report(GOOD, benchmark(*everything_measured())))
    for tag, attributes in Elements(page).tags:
        assert tag not in {"script", "link", "iframe", "img", "object", "embed", "base"}
        assert not [name for name in attributes if name.startswith("on")]
        target = attributes.get("src") or attributes.get("href") or attributes.get("xlink:href") or "#"
        assert target.startswith("#")
    assert "url(" not in page
    assert "@import" not in page


def test_every_link_leads_somewhere_on_the_page() -> None:
    tags = Elements(render_page(report(GOOD, benchmark(*everything_measured())))).tags
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    links = {attributes["href"] for tag, attributes in tags if tag == "a"}
    assert len(names) == len(set(names))
    assert links <= {f"#{name}" for name in names}
    assert links


def test_all_claims_are_there_in_both_languages() -> None:
    claims = load_claims()
    assert [claim.id for claim in claims] == [f"D{number:02}" for number in range(1, 43)]
    text = " ".join(Elements(render_page(report(GOOD))).text.split())
    for claim in claims:
        for part in (claim.id, claim.section, claim.en, claim.zh):
            assert part in text
        assert any("\u4e00" <= character <= "\u9fff" for character in claim.zh)
        assert not any("\u4e00" <= character <= "\u9fff" for character in claim.en)


def test_nothing_measured_and_nothing_run_still_make_a_page() -> None:
    made = report(conformance())
    assert "Nothing was measured." in render_page(made)
    assert "Not checked" in render_summary(made)


def test_the_page_draws_both_modes_and_the_listing() -> None:
    tags = Elements(render_page(report(GOOD, benchmark(*everything_measured())))).tags
    plots = [attributes for tag, attributes in tags if tag == "svg" and attributes.get("role") == "img"]
    assert len(plots) == 3
    assert all(attributes["aria-label"] for attributes in plots)


def test_the_data_are_the_same_for_the_same_inputs(run: Callable[..., int], tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        run(GOOD, benchmark(*everything_measured()))
        written.append((tmp_path / "out" / "report.json").read_bytes())
    assert written[0] == written[1]
    data = json.loads(written[0])
    assert data["schema"] == "taskstore-report/1"
    assert len(data["claims"]) == 42


def test_an_interrupted_run_is_said_aloud() -> None:
    page = render_page(report(GOOD | {"complete": False}, benchmark(exit_status=2)))
    assert page.count("<strong>Incomplete:</strong>") == 2


def test_the_summary_is_published_between_the_marks_and_the_plots_beside(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    found = report(GOOD, benchmark(*everything_measured()))
    publish(found, readme)
    assert readme.read_text() == f"before\n{BEGIN}\n{render_summary(found)}{END}\nafter\n"
    for name in ("memory", "redis", "listing"):
        drawing = (tmp_path / "reports" / "published" / f"{name}.svg").read_text()
        assert ET.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  our own


def test_a_readme_without_the_marks_is_left_as_it_is(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing here")
    with pytest.raises(OSError, match="there is no"):
        publish(report(GOOD, ONE), readme)
    assert readme.read_text() == "nothing here"
