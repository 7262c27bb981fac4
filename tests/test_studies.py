"""The studies: what their analysis finds in data whose answer is known, and what their tools see of stores."""

from __future__ import annotations

import asyncio
import json
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from math import nan
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import pytest

from benchmarks.studies import calls, expiry, growth, load, memory, peers, start
from benchmarks.studies.__main__ import STUDIES, make
from benchmarks.studies.__main__ import main as make_studies
from benchmarks.studies.document import FLOORS, GLIDE, ON_UVLOOP, PLAIN, Key, Studies, gather
from benchmarks.studies.filling import create, fill, multiply, new_config, new_short_request, write_keys
from benchmarks.studies.load import Came, arrive, call_for, moments, precise_loop
from benchmarks.studies.place import Place
from benchmarks.studies.plain import looking, overhear, pooled, repeating
from benchmarks.studies.processes import ProcessFailedError, in_new_process
from benchmarks.studies.turns import Contestant, WrongAnswerError, take_block, take_turns
from conformance.files import FileError
from conformance.measure.loop import Loop
from conformance.subjects.servers import EmbeddedServer
from reports.analyse.growth import fit
from reports.read import read
from taskstore import TaskNotFound, TaskStatus

pytestmark = pytest.mark.once

# Some leave closing to the collector.
leaving_peers_alone = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

SIZES = (100, 1_000, 10_000, 100_000)


def chance() -> Random:
    """Draw the same in every run."""
    return Random(7)  # noqa: S311  not for secrets


def curve(seconds: Callable[[int], float], noise: float = 0.1) -> list[tuple[int, list[float]]]:
    """Make blocks around a requirement."""
    random = chance()
    return [(tasks, [seconds(tasks) * random.lognormvariate(0, noise) for _ in range(21)]) for tasks in SIZES]


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_exponent_of_a_requirements_is_found(exponent: float) -> None:
    found, (low, high) = fit(curve(lambda tasks: 1e-4 * tasks**exponent))
    assert found == pytest.approx(exponent, abs=0.02)
    assert low < exponent < high
    assert high - low < 0.06


def test_one_block_in_ten_that_is_ten_times_as_long_moves_no_exponent() -> None:
    blocks = curve(lambda _: 1e-4)
    blocks[-1][1][:2] = [1e-3, 1e-3]
    assert fit(blocks)[0] == pytest.approx(0, abs=0.02)


def test_a_quantile_is_given_where_ten_samples_lie_beyond_it() -> None:
    few, many = (
        Came(late=[0.0] * n, waits=[*map(float, range(1, n + 1))], seconds=1.0).figures() for n in (999, 1_000)
    )
    assert (few["p50"], few.get("p99")) == (500, None)
    assert (many["p50"], many["p99"]) == (500, 990)


def test_an_open_loop_sees_a_stall_that_a_closed_loop_omits() -> None:
    stall, every = 0.3, 0.002

    class Stalling:
        """Answers at once, but for one stall that holds everybody up."""

        def __init__(self) -> None:
            self.until = nan

        async def call(self) -> None:
            if self.until != self.until:
                self.until = perf_counter() + stall
            if (left := self.until - perf_counter()) > 0:
                await asyncio.sleep(left)

    waits: list[float] = []

    async def timed(call: Callable[[], Any]) -> None:
        started = perf_counter()
        await call()
        waits.append(perf_counter() - started)

    with Loop.running(precise_loop) as loop:
        loop.run(call_for(partial(_paced, partial(timed, Stalling().call), every), 1, 2.0))
        came = loop.run(arrive(Stalling().call, islice(moments(1 / every, chance()), 1_001)))
    # Some 75 calls were due in the first half of the stall; in the closed loop one was, and the machine has its own.
    assert sum(wait > stall / 2 for wait in waits) < 10
    assert sum(wait > stall / 2 for wait in came.waits) > 40
    assert came.figures()["p99"] > stall / 2


async def _paced(call: Callable[[], Any], every: float) -> None:
    await call()
    await asyncio.sleep(every)


