"""The studies: what their analysis finds in data whose answer is known, and what their tools see of stores."""

from __future__ import annotations

import asyncio
import json
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

from benchmarks.studies import arrivals, calls, expiry, growth, load, memory, peers, start
from benchmarks.studies.__main__ import STUDIES, make
from benchmarks.studies.__main__ import main as make_studies
from benchmarks.studies.arrivals import arrive, moments, precise_loop
from benchmarks.studies.blocks import (
    Blocks,
    Contestant,
    WrongAnswerError,
    take_block,
    take_turns,
)
from benchmarks.studies.calls import OPERATIONS
from benchmarks.studies.document import PLAIN, Spread, Studies
from benchmarks.studies.filling import create, fill, multiply, new_short_request, write_keys
from benchmarks.studies.load import call_for
from benchmarks.studies.peers.libraries import LIBRARIES
from benchmarks.studies.peers.probes import probe
from benchmarks.studies.place import Place
from benchmarks.studies.plain import looking, overhear, pooled, repeating
from benchmarks.studies.processes import ProcessFailedError, in_new_process
from conformance.reading import FileError
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
    few, many = Spread.of(map(float, range(1, 1_000))), Spread.of(map(float, range(1, 1_001)))
    assert few.quantiles == {"p50": 500}
    assert many.quantiles == {"p50": 500, "p99": 990}
    assert (many.n, many.most) == (1_000, 1_000)


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

    with precise_loop() as loop:
        closed = loop.run(call_for(partial(_paced, Stalling().call, every), 1, 2.0))
        came = loop.run(arrive(Stalling().call, islice(moments(1 / every, chance()), 1_001)))
    # Some 75 calls were due in the first half of the stall; in the closed loop one was, and the machine has its own.
    assert sum(wait > stall / 2 for wait in closed.waits) < 10
    assert sum(wait > stall / 2 for wait in came.waits) > 40
    p99 = Spread.of(came.waits).quantiles["p99"]
    assert p99 > stall / 2


async def _paced(call: Callable[[], Any], every: float) -> None:
    await call()
    await asyncio.sleep(every)


def test_calls_that_come_while_others_wait_begin_when_they_are_due() -> None:
    with precise_loop() as loop:
        met = loop.run(arrive(partial(asyncio.sleep, 0.2), islice(moments(500, chance()), 100)))
    assert len(met.waits) == 100
    assert sorted(met.late)[50] < 0.05


def test_a_call_that_raises_is_counted_and_not_lost() -> None:
    async def fail() -> None:
        raise LookupError

    answers = asyncio.run(call_for(fail, 2, 0.01))
    assert answers.waits == []
    assert answers.failed >= 2
    met = asyncio.run(arrive(fail, islice(moments(10_000, chance()), 5)))
    assert met.failed == 5
    assert len(met.waits) == 5


def test_contestants_take_turns_and_a_wrong_answer_ends_it() -> None:
    order: list[str] = []

    async def answer(name: str) -> str:
        order.append(name)
        await asyncio.sleep(0)
        return name

    def contestant(name: str, right: str) -> Contestant:
        return Contestant(name, partial(answer, name), lambda given: given == right)

    one, two = asyncio.run(take_turns([contestant("a", "a"), contestant("b", "b")], 1e-9, chance()))
    assert len(one.seconds) == len(two.seconds) == 1
    assert (order[:4], sorted(order[4:])) == (["a", "a", "b", "b"], ["a", "b"])  # two calls each that do not count
    with pytest.raises(WrongAnswerError, match="a answered a"):
        asyncio.run(take_turns([contestant("a", "b")], 1e-9, chance()))


def test_every_block_of_a_study_is_one_of_a_process_of_its_own() -> None:
    processes = {in_new_process(os.getpid) for _ in range(2)}
    assert len(processes | {os.getpid()}) == 3


def test_a_process_that_fails_or_ends_is_told() -> None:
    with pytest.raises(ProcessFailedError, match="ZeroDivisionError: "):
        in_new_process(divmod, 1, 0)
    with pytest.raises(ProcessFailedError, match="ended while it measured"):
        in_new_process(os.abort)


@leaving_peers_alone
def test_studies_have_as_many_blocks_as_processes(written: Path) -> None:
    made = json.loads(written.read_text())["studies"]
    blocks = [point["seconds"] for point in made["growth"]["points"]]
    blocks += [timing["seconds"] for timing in made["peers"]["timings"]]
    blocks += [cell["blocks"] for cell in made["load"]["cells"]]
    blocks += [one["seconds"] for loop in ("timed", "timed_on_uvloop") for one in made["calls"][loop].values()]
    blocks += [offered["runs"] for offered in made["arrivals"]["offered"]]
    assert {len(one) for one in blocks} == {2}


def test_a_block_is_timed_in_turn_with_its_pings() -> None:
    made: list[str] = []

    async def answer(name: str) -> str:
        made.append(name)
        return name

    own, theirs, call = (partial(answer, name) for name in ("own", "theirs", "call"))
    blocks = Blocks(18)
    asyncio.run(take_block(Contestant("a", call, lambda given: given == "call", ping=theirs, own_ping=own), blocks))
    assert made == ["theirs", "theirs", "own", "own", "call", "call"] * 9
    assert len(blocks.seconds) == len(blocks.ping_seconds) == len(blocks.own_ping_seconds) == 1


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


