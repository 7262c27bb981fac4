"""The judge: the suite alone, on copies of the tree with one file changed, in processes forked from a warm one.

What the suite imports is imported once, here, but for `taskstore` and `conformance`: those are the copy's.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutation import suite
from mutation.mutants import Mutant
from mutation.suite import Target

PACKAGES = ("taskstore", "conformance")
_WARM = ("dotenv", "fakeredis.aioredis", "hypothesis", "pydantic_settings", "redis.asyncio", "sortedcontainers")
_SHORT_TOUR_SECONDS: float | None = 3.0
_PATIENCE = 3
_PATIENCE_SECONDS = 10
"""A mutant has these seconds, and so many times what its cases take on the right store."""


@dataclass(frozen=True)
class Verdict:
    """`killed`, `timeout` or `survived`; what failed first, if something did; and how long it took."""

    outcome: str
    by: str
    seconds: float


class Bench:
    """A copy of the tree, for one mutant at a time."""

    def __init__(self, source: Path, folder: Path, target: Target) -> None:
        self._target = target
        self.tree = folder / "tree"
        self._work = folder / "work"
        self._told = folder / "told"
        self._work.mkdir(parents=True)
        for package in PACKAGES:
            shutil.copytree(source / package, self.tree / package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(source / "taskstore_conformance_plugin.py", self.tree)  # it refuses another suite than its own

    def start(
        self, mutant: Mutant | None, cases: Mapping[str, str] | None, seconds: float, tour_seconds: float | None = None
    ) -> None:
        """Begin to run cases on a mutant, with a tour of so many seconds or a whole one; or all on the right store."""
        self._mutant = mutant
        if mutant:
            self._right = (self.tree / mutant.file).read_text("utf-8")
            (self.tree / mutant.file).write_text(mutant.text, "utf-8")
            cache = (self.tree / mutant.file).with_name("__pycache__")
            shutil.rmtree(cache, ignore_errors=True)  # it goes by seconds and sizes
        self._told.write_text("")
        self._begun = time.monotonic()
        self._deadline = self._begun + seconds
        self._pid = os.fork()
        if self._pid == 0:
            suite.run(self.tree, self._work, self._told, self._target, cases, tour_seconds)

    def look(self) -> Verdict | None:
        """The verdict, if there is one yet.

        Raises:
            RuntimeError: if the suite could not be started.
        """
        seconds = time.monotonic() - self._begun
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid == 0 and time.monotonic() < self._deadline:
            return None
        self.stop()
        if self._mutant:
            (self.tree / self._mutant.file).write_text(self._right, "utf-8")
        told = self._told.read_text("utf-8")
        if pid == 0:
            return Verdict("timeout", told, seconds)
        code = os.waitstatus_to_exitcode(status)
        if code == suite.NO_JUDGE:
            raise RuntimeError((self._work / "output").read_text("utf-8"))
        return Verdict("killed" if code else "survived", told or f"exit status {code}", seconds)

    def stop(self) -> None:
        """End whatever was started: a server is of the same process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


class Judge:
    """Some benches, and what each case of the suite takes and runs on the right store."""

    def __init__(self, source: Path, folder: Path, benches: int, target: Target) -> None:
        """Copy the tree, and run the suite on it once.

        Raises:
            RuntimeError: if the store does not pass as it should.
        """
        for name in _WARM:
            importlib.import_module(name)
        self._benches = [Bench(source, folder / str(number), target) for number in range(benches)]
        self.tree = self._benches[0].tree
        self._subjects = [f"[{one}]" for one in target.subjects]
        self._cases, *again = self._watch(self._benches[:1] if target.is_right else self._benches, target)
        for name, case in [*self._cases.items()]:
            if "scenes" in case and any(case["scenes"] != other.get(name, {}).get("scenes") for other in again):
                del self._cases[name]  # it says this, or something else, by chance

    def _watch(self, benches: list[Bench], target: Target) -> list[dict[str, dict[str, Any]]]:
        """Run the suite on the store as it is, once on each bench."""
        for bench in benches:
            bench.start(None, None, 1_200)
        found = []
        for bench in benches:
            while not (verdict := bench.look()):
                time.sleep(0.01)
            if verdict.outcome != "survived" and (target.is_right or not verdict.by.startswith("{")):
                raise RuntimeError(f"the store does not pass: {verdict}")
            found.append(json.loads(verdict.by))
        return found

    def cases_for(self, mutant: Mutant, *, whole_tour: bool = True) -> dict[str, str]:
        """The cases that a mutant is judged by, subject by subject, those that take least first.

        They are those that pass on the store as it is and run the changed line, and those of the tour; all, where none
        runs it (it runs at import, then), and all of Redis mode for a script. To leave one out can only let a mutant
        survive. Of a case of the tour that fails on the store as it is, it is said in which scenes, if the whole tour
        is played: a mutant that fails in others is killed.
        """
        place = f"{mutant.file}:{mutant.line}"
        if any(place in case.get("lines", ()) for case in self._cases.values()):
            names = [name for name, case in self._cases.items() if place in case.get("lines", (place,))]
        else:
            names = list(self._cases)
        if not whole_tour:
            names = [name for name in names if "scenes" not in self._cases[name]]
        if mutant.file.endswith(".lua"):
            names = [name for name in names if name.endswith("[embedded]")]
        names.sort(key=lambda name: (self._subjects.index(name[name.rindex("[") :]), self._cases[name]["seconds"]))
        return {name: self._cases[name].get("scenes", "") for name in names}

    def _is_toured(self, mutant: Mutant) -> bool:
        return any(map(suite.is_of_tour, self.cases_for(mutant)))

    def judge(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, Verdict]]:
        """Judge every mutant, as many at a time as there are benches.

        The tour is made short at first. What survives that is judged by the whole tour.
        """
        waiting = deque((mutant, _SHORT_TOUR_SECONDS) for mutant in mutants)
        busy = dict[Bench, tuple[Mutant, float | None]]()
        free = list(self._benches)
        try:
            while waiting or busy:
                while free and waiting:
                    bench = free.pop()
                    mutant, tour_seconds = busy[bench] = waiting.popleft()
                    cases = self.cases_for(mutant, whole_tour=tour_seconds is None)
                    seconds = sum(self._cases[name]["seconds"] for name in cases)
                    bench.start(mutant, cases, _PATIENCE_SECONDS + _PATIENCE * seconds, tour_seconds)
                for bench in list(busy):
                    if verdict := bench.look():
                        free.append(bench)
                        mutant, tour_seconds = busy.pop(bench)
                        if verdict.outcome == "survived" and tour_seconds and self._is_toured(mutant):
                            waiting.appendleft((mutant, None))
                        else:
                            yield mutant, verdict
                time.sleep(0.005)
        finally:
            for bench in busy:
                bench.stop()


@contextlib.contextmanager
def opened(source: Path, benches: int, target: Target) -> Iterator[Judge]:
    """A judge on copies of a tree, which are gone at the end with all that was started."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        yield Judge(source, Path(folder), benches, target)
