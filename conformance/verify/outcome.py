"""What came of making transitions: in values, in a sentence, and in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.verify.model import Call, Result
from conformance.verify.reachable import Offer, Place
from conformance.verify.replay import script


@dataclass(frozen=True, slots=True, eq=False)
class Transition:
    """A state, and a call that is made in it."""

    index: int
    place: Place
    offer: Offer

    @property
    def calls(self) -> tuple[Call, ...]:
        """The whole way."""
        return (*self.place.path, self.offer.call)

    def as_json(self) -> dict[str, Any]:
        """Which it is; `index` finds it again."""
        return {
            "index": self.index,
            "world": self.place.world,
            "state": self.place.number,
            "operation": self.offer.call.operation,
            "arguments": self.offer.kind,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What a subject did otherwise than the model, by the first call that shows it.

    The path to a state is a shortest one of all, found breadth first. `look` is the call that shows the difference: the
    last of `calls`, or a look at what that one has left.
    """

    subject: str
    transition: Transition
    calls: tuple[Call, ...]
    look: Call
    expected: Result
    got: Result
    words: str
    lifetime: int | None

    @property
    def script(self) -> str:
        """The way there and the call that shows it, as lines to run without pytest."""
        return script(self.calls if self.look is self.calls[-1] else (*self.calls, self.look), self.lifetime)

    def __str__(self) -> str:
        return f"{self.look.operation} on {self.subject}: {self.words}\n{self.script}"

    def as_json(self) -> dict[str, Any]:
        """All of it, in JSON values."""
        return {
            "subject": self.subject,
            "transition": self.transition.as_json(),
            "expected": repr(self.expected),
            "got": repr(self.got),
            "difference": self.words,
            "script": self.script,
        }


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """A transition that could not be made on one subject."""

    subject: str
    transition: Transition
    reason: str

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {"subject": self.subject, "transition": self.transition.as_json(), "reason": self.reason}


@dataclass(frozen=True)
class TransitionsOutcome:
    """What came of it. A transition is executed, and agreed, only if it is on every subject."""

    worlds: tuple[Mapping[str, Any], ...]
    """The bounds, and how many states, transitions, and calls of each class of arguments there are."""
    subjects: tuple[str, ...]
    share: float
    seed: int
    states: int
    transitions: int
    chosen: int
    """How many of the transitions are in this share."""
    executed: int
    agreed: int
    """How many were executed, and came out as the model says."""
    not_executed: tuple[NotExecuted, ...]
    differences: tuple[Difference, ...]
    seconds: float

    def __str__(self) -> str:
        of = f", {self.share:.2%} of {self.transitions:,}, evenly spread by seed {self.seed}," if self.share < 1 else ""
        return (
            f"{self.states:,} states; {100 * self.agreed / self.chosen if self.chosen else 0:.6g} % of {self.chosen:,} "
            f"transitions{of} agree on {', '.join(self.subjects)}; "
            f"{len(self.differences)} differences, {len(self.not_executed)} not executed"
        )

    def as_json(self) -> dict[str, Any]:
        """All of it, in JSON values."""
        return {
            **{name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()},
            "not_executed": [one.as_json() for one in self.not_executed],
            "differences": [one.as_json() for one in self.differences],
        }
