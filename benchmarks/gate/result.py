"""What the gate says: a verdict with its exit status, why, and all that it was drawn from, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from benchmarks.gate.decision import Comparison, Round
from benchmarks.gate.instructions import Instructions
from benchmarks.gate.invariants import Invariants

SCHEMA = "gate/2"

Verdict = Literal["passed", "broken", "slower", "not-measured", "noisy"]
EXIT_STATUS: Mapping[Verdict, int] = {"passed": 0, "broken": 1, "slower": 3, "not-measured": 4, "noisy": 5}
"""2 is what a command line gives that nobody understands."""


@dataclass(frozen=True)
class Code:
    """What was judged, or compared with: where it came from, and its fingerprint."""

    source: str
    fingerprint: str


@dataclass(frozen=True)
class Result:
    """One run. What was not come to is empty."""

    verdict: Verdict
    reasons: tuple[str, ...]
    started: str
    seconds: float
    python: str
    server: Mapping[str, str]
    seed: int
    head: Code
    base: Code | None
    invariants: Invariants | None
    instructions: tuple[Instructions, ...]
    not_counted: str
    """Why there are no instructions."""
    comparisons: tuple[Comparison, ...]
    """Of the last run."""
    rounds: tuple[Round, ...]
    """Of both runs, where the first found a slowdown."""

    @property
    def exit_status(self) -> int:
        """A number for each verdict."""
        return EXIT_STATUS[self.verdict]

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {"schema": SCHEMA, "exit_status": self.exit_status, **asdict(self)}
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        lines = [f"head: {self.head.source} ({self.head.fingerprint[:12]})"]
        if self.base is not None:
            lines.append(f"base: {self.base.source} ({self.base.fingerprint[:12]})")
        if self.invariants is not None:
            for tasks, costs in self.invariants.costs.items():
                shown = ", ".join(f"{name} {cost.requests:g}/{cost.commands:g}" for name, cost in costs.items())
                lines.append(f"requests/commands per operation, {tasks} tasks: {shown}")
            lines.append(
                f"keys left: {', '.join(f'{moment} {count}' for moment, count in self.invariants.keys.items())}"
            )
            shown = ", ".join(f"{mode} {exponent:.2f}" for mode, exponent in self.invariants.growth.items())
            lines.append(f"growth of list, 0 flat, 1 linear: {shown}")
        shown = ", ".join(f"{one.operation} {one.head / one.base:.3f}" for one in self.instructions)
        if shown or self.not_counted:
            lines.append(f"instructions of a call, × base: {shown or f'not counted: {self.not_counted}'}")
        lines += [
            f"{one.operation:<13} {one.ratio:5.3f} × base ({one.low:5.3f} to {one.high:5.3f}), "
            f"noise {one.noise:5.1%}: {one.verdict}"
            for one in self.comparisons
        ]
        return [*lines, *self.reasons, f"{self.verdict} after {self.seconds:.0f} s"]
