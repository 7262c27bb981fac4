"""One run of the gate: first what must hold, then whether it became slower."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

from benchmarks.cores import SERVER, on_core
from benchmarks.gate.blocks import NotMeasuredError, measure
from benchmarks.gate.decision import SLOWDOWN, Arm, Comparison, Round, confirm, decide
from benchmarks.gate.instructions import Instructions, can_count, count_instructions, find_more
from benchmarks.gate.invariants import Invariants, look
from benchmarks.gate.result import Code, Result, Verdict
from benchmarks.gate.versions import ROOT, NotInstalledError, Version, find_base, install
from conformance.results.document import Results
from conformance.results.fingerprint import fingerprint
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer, ServerError


def judge(base: str | None, results: Results | None = None) -> Result:
    """Judge the working tree.

    Args:
        base: What to compare it with, if not the revision that it is based on.
        results: Those of a run of the suite; without them the suite is run.
    """
    run = Run()
    invariants = None
    try:
        redis = RedisHarness(server := EmbeddedServer())
        with ExitStack() as running:
            with on_core(SERVER):
                running.enter_context(redis.running())
            run.server = redis.facts()
            invariants = look(redis, server.url, results)
            if invariants.broken:
                return run.end("broken", invariants.broken, invariants)
            with installed(base or find_base()) as versions:
                return run.compare(versions, server.url, invariants)
    except (ServerError, NotInstalledError, NotMeasuredError) as fault:
        return run.end("not-measured", (str(fault),), invariants)


class Run:
    """What is known from the start of a run."""

    def __init__(self) -> None:
        self._head = Code("the working tree", fingerprint())
        self._begun, self._started = time.monotonic(), datetime.now(UTC)
        self._seed = SystemRandom().getrandbits(32)
        self._base: Code | None = None
        self._instructions: tuple[Instructions, ...] = ()
        self._not_counted = "" if can_count() else "there is no Valgrind"
        self.server: Mapping[str, str] = {}

    def compare(self, versions: Mapping[Arm, Version], url: str, invariants: Invariants | None = None) -> Result:
        """Measure the versions and decide; measure once more before a slowdown is reported."""
        self._base = Code(versions["base"].source, versions["base"].fingerprint)
        if versions["head"].fingerprint != self._head.fingerprint:
            return self.end(
                "not-measured", ("the taskstore that runs here is not that of the working tree",), invariants
            )
        if self._head.fingerprint == self._base.fingerprint:
            return self.end("passed", ("the store is the same in both: nothing is measured",), invariants)
        if can_count():
            try:
                self._instructions = count_instructions(versions, url)
            except NotMeasuredError as fault:  # some systems do not let anybody ask callgrind
                self._not_counted = str(fault)
            if more := tuple(find_more(self._instructions)):
                return self.end("slower", more, invariants)
        rounds = measure(versions, url, self._seed)
        decision, first = decide(rounds), None
        if decision.verdict == "slower":
            again = measure(versions, url, self._seed + 1)
            first, decision, rounds = decision, confirm(decision, decide(again)), rounds + again
        reasons = [_reason(one) for one in decision.comparisons if one.verdict != "passed"]
        if first is not None and decision.verdict != "slower":
            reasons += [
                f"in a first run, not in a second: {_reason(one)}"
                for one in first.comparisons
                if one.verdict == "slower"
            ]
        return self.end(decision.verdict, tuple(reasons), invariants, decision.comparisons, rounds)

    def end(
        self,
        verdict: Verdict,
        reasons: tuple[str, ...],
        invariants: Invariants | None,
        comparisons: tuple[Comparison, ...] = (),
        rounds: tuple[Round, ...] = (),
    ) -> Result:
        """Put the result together."""
        return Result(
            verdict=verdict,
            reasons=reasons,
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._begun, 3),
            python=platform.python_version(),
            server=self.server,
            seed=self._seed,
            head=self._head,
            base=self._base,
            invariants=invariants,
            instructions=self._instructions,
            not_counted=self._not_counted,
            comparisons=comparisons,
            rounds=rounds,
        )


@contextmanager
def installed(base: str) -> Iterator[dict[Arm, Version]]:
    """Install base, head and control for the time of a block, under paths of one length: even that can matter."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        sources: dict[Arm, str] = {"base": base, "head": str(ROOT), "control": base}
        yield {arm: install(source, Path(folder, arm)) for arm, source in sources.items()}


def _reason(one: Comparison) -> str:
    if one.verdict == "slower":
        return f"{one.operation} takes {one.ratio:.2f} times as long ({one.low:.2f} to {one.high:.2f})"
    return f"{one.operation}: {SLOWDOWN:.0%} more can neither be told nor ruled out ({one.low:.2f} to {one.high:.2f})"
