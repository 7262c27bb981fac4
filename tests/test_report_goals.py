"""The goals: figures that are known in, verdicts out; and every goal has its place whatever was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.document import Benchmark
from benchmarks.studies.document import Studies
from conformance.measure.estimate import Estimate, compare
from conformance.results.document import Results
from reports.__main__ import main
from reports.analyse.goals import ELSEWHERE, Relation, compare_with_limit, judge
from reports.analyse.report import Report, make_report
from reports.render.pages import render_page, render_summary
from tests.report_inputs import (
    CLAIMS,
    benchmark,
    conformance,
    everything_measured,
    measured,
    requirement,
    series,
    studies,
)

GOALS = 47


def made(studied: dict[str, Any] | None = None, *rows: dict[str, Any]) -> Report:
    return make_report(
        CLAIMS,
        Results.model_validate_json(json.dumps(conformance(requirement("A-1", "pass")))),
        Benchmark.model_validate_json(json.dumps(benchmark(*rows))),
        None if studied is None else Studies.model_validate_json(json.dumps(studied)),
        goals=True,
    )


def changed(study: str, what: str, **figures: list[float]) -> dict[str, Any]:
    """All studies, with other figures of ours in one."""
    document = studies()
    [one] = [row for row in document["series"] if (row["study"], row["subject"], row["what"]) == (study, "ours", what)]
    one["figures"] |= figures
    return document


def find(report: Report, name: str) -> Any:
    [goal] = [goal for goal in report.goals if goal.name == name]
    return goal


def in_redis(operation: str, ms: list[float], subject: str = "embedded", **more: Any) -> dict[str, Any]:
    return measured(operation, subject, ms, transport="embedded", **more)


@pytest.mark.parametrize(
    ("relation", "found", "verdict"),
    [
        ("exactly", 1.0, "met"),
        ("exactly", 1.05, "missed"),
        ("at most", 1.0, "met"),
        ("at most", 1.01, "missed"),
        ("below", 1.0, "missed"),
        ("below", 0.99, "met"),
        ("at least", 1.0, "met"),
        ("at least", 0.99, "missed"),
        ("above", 1.0, "missed"),
        ("above", 1.01, "met"),
        ("at most", Estimate(0.9, (0.8, 1.0), 9), "met"),
        ("at most", Estimate(0.9, (0.8, 1.1), 9), "undecided"),
        ("at most", Estimate(1.2, (1.1, 1.3), 9), "missed"),
        ("at least", Estimate(1.2, (1.1, 1.3), 9), "met"),
        ("at least", Estimate(1.2, (0.9, 1.3), 9), "undecided"),
        ("below", Estimate(0.9, (0.8, 1.0), 9), "undecided"),
        ("at most", Estimate(0.1, None, 3), "undecided"),
        ("at most", None, "not-measured"),
    ],
)
def test_a_goal_is_judged_by_the_whole_interval(
    relation: Relation, found: float | Estimate | None, verdict: str
) -> None:
    assert judge(relation, 1.0, found) == verdict


def test_blocks_of_the_same_rounds_are_divided_one_by_one_and_others_end_by_end() -> None:
    moods = [1.0, 5.0, 2.0, 9.0, 1.0, 3.0, 1.0, 4.0, 2.0]  # of the machine, which both met
    assert compare([3 * mood for mood in moods], moods) == Estimate(3, (3, 3), 9)
    assert compare([3 * mood for mood in moods], [*moods, 1.0]) == Estimate(3, (3 / 9, 27), 9)
    assert compare([3.0, 6.0], [1.0]) == Estimate(4.5, None, 1)


def test_every_goal_has_its_place_where_nothing_was_measured() -> None:
    report = made()
    assert len({goal.name for goal in report.goals}) == len(report.goals) == GOALS
    assert {(goal.verdict, goal.value, goal.missed_by) for goal in report.goals} == {("not-measured", None, None)}
    assert [goal.name for goal in made(studies(), *everything_measured()).goals] == [goal.name for goal in report.goals]


def test_goals_of_this_project_are_no_business_of_another_machine() -> None:
    results = Results.model_validate_json(json.dumps(conformance(requirement("A-1", "pass"))))
    measurements = Benchmark.model_validate_json(json.dumps(benchmark(*everything_measured())))
    report = make_report(CLAIMS, results, measurements, Studies.model_validate_json(json.dumps(studies())))
    assert not report.goals
    page, summary = render_page(report), render_summary(report)
    assert 'id="goals"' not in page
    assert 'href="#goals"' not in page
    assert "missed</span>" not in page
    assert "Goals" not in summary


def test_a_goal_that_is_missed_is_told_and_fails_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = changed("calls", "update", requests=[3.0])
    command = ["--goals", "--out", str(tmp_path / "out")]
    for name, content in (
        ("conformance", conformance(requirement("A-1", "pass"))),
        ("benchmark", benchmark()),
        ("studies", document),
    ):
        (file := tmp_path / f"{name}.json").write_text(json.dumps(content))
        command += [f"--{name}", str(file)]
    assert main(command) == 0
    assert "goal missed, 3.00 times the limit: requests of one update, Redis mode\n" in capsys.readouterr().err


def test_latencies_of_another_build_meet_no_goal() -> None:
    report = made(studies(fingerprint="f2"), measured("get", "memory", [0.001] * 9))
    assert find(report, "get, memory mode").value == 1
    left = [goal.name for goal in report.goals if goal.value is not None and goal.name != "get, memory mode"]
    assert left == ["a task of 400 bytes of JSON, memory mode"]


def test_a_call_more_than_one_request_is_missed() -> None:
    report = made(changed("calls", "update", requests=[1.25]))
    goal = find(report, "requests of one update, Redis mode")
    assert (goal.relation, goal.limit, goal.verdict, goal.missed_by) == ("exactly", 1, "missed", 0.25)
    for other in ("create", "get", "list", "cancel"):
        assert find(report, f"requests of one {other}, Redis mode").verdict == "met"


@pytest.mark.parametrize(
    ("operation", "limit", "verdict"), [("get", 1.2, "missed"), ("create", 1.6, "met"), ("cancel", 1.5, "met")]
)
def test_a_call_is_held_to_the_pings_it_took_turns_with(operation: str, limit: float, verdict: str) -> None:
    bad, good = [0.0014] * 4, [0.00014] * 5  # a bad moment, which the PINGs shared
    document = changed("calls", operation, seconds=bad + good, ping=[0.001] * 4 + [0.0001] * 5)
    goal = find(made(document), f"{operation}, awaited")
    assert (goal.value, goal.limit, goal.verdict) == (pytest.approx(1.4), limit, verdict)
    assert goal.missed_by == (None if verdict == "met" else pytest.approx(1 / 6))
    assert [*goal.beside.values()] == pytest.approx([2.8, 1.4])


def test_a_listing_is_held_to_the_same_ping_and_to_its_growth() -> None:
    points = [
        series("growth", "ours", page, tasks, seconds=0.0003 * (tasks / 100) ** exponent, ping=0.0001, own_ping=0.00005)
        for page, exponent in (("first", 0.0), ("deep filtered", 0.1))
        for tasks in (100, 10_000, 1_000_000)
    ]
    report = made(studies(*points))
    first = find(report, "first page of 50, of 1,000,000 tasks")
    assert (first.value, first.limit, first.verdict) == (pytest.approx(3), 4, "met")
    assert [*first.beside.values()] == pytest.approx([6])
    assert find(report, "growth exponent of a first page").verdict == "met"
    assert find(report, "deep filtered page of 50, of 1,000,000 tasks").verdict == "missed"
    grown = find(report, "growth exponent of a deep filtered page")
    assert (grown.value, grown.limit, grown.verdict) == (pytest.approx(0.1), 0.05, "missed")
    assert find(report, "deep page of 50, of 10,000 tasks").verdict == "not-measured"


@pytest.mark.parametrize(("times", "verdict"), [(1_100, "met"), (900, "missed")])
def test_a_listing_is_held_to_the_documented_one(times: float, verdict: str) -> None:
    rows = [
        in_redis("list", [ms] * 9, subject, tasks=tasks)
        for tasks, ours in ((1_000, 0.0001), (10_000, 1.0))
        for subject, ms in (("embedded", ours), ("documented-redis", times))
    ]
    goal = find(made(None, *rows), "page of 50, of 10,000 tasks, against the documented design, Redis mode")
    assert (goal.value, goal.limit, goal.verdict) == (pytest.approx(times), 1_000, verdict)
    assert goal.missed_by == (None if verdict == "met" else pytest.approx(0.1))


@pytest.mark.parametrize(
    ("answered", "blocks", "verdict"), [(210, 9, "met"), (190, 9, "missed"), (210, 5, "undecided")]
)
def test_many_callers_are_held_to_twice_what_redis_py_gets_through(answered: int, blocks: int, verdict: str) -> None:
    def cell(subject: str, rate: float, callers: int = 64) -> dict[str, Any]:
        return series("load", subject, "update", callers, rate=[rate] * blocks)

    report = made(
        studies(
            cell("ours", answered),
            cell("redis-py", 100),
            cell("ours", 9_999, callers=32),
            cell("valkey-glide", 50),
            cell("ours", 130, callers=4),
            cell("redis-py", 100, callers=4),
        )
    )
    rate = find(report, "update by 64 callers, beside redis-py alone: calls per second")
    assert (rate.relation, rate.limit, rate.verdict) == ("at least", 2, verdict)
    assert rate.value == pytest.approx(answered / 100)
    assert rate.beside == {"× valkey-glide alone": pytest.approx(answered / 50)}
    few = find(report, "update by 4 callers, beside redis-py alone: calls per second")
    assert (few.value, few.verdict) == (pytest.approx(1.3), "missed" if blocks == 9 else "undecided")
    assert (rate.interval is None) == (blocks < 9)


def offered(subject: str, share: float, p99: list[float], behind: float = 0.0) -> dict[str, Any]:
    """Gets that came at a share of 1,000 a second, with a p99 for each process; answers end that far behind."""
    in_time = 1 / (1 + behind * share)
    figures: dict[str, Any] = {"rate": 1_000 * share, "in_time": in_time, "p50": 0.001, "late_p99": 0.002}
    return series("load", subject, "get, coming", share, p99=p99, **figures)


@pytest.mark.parametrize(
    ("times", "behind", "verdict"),
    [
        ([0.9] * 9, 0.0, "met"),
        ([1.2] * 9, 0.0, "missed"),
        ([0.9] * 8 + [2.0], 0.0, "undecided"),
        ([0.9] * 9, 1.0, "not-measured"),
    ],
)
def test_p99_is_decided_in_the_open_loop_where_the_rate_is_held(
    times: list[float], behind: float, verdict: str
) -> None:
    moods = [0.01, 0.05, 0.02, 0.09, 0.01, 0.03, 0.01, 0.04, 0.02]  # of the processes, which both met
    ours = [one * time for one, time in zip(moods, times, strict=True)]
    document = [offered("ours", 0.5, ours, behind), offered("redis-py", 0.5, moods)]
    report = made(studies(*document))
    name = "get that comes at half of what 64 callers get through: p99, redis-py at half of its own"
    assert find(report, name).verdict == verdict


def test_a_curve_of_waits_ends_where_a_store_is_saturated() -> None:
    document = [offered("ours", share, [0.01] * 9, behind) for share, behind in ((0.5, 0.01), (0.9, 0.02), (1.1, 0.2))]
    report = made(studies(*document))
    page = " ".join(render_page(report).split())
    drawn = page.partition("Get: 99th percentile of waits")[2].partition("</figure>")[0]
    assert ">saturated</text>" in drawn
    assert ">900</td>" in drawn
    assert "1,100" not in drawn


def peer(name: str, operation: str, us: float, tasks: int = 100_000, mode: str = "memory") -> dict[str, Any]:
    return series("peers", name, operation, tasks, mode=mode, seconds=us / 1e6)


def test_memory_mode_is_held_to_the_fastest_that_isolates() -> None:
    taken = (("ours", 5.0), ("cashews", 1.0), ("dict + deepcopy", 9.0), ("dict + msgspec", 4.5))
    name = "get, memory mode, beside the fastest that isolates its values"
    goal = find(made(studies(*(peer(name, "get", us) for name, us in taken))), name)
    assert (goal.value, goal.verdict, goal.missed_by) == (pytest.approx(0.9), "missed", pytest.approx(0.1))
    assert "dict + msgspec" in goal.remark
    assert goal.beside == {"dict + deepcopy": pytest.approx(1.8)}


def test_other_stores_are_sorted_by_a_look_and_the_page_says_where_ours_is_not_first() -> None:
    looks = (("ours", 7.0), ("quick", 2.0), ("slow", 9.0))
    report = made(
        studies(*(peer(name, "look", us) for name, us in looks), *(peer(name, "get", 9 - us) for name, us in looks[:2]))
    )
    page, summary = render_page(report), render_summary(report)
    table = page.partition('id="peers"')[2].partition("</table>")[0]
    assert table.index(">quick<") < table.index(">ours<") < table.index(">slow<")
    assert ">7.00 µs</td>" in table
    assert "<li>look, memory mode: quick 3.5×</li>" in table
    assert "\nOurs is not the first in memory mode at look (quick 3.5×).\n" in summary
    assert "get, memory mode:" not in table
    first = made(studies(peer("ours", "get", 1.0), peer("slow", "get", 2.0)))
    assert "Ours is the first at each of them." in render_summary(first)
    assert "not the first" not in render_page(first)


@pytest.mark.parametrize(("tasks", "verdict"), [(100_000, "met"), (10_000, "not-measured")])
def test_a_listing_beside_peers_is_one_of_100_000_tasks(tasks: int, verdict: str) -> None:
    report = made(studies(peer("ours", "list", 5.0, tasks), peer("dict + msgspec", "list", 6.0, tasks)))
    name = "list of 50 of 100,000 tasks, memory mode, beside the fastest that isolates its values"
    assert find(report, name).verdict == verdict


def test_microseconds_of_memory_mode_are_marked_as_judged_elsewhere() -> None:
    rows = [measured(operation, "memory", [0.009] * 9) for operation in ("get", "create", "update", "list")]
    points = [
        series("growth", "ours", "first", tasks, mode="memory", seconds=ms / 1000)
        for tasks, ms in ((10_000, 9.0), (100_000, 0.1))
    ]
    report = made(studies(*points), *rows)
    for name, us, limit, verdict in (
        ("get", 9, 2, "missed"),
        ("create", 9, 12, "met"),
        ("update", 9, 8, "missed"),
        ("list of 50 of 100,000 tasks", 100, 120, "met"),
    ):
        goal = find(report, f"{name}, memory mode")
        assert (goal.value, goal.limit, goal.unit, goal.verdict) == (pytest.approx(us), limit, "µs", verdict)
        assert goal.remark == ELSEWHERE
    assert sum(goal.remark == ELSEWHERE for goal in report.goals) == 4


def test_bytes_are_held_to_the_task_that_is_400_bytes_as_a_whole() -> None:
    sizes = [
        series("memory", "ours", part, tasks, mode=mode, bytes=[each])
        for mode, part, tasks, each in (
            ("redis", "task", 1_000, 9_000),
            ("redis", "task", 10_000, 1_150),
            ("redis", "metadata", 100_000, 1_700),
            ("memory", "task", 10_000, 1_650),
        )
    ]
    report = made(studies(*sizes))
    redis, memory = (find(report, f"a task of 400 bytes of JSON, {mode} mode") for mode in ("redis", "memory"))
    assert (redis.value, redis.limit, redis.verdict, [*redis.beside.values()]) == (1_150, 1_200, "met", [1_700])
    assert (memory.value, memory.limit, memory.verdict, memory.missed_by) == (1_650, 1_500, "missed", 0.1)
    assert not memory.beside


@pytest.mark.parametrize(("both", "verdict"), [(0.16, "met"), (0.182, "missed")])
def test_the_import_is_held_to_what_it_takes_beyond_pydantic(both: float, verdict: str) -> None:
    pairs = series("start", "ours", "import", mode="memory", pydantic=0.05, seconds=both)
    goal = find(made(studies(pairs)), "import of taskstore, beyond `import pydantic`")
    assert (goal.limit, goal.unit, goal.verdict) == (120, "ms", verdict)
    assert goal.value == pytest.approx((both - 0.05) * 1000)


def test_waits_while_tasks_expire_stand_beside_those_of_plain_keys() -> None:
    def events(what: str, *longest: float, tasks: int = 1_000_000) -> dict[str, Any]:
        quiet, seconds = ([value] * len(longest) for value in (0.002, 3.5))
        return series("expiry", "ours", what, tasks, quiet=quiet, seconds=seconds, wait=[*longest])

    document = studies(
        events("expire", 0.019, 0.012, 0.007),
        events("expire, nobody writes", 0.03, 0.019, 0.031),
        events("plain keys, nobody sweeps", 0.025),
        events("indexes, nobody calls", 1.0, 0.4, 2.0),
        events("expire", 0.8, tasks=100_000),
    )
    goals = made(document).goals[-3:]
    assert [goal.value for goal in goals] == pytest.approx([12, 30, 1_000])
    assert [goal.interval for goal in goals] == [pytest.approx(ends) for ends in ((7, 19), (19, 31), (400, 2_000))]
    assert [(goal.limit, goal.verdict) for goal in goals] == [(20, "met"), (20, "undecided"), (20, "missed")]
    assert goals[2].missed_by == pytest.approx(49)
    assert goals[2].excess == "50.0 times the limit"
    assert all([*goal.beside.values()] == pytest.approx([25, 2, 3_500]) for goal in goals)
    few = made(studies(events("indexes, nobody calls", 1.0, 1.0))).goals[-1]
    assert few.value == pytest.approx(1_000)
    assert (few.verdict, few.remark) == ("undecided", "Fewer than 3 events decide nothing.")


@pytest.mark.parametrize(
    ("value", "said"), [(1.12, "12 % above the limit"), (0.9, "10 % below the limit"), (50.0, "50.0 times the limit")]
)
def test_a_figure_far_from_its_limit_is_given_as_a_multiple_of_it(value: float, said: str) -> None:
    assert compare_with_limit(value, 1.0) == said


def test_goals_are_shown_with_figure_and_verdict() -> None:
    report = made(changed("calls", "update", requests=[1.12]), *everything_measured())
    text = " ".join(render_page(report).split())
    rows = text.partition('<table class="cards goals">')[2].partition("</table>")[0].split("<tr>")[2:]
    for goal, row in zip(report.goals, rows, strict=True):
        assert f'<th scope="row">{goal.name}<' in row
        assert f"{goal.relation} {goal.limit:,g} {goal.unit}" in row
        assert f"</span> {goal.verdict}</span>" in row
        assert all(what in row for what in goal.beside)
        assert goal.remark in row
    missed = text.partition('<th scope="row">requests of one update')[2].partition("</tr>")[0]
    assert "missed</span>: 12 % above the limit" in missed
    assert "missed, 12 % above the limit: requests of one update, Redis mode" in render_summary(report)