def test_calls_that_come_while_others_wait_begin_when_they_are_due() -> None:
    with Loop.running(precise_loop) as loop:
        met = loop.run(arrive(partial(asyncio.sleep, 0.2), islice(moments(500, chance()), 100)))
    assert len(met.waits) == 100
    assert sorted(met.late)[50] < 0.05


def test_a_call_that_raises_is_counted_and_not_lost() -> None:
    async def fail() -> None:
        raise LookupError

    answered, failed, _ = asyncio.run(call_for(fail, 2, 0.01))
    assert answered == 0
    assert failed >= 2
    met = asyncio.run(arrive(fail, islice(moments(10_000, chance()), 5)))
    assert met.failed == 5
    assert len(met.waits) == 5


def test_contestants_take_turns_and_a_wrong_answer_ends_it() -> None:
    order: list[str] = []

    async def answer(name: str) -> str:
        order.append(name)
        await asyncio.sleep(0)
        return name

    def contestants(**rights: str) -> dict[Any, Contestant]:
        return {name: Contestant(partial(answer, name), partial(operator.eq, right)) for name, right in rights.items()}

    found: dict[Any, Any] = asyncio.run(take_turns(contestants(a="a", b="b"), 1e-9, chance()))
    assert {name: [*figures] for name, figures in found.items()} == {"a": ["seconds"], "b": ["seconds"]}
    assert (order[:4], sorted(order[4:])) == (["a", "a", "b", "b"], ["a", "b"])  # two calls each that do not count
    with pytest.raises(WrongAnswerError, match="a call answered a"):
        asyncio.run(take_turns(contestants(a="b"), 1e-9, chance()))


async def process() -> int:
    return os.getpid()


async def divide(by: float) -> float:
    return 1 / by


async def abort() -> None:
    os.abort()


def test_every_block_of_a_study_is_one_of_a_process_of_its_own() -> None:
    processes = {in_new_process(process) for _ in range(2)}
    assert len(processes | {os.getpid()}) == 3


def test_a_process_that_fails_or_ends_is_told() -> None:
    with pytest.raises(ProcessFailedError, match="ZeroDivisionError: "):
        in_new_process(divide, 0)
    with pytest.raises(ProcessFailedError, match="ended while it measured"):
        in_new_process(abort)


def test_what_processes_measured_is_put_together_by_what_it_is() -> None:
    few: Key = ("ours", "redis", "get", 1.0)
    many: Key = ("ours", "redis", "get", 64.0)
    made = gather("load", [{many: {"rate": 2.0}, few: {"rate": 1.0}}, {many: {"rate": 3.0, "failed": 1.0}}])
    assert [(one.at, one.figures) for one in made] == [(1, {"rate": (1,)}), (64, {"rate": (2, 3), "failed": (1,)})]


@leaving_peers_alone
def test_studies_have_as_many_blocks_as_processes(studies: Studies) -> None:
    blocks = {
        len(values)
        for one in studies.series
        if one.study in ("growth", "peers", "load", "calls")
        for name, values in one.figures.items()
        if name != "requests"
    }
    assert blocks == {2}


def test_a_block_is_timed_in_turn_with_its_pings() -> None:
    made: list[str] = []

    async def answer(name: str) -> str:
        made.append(name)
        return name

    own, theirs, call = (partial(answer, name) for name in ("own", "theirs", "call"))
    contestant = Contestant(call, lambda given: given == "call", {"ping": theirs, "own ping": own})
    found = asyncio.run(take_block(contestant, 18))
    assert made == ["theirs", "theirs", "own", "own", "call", "call"] * 9
    assert found.keys() == {"ping", "own ping", "seconds"}


@pytest.fixture
def place(server: EmbeddedServer) -> Place:
    """The server of the session, empty."""
    place = Place(server.url.rpartition("/")[0], server.facts())
    place.empty()
    return place


def test_a_short_task_is_400_bytes_of_json_in_the_mean(place: Place) -> None:
    async def check() -> None:
        with place.harness("documented", "redis") as harness:
            async with harness.open("short") as store:
                ids = await create(store, 16, new_short_request)
                records = [harness.inspector("short").raw(task_id) or b"" for task_id in ids]
                assert 390 <= sum(map(len, records)) / len(records) <= 410
                assert all(385 <= len(record) <= 415 for record in records)
                assert all(json.loads(record)["video_ids"] for record in records)

    asyncio.run(check())