ANSWERS = {
    # lists, keeps what was put, keeps what was got, loses no update
    "ours": ["yes", "yes", "yes", "yes"],
    "documented": ["yes", "no", "no", "yes"],
    "dict + deepcopy": ["yes", "yes", "yes", "yes"],
    "dict + msgspec": ["yes", "yes", "yes", "yes"],
    "a2a-sdk": ["yes", "yes", "yes", "yes"],
}


@pytest.mark.parametrize(
    "library",
    [one for one in LIBRARIES if one.name in ANSWERS],
    ids=lambda one: one.name,
)
def test_probes_find_what_is_known_of_a_peer(library: Any) -> None:
    traits = asyncio.run(probe(library.open))
    assert [trait.answer for trait in traits] == ANSWERS[library.name], traits


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every study, made as small as can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(growth.SCALES, "quick", growth.Scale((100, 220), (10, 60), (10, 20), 2, 0.01))
        patch.setitem(load.SCALES, "quick", load.Scale((1, 64), 2, 0.02))
        patch.setitem(arrivals.SCALES, "quick", arrivals.Scale(50, (0.2,), 0.06, 2))
        patch.setitem(memory.SCALES, "quick", {"task": (300,), "metadata": (200,)})
        patch.setitem(calls.SCALES, "quick", calls.Scale(2, 9))
        patch.setitem(start.PAIRS, "quick", 1)
        patch.setitem(expiry.SCALES, "quick", expiry.Scale((2_000,), 1))
        patch.setitem(peers.SCALES, "quick", peers.Scale(60, 2, 0.005))
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
    made = studies.studies
    assert made.growth is not None
    assert made.load is not None
    assert made.arrivals is not None
    assert made.memory is not None
    assert made.expiry is not None
    assert made.peers is not None
    assert made.calls is not None
    assert made.start is not None
    assert len({(point.design, point.mode, point.page) for point in made.growth.points}) == 10
    assert all(point.times_ping and point.times_own_ping for point in made.growth.points if point.mode == "redis")
    assert {cell.subject for cell in made.load.cells} == {"ours", "documented", PLAIN, "valkey-glide"}
    assert all(offered.p99_ms is None for offered in made.arrivals.offered)  # of fifty calls
    assert {(size.design, size.mode, size.part, size.tasks) for size in made.memory.sizes} == {
        (design, mode, part, tasks)
        for design in ("ours", "documented")
        for mode in ("memory", "redis")
        for part, tasks in (("task", 300), ("metadata", 200))
    }
    assert [event.what for event in made.expiry.events] == [*expiry.EXPIRING, "indexes, nobody calls"]
    assert made.calls.requests == dict.fromkeys(("create", "get", "list", "update", "cancel"), 1.0)
    assert made.calls.timed.keys() == made.calls.timed_on_uvloop.keys() == set(OPERATIONS)
    assert made.start.beyond_ms.value > 0
    assert read_again(studies) == studies


def read_again(studies: Studies) -> Studies:
    return Studies.model_validate_json(studies.model_dump_json(by_alias=True))


@leaving_peers_alone
def test_no_peer_is_timed_for_what_it_has_not(studies: Studies) -> None:
    made = studies.studies.peers
    assert made is not None
    assert [peer.peer for peer in made.portraits] == [library.name for library in LIBRARIES]
    for peer in made.portraits:
        timed = {one.operation for one in made.timings if one.peer == peer.peer}
        assert timed.isdisjoint(peer.not_timed)
        assert len(timed) + len(peer.not_timed) == 5
        assert peer.peer not in ("ours", "documented") or not peer.not_timed


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
    def fail(*_: object) -> None:
        raise KeyError("task_1")

    monkeypatch.setitem(STUDIES, "growth", fail)
    monkeypatch.setattr(start, "PAIRS", {"quick": 2})
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the handlers of this process are not its to set
    path = tmp_path / "studies.json"
    assert make_studies(["--quick", "--json", str(path), "growth", "start"]) == 0
    studies = read(path, Studies)
    assert studies.failures == {"growth": "KeyError: 'task_1'"}
    assert studies.studies.start is not None
    told = capsys.readouterr().err
    assert "growth was not measured: KeyError: 'task_1' (test_studies.py:" in told
    assert "Traceback" not in told


@leaving_peers_alone
def test_a_file_that_is_not_of_studies_is_refused_with_its_fault(written: Path, tmp_path: Path) -> None:
    wrong = json.loads(written.read_text())
    wrong["studies"]["growth"]["points"][0]["seconds"] = []
    (path := tmp_path / "wrong.json").write_text(json.dumps(wrong))
    with pytest.raises(
        FileError, match=r"wrong.json: not the JSON of the studies: studies\.growth\.points\.0\.seconds"
    ):
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
