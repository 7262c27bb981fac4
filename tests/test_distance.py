"""At which distances a documented figure holds, and that a proxy makes a distance."""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.studies.document import Series, Studies
from conformance.backends.proxy import Proxy
from conformance.backends.servers import EmbeddedServer
from conformance.measure.claims import Latency
from reports.analyse.distance import gather_reaches
from tests.report_inputs import read_studies
from tests.report_inputs import studies as written_studies

MOODS = (1.0, 1.1, 0.9) * 3
"""Of nine processes."""


def latency(low: float, high: float, operation: str = "get") -> Latency:
    named = {"id": "C1", "kind": "latency", "operation": operation, "mode": "redis", "sentence": {"en": "S"}}
    return Latency.model_validate({**named, "range": (low, high)})


def series(what: str, added: float, ms: float, moods: Sequence[float] = MOODS) -> Series:
    figures = {"seconds": tuple(ms / 1e3 * mood for mood in moods)}
    return Series(study="distance", backend="documented", mode="redis", what=what, at=added, figures=figures)


def studies(*measured: Series) -> Studies:
    return read_studies(written_studies()).model_copy(update={"series": measured})


def reach_of(low: float, high: float) -> Any:
    """Of a get that takes two PINGs, of 1 ms and 5 ms; each process is as slow in both."""
    pings = series("ping", 5, 5), series("ping", 0, 1)
    gets = series("get", 5, 10), series("get", 0, 2)
    (reach,) = gather_reaches(studies(*pings, *gets), [latency(low, high)])
    return reach


@pytest.mark.parametrize(
    ("low", "high", "answer", "nearest", "farthest"),
    [
        (5, 8, "holds", 0.9 * 5 / 2, 1.1 * 8 / 2),  # where the line enters the range, and where it leaves it
        (0.1, 0.5, "slower", None, None),
        (20, 30, "faster", None, None),
        (1, 20, "holds", None, None),
    ],
)
def test_a_figure_holds_between_two_distances_or_nowhere_or_everywhere(
    low: float, high: float, answer: str, nearest: float | None, farthest: float | None
) -> None:
    reach = reach_of(low, high)
    assert reach.answer == answer
    assert [point.added for point in reach.points] == [0, 5]
    for found, expected in ((reach.nearest, nearest), (reach.farthest, farthest)):
        assert (found and found.value) == pytest.approx(expected)
        assert (found and found.interval[0]) == pytest.approx(expected)  # a slow process has a slow PING too


def test_a_long_listing_has_the_pings_of_the_processes_that_made_it() -> None:
    pings = series("ping", 0, 1), series("ping", 2, 3)
    listings = series("list of 1,000", 0, 10, MOODS[:1]), series("list of 1,000", 2, 30, MOODS[:1])
    (reach,) = gather_reaches(studies(*pings, *listings), [latency(10, 20, "list")])
    assert (reach.tasks, reach.nearest) == (1_000, None)
    assert reach.farthest is not None
    assert reach.farthest.value == pytest.approx(2.2)
    assert reach.farthest.interval is None


def test_where_no_distance_was_measured_nothing_is_said() -> None:
    assert gather_reaches(None, [latency(1, 2)]) == ()
    assert gather_reaches(studies(series("ping", 0, 1)), [latency(1, 2)]) == ()


@pytest.mark.anyio
async def test_a_proxy_delays_each_reply_and_no_reply_waits_for_the_delay_of_another(server: EmbeddedServer) -> None:
    async with Proxy(server.url, 0.05) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(proxy.url).port)
        started = perf_counter()
        for number in range(20):
            writer.write(b"ECHO %02d\r\n" % number)
            await asyncio.sleep(0.001)  # so that each arrives by itself
        replies = await reader.readexactly(20 * len("$2\r\n00\r\n"))
        assert 0.05 <= perf_counter() - started < 0.5
        assert replies.split()[1::2] == [b"%02d" % number for number in range(20)]
        writer.close()