def test_plain_keys_are_as_many_as_was_said_and_expire_in_one_millisecond(place: Place) -> None:
    end = int(time.time() * 1000) + 60_000
    write_keys(place.url(0), b"a value", 10_001, end)
    with looking(place.url(0)) as client:
        assert client.dbsize() == 10_001
        for number in (1, 10_000, 10_001):
            assert client.get(f"plain:{number}") == b"a value"
            assert client.pexpiretime(f"plain:{number}") == end
    place.empty()


@pytest.mark.parametrize("design", ["ours", "documented"])
def test_copies_are_what_the_store_would_have_written(place: Place, design: Any) -> None:
    async def check() -> None:
        with place.harness(design, "redis") as harness:
            async with harness.open("filled") as store:
                ids = await fill(store, harness, "filled", place.url(0), 2_500)
                assert len(set(ids)) == 2_500
                for status, total in ((None, 2_500), (TaskStatus.PENDING, 1_250), (TaskStatus.ANALYZING, 1_250)):
                    assert (await store.list_tasks(status, 1, 0)).total == total
                changed = await store.update_task_status(ids[-1], TaskStatus.COMPLETED)
                assert await store.get_task(ids[-1]) == changed
                assert harness.inspector("filled").lifetime_ms(ids[-2]) > 0

    asyncio.run(check())


def test_what_a_store_sends_is_overheard_and_sent_again_for_other_tasks(place: Place) -> None:
    async def check() -> None:
        with place.harness("ours", "redis") as harness:
            async with harness.open("heard") as store, pooled(place.url(0)) as client:
                ids = await create(store, 3)
                update = partial(store.update_task_status, ids[0], TaskStatus.CLIPPING, 50.0, 'Cutting "3\\n"\n')
                await update()
                [command] = await overhear(place.url(0), update)
                call = repeating(lambda words: client.execute_command(*words), command, ids)  # type: ignore[no-untyped-call]
                for _ in ids:
                    await call()
                tasks = [await store.get_task(task_id) for task_id in ids]
                assert {(task.status, task.current_step) for task in tasks} == {("clipping", 'Cutting "3\\n"\n')}

    asyncio.run(check())


def test_a_floor_keeps_its_values_apart() -> None:
    async def check() -> None:
        async with peers.in_memory() as documents:
            for name in FLOORS:
                config = new_config()
                task_id = await documents[name].create(config)
                config["clip_seconds"].append("changed by who gave it")
                (await documents[name].look(task_id))["clip_seconds"].append("changed by who got it")
                assert await documents[name].look(task_id) == new_config()

    asyncio.run(check())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every study, made as small as can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(growth.SCALES, "quick", growth.Scale((100, 220), (10, 60), (10, 20), 2, 0.01))
        patch.setitem(load.SCALES, "quick", load.Scale(2, (1, 64), 0.02, (0.2,), 50))
        patch.setitem(memory.SCALES, "quick", (("task", 300), ("metadata", 200)))
        patch.setitem(calls.SECONDS, "quick", 0.002)
        patch.setattr(calls, "PROCESSES", {"quick": 2})
        patch.setitem(start.PAIRS, "quick", 1)
        patch.setitem(expiry.SCALES, "quick", expiry.Scale((2_000,), 1))
        patch.setitem(peers.SCALES, "quick", peers.Scale({"memory": 60, "redis": 60}, 2, 0.005))
        result = make("quick", [*STUDIES])
    path = tmp_path_factory.mktemp("studies") / "studies.json"
    path.write_text(result.model_dump_json(by_alias=True))
    return path


@pytest.fixture
def studies(written: Path) -> Studies:
    """What is concluded from them."""
    return read(written, Studies)


