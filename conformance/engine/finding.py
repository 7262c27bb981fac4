"""Findings about a store, and how often each requirement was exercised."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from conformance.engine.scenario import Scenario

Signature = str
"""Equal for two findings of one cause, in every run: the operation, the fields, and what came in place of what."""


@dataclass(frozen=True)
class Finding:
    """Something wrong about a store."""

    requirements: tuple[str, ...]
    """Those that it breaks, the nearest first."""
    expected: str
    actual: str
    signature: Signature
    scenario: Scenario = field(default_factory=Scenario)
    """The actions until then."""
    lines: tuple[str, ...] = ()
    """The same as Python."""
    place: str = ""
    """`file:line` in the store's own code where the exception was raised that came out."""


def complaint(number: str, expected: str, actual: object, name: str) -> Finding:
    """Return what is wrong without regard to the state, about a field, an operation or a failure of that name."""
    return Finding((number,), expected, str(actual), f"{name}: {number or expected}")


@dataclass
class Coverage:
    """The findings of a group of scenarios, and what was exercised."""

    findings: dict[Signature, Finding] = field(default_factory=dict)
    """The first finding of each signature."""
    exercised: Counter[str] = field(default_factory=Counter)
    """How often a result was compared that a requirement decides."""
    missing: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By requirement, why scenarios about it were not played, and the hook that the harness lacks, if that is why."""
    by_chance: Counter[str] = field(default_factory=Counter)
    """Why races were played in no chosen order, or deaths not at all, and how many."""
    wanted: frozenset[str] = frozenset()
    """What alone is asked, if it is little: when each of these requirements is broken, nothing more is played."""
    learned: dict[Signature, bool] = field(default_factory=dict)
    """Differences that calls show by themselves, and whether the store then holds what they show.

    They are expected from now on, so that they cannot mask others.
    """
    made: set[Any] = field(default_factory=set)
    """The ids that the store made, in all scenarios."""
    mutates = True
    """Whether objects that were passed in or returned are changed, as a careless caller does."""
    silent = 0
    """How many calls never returned, while nothing failed."""

    def miss(self, about: Iterable[str], reason: str, hook: str = "") -> None:
        """Note why a scenario about these requirements was not played: a hook that is missing before anything else."""
        why = dict.fromkeys(about, (reason, hook))
        self.missing = self.missing | why if hook else why | self.missing

    @property
    def is_enough(self) -> bool:
        """Whether all that is asked was found."""
        nearest = {number for finding in self.findings.values() for number in finding.requirements[:1]}
        return bool(self.wanted) and self.wanted <= nearest
