"""The search: one difference after the other, each shrunk, until nothing new is found."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky

from conformance.case import HarnessFailedError, Namespace
from conformance.compare.contract import CONTRACT
from conformance.compare.difference import Difference, Signature
from conformance.compare.lockstep import Lockstep, Side
from conformance.compare.operation import Operation
from conformance.compare.steps import Steps, simpler, steps_of
from conformance.harness import Harness

EXAMPLES = 500
"""Sequences that a search tries before it says that there is nothing new."""
SECONDS = 60
"""For all searches together."""


class OperationsDifferError(ValueError):
    """The two harnesses name different operations: there is nothing to compare."""


class _DifferenceFoundError(Exception):
    """This example shows the difference that is being looked for."""


class _TimeIsUp(BaseException):
    """No more examples; not an `Exception`, so that Hypothesis lets it through."""


class Search:
    """Looks for differences between two subjects that are running.

    Each search tries up to `examples` sequences and yields the first difference that is new, shrunk; an example that
    begins with a known one is passed over. The last search finds nothing, or `seconds` are over. The same seed gives
    the same differences, as far as time allows.
    """

    def __init__(
        self, one: tuple[str, Harness], other: tuple[str, Harness], *, examples: int, seconds: float, seed: int
    ) -> None:
        self.ran = 0
        self.out_of_time = False
        self._subjects = one, other
        self._examples = examples
        self._deadline = time.monotonic() + seconds
        self._seed = seed
        self._known: set[Signature] = set()
        self._operations = [operations_of(harness) for _, harness in self._subjects]
        here, there = ([*operations] for operations in self._operations)
        if here != there:
            raise OperationsDifferError(f"{one[0]} names the operations {here}, {other[0]} names {there}")
        self._steps = steps_of(self._operations[0].values())

    def differences(self) -> Iterator[Difference]:
        """Every difference that is found, one by one."""
        for name, harness in self._subjects:
            asyncio.run(_check_opens(name, harness))
        while (found := self._find_one()) is not None:
            self._known.add(found.signature)
            self._seed += 1
            yield found

    def _find_one(self) -> Difference | None:
        found: list[tuple[Difference, Steps]] = []

        def example(steps: Steps) -> None:
            difference = self._try(steps)
            # shrinking stays with the difference that it began with: any other has its own turn
            if difference is not None and (not found or found[-1][0].signature == difference.signature):
                found.append((difference, steps))
                raise _DifferenceFoundError

        settings = hypothesis.settings(
            max_examples=self._examples,
            deadline=None,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        search = hypothesis.seed(self._seed)(settings(hypothesis.given(steps=self._steps)(example)))
        try:
            with quiet():
                try:
                    search()
                except (_DifferenceFoundError, Flaky):
                    if not found:  # what does not show each time has been seen all the same; this is something else
                        raise
                while found and (even_shorter := self._simplify(*found[-1])):
                    found.append(even_shorter)
        except _TimeIsUp:
            self.out_of_time = True
        return found[-1][0] if found else None

    def _simplify(self, known: Difference, steps: Steps) -> tuple[Difference, Steps] | None:
        """The same difference from fewer steps or arguments: Hypothesis gives up early, and leaves some."""
        for fewer in simpler(steps, self._operations[0]):
            difference = self._try(fewer)
            if difference is not None and difference.signature == known.signature:
                return difference, fewer
        return None

    def _try(self, steps: Steps) -> Difference | None:
        """The first difference that these steps show, unless it is known."""
        if time.monotonic() > self._deadline:
            raise _TimeIsUp
        self.ran += 1
        with asyncio.Runner() as runner:
            difference = runner.run(self._play(steps))
        return None if difference is None or difference.signature in self._known else difference

    async def _play(self, steps: Steps) -> Difference | None:
        (one_name, one), (other_name, other) = self._subjects
        here, there = Namespace(one), Namespace(other)
        try:
            async with here.open() as store, there.open() as other_store:
                return await Lockstep(
                    Side(one_name, store, self._operations[0]), Side(other_name, other_store, self._operations[1])
                ).play(steps, self._known)
        finally:
            one.discard(here.name)
            other.discard(there.name)


def operations_of(harness: Harness) -> Mapping[str, Operation]:
    """The operations that a harness names in its hook `operations`, else those of our contract."""
    named: Any = getattr(harness, "operations", lambda: CONTRACT)
    return {operation.name: operation for operation in named()}


async def _check_opens(name: str, harness: Harness) -> None:
    """Say at once which subject cannot be opened, rather than in the middle of an example."""
    namespace = Namespace(harness)
    try:
        async with namespace.open():
            pass
    except HarnessFailedError as fault:
        raise HarnessFailedError(f"{name} could not be set up: {fault}") from fault
    finally:
        harness.discard(namespace.name)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is logged or warned of: hostile arguments make every store complain, thousands of times."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def compare(
    one: Harness, other: Harness, *, examples: int = EXAMPLES, seconds: float = SECONDS, seed: int = 0
) -> list[Difference]:
    """Every difference found between two subjects, called A and B in the scripts.

    Raises:
        OperationsDifferError: if they do not name the same operations.
        HarnessFailedError: if one of them cannot be opened.
    """
    with one.running(), other.running():
        search = Search(("A", one), ("B", other), examples=examples, seconds=seconds, seed=seed)
        return list(search.differences())