@leaving_peers_alone
def test_every_study_is_read_as_it_was_written(studies: Studies) -> None:
    assert set(studies.seconds) == set(STUDIES)
    assert not studies.failures
    listed = studies.select("growth")
    assert len({(point.subject, point.mode, point.what) for point in listed}) == 10
    assert all(point.times("ping") and point.times("own ping") for point in listed if point.mode == "redis")
    subjects = {"ours", "documented", PLAIN, GLIDE}
    assert {one.subject for one in studies.select("load", what="get", at=64)} == subjects
    came = studies.select("load", what="get, coming")
    assert {one.subject for one in came} == subjects
    assert all("p99" not in one.figures and one.figures["held"] for one in came)  # of fifty calls
    assert {(size.subject, size.mode, size.what, size.at) for size in studies.select("memory")} == {
        (design, mode, part, tasks)
        for design in ("ours", "documented")
        for mode in ("memory", "redis")
        for part, tasks in (("task", 300), ("metadata", 200))
    }
    assert {event.what for event in studies.select("expiry")} == {*expiry.EVENTS}
    counted = {one.what: one.figures.get("requests") for one in studies.select("calls", subject="ours")}
    for operation in ("create", "get", "update", "cancel"):
        assert counted[operation] == (1,)
        assert counted[operation + ON_UVLOOP] is None
    assert counted["list"] == (1,)
    assert {
        one.what: one.figures["requests"] for one in studies.select("calls", subject="documented") if one.what != "list"
    } == {"create": (1,), "get": (1,), "update": (2,), "cancel": (2,)}
    started = studies.find("start")
    assert started is not None
    assert started.figures["seconds"] > started.figures["pydantic"]
    assert read_again(studies) == studies


def read_again(studies: Studies) -> Studies:
    return Studies.model_validate_json(studies.model_dump_json(by_alias=True))


@leaving_peers_alone
def test_every_peer_is_timed_at_every_operation(studies: Studies) -> None:
    operations = {"create", "get", "look", "update"}
    named = {"memory": {*FLOORS, "cashews"}, "redis": {PLAIN, GLIDE, "cashews"}}
    for mode, names in named.items():
        timed: dict[str, set[str]] = {}
        for one in studies.select("peers", mode=mode):
            timed.setdefault(one.subject, set()).add(one.what)
        listing = {"ours", *FLOORS} if mode == "memory" else set()
        assert timed == {
            name: operations | ({"list"} if name in listing else set()) for name in names | {"ours", "documented"}
        }


def test_originals_that_have_expired_before_they_are_copied_are_not_found(place: Place) -> None:
    async def check() -> None:
        with place.harness("ours", "redis") as harness:
            async with harness.open("late") as store:
                ids = await create(store, 4)
                place.empty()  # as if their time were over
                with pytest.raises(TaskNotFound):
                    await multiply(store, harness, "late", place.url(0), ids, 8)

    asyncio.run(check())


def test_a_study_that_fails_is_told_as_not_measured_and_the_others_are_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> list[Any]:
        raise KeyError("task_1")

    monkeypatch.setitem(STUDIES, "growth", fail)
    monkeypatch.setattr(start, "PAIRS", {"quick": 2})
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the handlers of this process are not its to set
    path = tmp_path / "studies.json"
    assert make_studies(["--quick", "--json", str(path), "growth", "start"]) == 0
    studies = read(path, Studies)
    assert studies.failures == {"growth": "KeyError: 'task_1'"}
    assert studies.find("start") is not None
    told = capsys.readouterr().err
    assert "growth was not measured: KeyError: 'task_1' (test_studies.py:" in told
    assert "Traceback" not in told


@leaving_peers_alone
def test_a_file_that_is_not_of_studies_is_refused_with_its_fault(written: Path, tmp_path: Path) -> None:
    wrong = json.loads(written.read_text())
    wrong["series"][0]["figures"]["seconds"] = []
    (path := tmp_path / "wrong.json").write_text(json.dumps(wrong))
    with pytest.raises(FileError, match=r"wrong.json: not the JSON of the studies: series\.0\.figures\.seconds"):
        read(path, Studies)


def test_what_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    (folder := tmp_path / "temporary").mkdir()
    command = [sys.executable, "-m", "benchmarks.studies", "--full", "--json", str(tmp_path / "studies.json"), "growth"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert b"growth" in process.stderr.readline()
        assert list(folder.iterdir())
        process.send_signal(signal.SIGTERM)  # as Ctrl-C, which a job in the background does not hear
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert not list(folder.iterdir())
    assert not (tmp_path / "studies.json").exists()
