"""The report: what it concludes from results, what it withholds, and that page, README and data say the same."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.document import Design
from conformance.backends.registry import BACKENDS
from conformance.files import FileError
from conformance.measure.estimate import Estimate, estimate
from reports.__main__ import main
from reports.analyse.findings import Finding
from reports.analyse.report import NO_CONTAINER, OTHER_BUILD, Report, read_report
from reports.figures import write_time
from reports.render import pages
from reports.render.pages import PAGES, read_texts, render_page, render_summary
from reports.render.publish import BEGIN, END, publish
from tests.report_inputs import (
    CLAIMS,
    DOCUMENTED,
    GIVEN,
    LISTED,
    SCRIPT,
    benchmark,
    compared,
    conformance,
    everything,
    everything_measured,
    measured,
    report,
    requirement,
    statements,
    studies,
    write_inputs,
)

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "reports" / "published"
GOOD = conformance(requirement("A-1", "pass"), requirement("A-2", "pass", level="SHOULD"))


def plain(page: str) -> str:
    """The text of a page, without its tags."""
    return " ".join(re.sub("<[^>]*>", "", page).split())


def find(made: Report, claim: str, design: Design = "documented") -> Finding:
    return next(row.findings[design] for row in (*made.claims, *made.readings) if row.claim.id == claim)


def test_figures_are_medians_of_block_medians_and_ratios_are_taken_within_a_block() -> None:
    medians = [1.0, 3.0, *[4.0] * 7]
    uneven = measured("get", "memory", [1.0], blocks=[{"median": ms / 1000} for ms in medians])
    assert report(GOOD, benchmark(uneven)).latencies[0].ms == Estimate(4, (1, 4), 9)
    ms = [float(block) for block in range(1, 10)]
    rows = [
        measured("get", "memory", ms),
        measured("get", "embedded", [10 * one for one in ms], transport="embedded"),
    ]
    found = {row.backend: row.times_memory for row in report(GOOD, benchmark(*rows)).latencies}
    assert found == {"memory": None, "embedded": Estimate(10, (10, 10), 9)}


@pytest.mark.parametrize(
    ("sizes", "verdict"),
    [(LISTED[:2], "not-checked"), (LISTED[1:], "under-specified"), (LISTED, "under-specified")],
)
def test_a_quick_run_settles_no_listing_that_a_deeper_one_judges_otherwise(sizes: Any, verdict: str) -> None:
    rows = [measured("list", "documented-memory", [tasks / 10_000] * 20, tasks=tasks) for tasks in sizes]
    found = find(report(GOOD, benchmark(*rows)), "D22")
    missing = [check for check in found.checks if "not measured" in check.came[0]]
    assert (found.verdict, len(missing)) == (verdict, 3 - len(sizes))


@pytest.mark.parametrize(
    ("found", "status", "answer", "verdict"),
    [((), 0, "yes", "holds"), (("await a()",), 1, "no", "refuted"), ((), 6, "not-checked", "not-checked")],
)
def test_modes_are_alike_where_everything_was_compared_and_nothing_differs(
    found: tuple[str, ...], status: int, answer: str, verdict: str
) -> None:
    made = report(GOOD, theirs=compared(*found, stores=DOCUMENTED, status=status))
    assert (made.comparisons["documented"].answer, find(made, "D33").verdict) == (answer, verdict)


def test_the_first_screen_counts_the_differences_and_shows_them_without_their_scripts() -> None:
    made = report(GOOD, theirs=compared("await store.a()", "await store.c()"))
    screen = unescape(render_page(made).partition("<main>")[0])
    assert "No: 2 differences" in plain(screen)
    assert ("<code>a()</code>" in screen, "await store.a()" in screen) == (True, False)


def test_a_failed_case_decides_only_the_requirements_that_it_broke() -> None:
    passed = requirement("A-1", "pass", on=("memory",), test="g.t")
    broken = requirement("A-2", "fail", on=DOCUMENTED, test="g.t")
    assert report(conformance(passed, broken)).count("documented-redis") == {"not-testable": 1, "fail": 1}


def test_a_claim_is_refuted_by_one_check_that_fails_and_shows_what_came() -> None:
    failed = ("kept_by_a_restart", "documented-redis"), ("fail", "TaskNotFound: task_1 in /home/x/y.py")
    made = report(GOOD, checked=statements(dict([failed])))
    found = find(made, "D04")
    assert (found.verdict, find(made, "D04", "ours").verdict) == ("refuted", "holds")
    check = next(check for check in found.checks if check.passed is False)
    assert check.came == ("{came}", {"came": "TaskNotFound: task_1 in …/y.py"})
    assert check.where == "documented-redis (Redis 8.0.2)"
    assert check.command == "python -m statements D04 --store documented-redis"


@pytest.mark.parametrize("came", [("not-testable", "no server"), ("no result", "")])
def test_a_check_without_a_verdict_settles_nothing_whatever_our_store_does(came: tuple[str, str]) -> None:
    open_check = {("kept_by_a_restart", store): came for store in DOCUMENTED}
    rows = {row.claim.id: row for row in report(GOOD, checked=statements(open_check)).claims}
    assert rows["D04"].verdict == "not-checked"
    assert rows["D04"].findings["ours"].verdict == "holds"
    refuted = open_check | {("kept_by_a_restart_of_redis", "documented-redis"): ("fail", "gone")}
    assert find(report(GOOD, checked=statements(refuted)), "D04").verdict == "refuted"


def test_a_claim_holds_with_the_correction_that_its_words_need() -> None:
    assert [find(report(GOOD), claim).verdict for claim in ("D25", "D26", "D34")] == ["holds-corrected"] * 2 + ["holds"]


def test_statements_of_another_build_are_said_to_be() -> None:
    assert report(GOOD, checked=statements(fingerprint="f2")).incomplete == (OTHER_BUILD,)


def test_a_latency_is_decided_on_the_published_port_where_there_is_one() -> None:
    rows = [
        measured("get", "embedded", [0.1] * 20, transport="embedded"),
        measured("get", "container", [2.0] * 20, transport="published"),
    ]
    found = find(report(GOOD, benchmark(*rows)), "D17", "ours")
    assert (found.verdict, found.checks[0].where) == ("confirmed", "container (Redis 8.0.2)")
    assert find(report(GOOD, benchmark(rows[0])), "D17", "ours").verdict == "faster"


def test_the_command_of_a_latency_names_a_store_that_measure_knows() -> None:
    row = measured("get", "documented-redis-container", [2.0] * 20, transport="published")
    (check,) = find(report(GOOD, benchmark(row)), "D17").checks
    store = check.command.partition("--store ")[2].partition(" ")[0]
    assert store in BACKENDS


@pytest.mark.parametrize(
    ("memory", "redis", "slower", "fast", "alike"),
    [
        (0.2, 2.0, "holds", "holds", "holds"),
        (0.5, 2.0, "refuted", "holds", "holds"),  # four times: less than the ranges of get allow
        (0.01, 2.0, "refuted", "holds", "holds"),  # two hundred times, and 2 ms
        (0.5, 3.0, "holds", "holds", "holds"),  # six times, and 2.5 ms, which are 5 % of 50
        (0.5, 3.1, "holds", "holds", "refuted"),
        (2.0, 0.5, "refuted", "holds", "holds"),
        (2.0, 50.0, "holds", "refuted", "refuted"),
    ],
)
def test_readings_are_held_to_the_documented_ranges_and_to_a_request(
    memory: float, redis: float, slower: str, fast: str, alike: str
) -> None:
    made = report(GOOD, benchmark(*everything_measured(memory, redis)))
    assert [find(made, claim).verdict for claim in ("D40", "D42", "D43")] == [slower, fast, alike]


def test_the_gate_is_about_the_musts_of_our_stores() -> None:
    failing = requirement("A-1", "pass", "fail", "pass", "pass", reason="a task\nis gone")
    assert report(conformance(failing, errors={"container": "no\nengine"})).breaches == (
        "embedded does not keep 1 MUST: A-1 (fail)",
        "group.test_0 [embedded]: a task is gone",
        "container could not be set up: no engine",
    )
    made = report(conformance(failing, errors={"container": "no\nengine"}), needs_container=False)
    assert (len(made.breaches), made.incomplete, len(made.backends)) == (2, (NO_CONTAINER,), 4)
    for ours in (compared("await a()"), compared(status=6)):
        assert report(GOOD, ours=ours).breaches == ("memory and embedded are not known to be alike",)


@pytest.mark.parametrize(("ours", "theirs", "status"), [("fail", "pass", 1), ("pass", "fail", 0)])
def test_the_command_fails_where_the_gate_does_and_writes_the_page(
    ours: str, theirs: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)  # where there are no studies
    write_inputs(conformance(requirement("A-1", "pass", ours, "pass", theirs)))
    assert main([*GIVEN, "--out", "out"]) == status
    out, err = capsys.readouterr()
    assert (out, err.startswith("gate: embedded does not keep 1 MUST")) == ("out/index.html\n", bool(status))
    assert ("The gate fails." in Path("out", "index.html").read_text("utf-8")) == bool(status)


def test_text_from_stores_is_escaped() -> None:
    failing = requirement("A-1", "pass", "fail", "pass", "fail", reason=f"{SCRIPT} | `x` @team")
    results = conformance(failing, errors={"container": SCRIPT})
    results["results"] = [one | {"doc": SCRIPT, "test": f"{SCRIPT}{one['test']}"} for one in results["results"]]
    results["backends"] = [one | {"facts": {"server": SCRIPT}} for one in results["backends"]]
    made = report(results, benchmark(*everything_measured(), commit_info={"id": SCRIPT}), studies())
    assert "<script" not in render_page(made)
    summary = render_summary(made)
    assert "<" not in summary
    assert {line.count("|") for line in summary.splitlines() if line.startswith("|")} == {5}


@pytest.mark.parametrize("language", PAGES)
def test_the_page_needs_nothing_else_and_has_all_claims_in_its_language(language: str) -> None:
    made = everything()
    assert made.incomplete == ("the suite did not run to its end",)
    assert "documented-memory 2/5 (2 undecided), documented-redis" in render_summary(made)
    page = render_page(made, language)
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page
    assert not re.search(r"<(script|link|iframe|img|object|embed|base|form)\b|<[^>]* (on\w+|src)=|url\(|@import", page)
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))
    links = set(re.findall(r'href="([^"]+)"', page))
    assert made.application is not None
    sources = {CLAIMS.document.link, made.application.link("app/b.py")}
    linked = {f"#{name}" for name in names} | set(PAGES.values()) | {"report.json"} | sources
    assert links <= linked
    claims = *CLAIMS.claim, *CLAIMS.reading
    assert {claim.id for claim in claims} <= set(names)
    text = unescape(re.sub("</?code>", "`", page))
    for claim in claims:
        shown = claim.section, claim.quotation, claim.sentence[language]
        assert all(part in text for part in shown)


def test_the_chinese_catalogue_has_every_text(monkeypatch: pytest.MonkeyPatch) -> None:
    class Complete(dict[str, str]):
        def get(self, text: str, default: object = None) -> Any:
            return self[text]

    monkeypatch.setattr(pages, "read_texts", lambda catalogue: Complete(read_texts(catalogue)))
    for made in (everything(), read_report(PUBLISHED / "report.json")):
        page = render_page(made, "zh").partition("<body>")[2] + render_summary(made, "zh")
        own = re.sub(r"<(code|pre)\b.*?</\1>|<(\w+) lang=.*?</\2>|<[^>]+>", "·", page, flags=re.DOTALL)
        assert re.findall(r"[A-Za-z]+ [a-z]+ [a-z]+", own) == []


def test_readme_page_and_data_give_the_same_figures(tmp_path: Path) -> None:
    assert main(["--from-json", str(PUBLISHED / "report.json"), "--out", str(tmp_path)]) == 0
    page, summary = (tmp_path / "index.html").read_text("utf-8"), (tmp_path / "summary.md").read_text("utf-8")
    assert f"{BEGIN}\n{summary}" in (ROOT / "README.md").read_text("utf-8")
    charts = [file.name for file in tmp_path.glob("*.svg")]
    assert sorted(charts) == sorted(file.name for file in PUBLISHED.glob("*.svg"))
    for name in ("report.json", *charts):
        assert (tmp_path / name).read_bytes() == (PUBLISHED / name).read_bytes()
    assert len(page.encode()) < 250_000
    data = json.loads((PUBLISHED / "report.json").read_bytes())
    assert len(data["latencies"]) > 20
    for row in data["latencies"]:
        found = estimate(row["ms"]["values"]).interval
        assert found == (row["ms"]["interval"] and tuple(row["ms"]["interval"]))
        said = write_time(row["ms"]["value"])
        assert page.count(said) >= 1 + row["decides"]  # in the table of figures, and beside the claim
        assert not row["decides"] or said in summary


def test_a_listing_that_depends_on_the_number_of_tasks_is_told_at_the_fewest_and_at_the_most() -> None:
    rows = [
        measured("list", name, [one] * 9, transport=way, tasks=tasks)
        for tasks in LISTED
        for name, way, one in (
            ("documented-redis", "embedded", 0.2 * tasks),
            ("documented-memory", "none", tasks / 10_000),
        )
    ]
    said = "takes 20.0 ms among 100 tasks, 2.00 s among 10,000; documented are 10–50 ms."
    assert said in render_page(report(GOOD, benchmark(*rows)))


def test_the_first_screen_says_whether_the_documented_latencies_are_right() -> None:
    ms = {"create": 0.2, "get": 0.2, "update": 2.0}
    rows = [measured(name, "documented-redis", [ms[name]] * 9, transport="embedded", tasks=10_000) for name in ms]
    made = report(GOOD, benchmark(*rows))
    for text in (render_page(made).partition("<main>")[0], render_summary(made)):
        said = plain(text)
        asked = "Are the documented latencies right, on one machine?"
        assert f"{asked} Not right: 1 right, 2 faster than documented, 5 not checked" in said
        assert "Create and get are 5.0 to 10 times faster than documented in Redis mode." in said


@pytest.mark.parametrize(
    ("verdict", "build", "studied"),
    [("pass", "f2", "f2"), ("pass", "f1", "f2"), ("pass", None, "f1"), ("fail", "f1", "f1")],
)
def test_no_latency_of_ours_is_shown_for_a_build_not_known_to_pass(verdict: str, build: Any, studied: str) -> None:
    rows = benchmark(*everything_measured(), machine_info={"fingerprint": build})
    made = report(conformance(requirement("A-1", verdict)), rows, studies(studied))
    assert {row.design for row in made.latencies} == {"documented"}
    assert made.studies is not None
    assert {one.study for one in made.studies.series if one.backend == "ours"} == {"memory"}
    for text in (render_page(made), render_summary(made)):
        assert "No latency of ours is shown" in text


def test_paths_of_a_machine_are_in_no_report() -> None:
    said = (
        'File "/home/somebody/store.py" in /opt/x/, not https://a.example/b/c.mp4, redis://localhost:6379/0 or ../a/b'
    )
    made = report(conformance(requirement("A-1", "fail", reason=said), errors={"container": said}))
    shown = said.replace("/home/somebody", "…").replace("/opt/x/", "…")
    assert (made.cases["group.test_0"].on("memory").reason, made.backends[-1].error) == (shown, shown)


def test_the_summary_is_published_between_the_marks_of_both_readmes_and_the_charts_beside(tmp_path: Path) -> None:
    readme, translation = tmp_path / "README.md", tmp_path / "README.zh-CN.md"
    found = report(GOOD, benchmark(*everything_measured()))
    readme.write_text("nothing here")
    with pytest.raises(FileError, match="there is no"):
        publish(found, readme)
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    translation.write_text(f"前{BEGIN}{END}后", "utf-8")
    publish(found, readme)
    for language, file, start, end in (
        ("en", readme, "before\n", "\nafter\n"),
        ("zh", translation, "前", "后"),
    ):
        charts = pages.draw_charts(found, language)
        said = file.read_text("utf-8")
        assert said == f"{start}{BEGIN}\n{render_summary(found, language, charts)}{END}{end}"
        assert re.findall(r"\]\(reports/published/(.+?)\)", said) == [*charts]
        for name in charts:
            drawing = ET.fromstring((tmp_path / "reports" / "published" / name).read_text("utf-8"))  # noqa: S314  our own
            assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
