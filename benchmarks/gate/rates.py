"""The gate's error rates: how often it cries wolf, and how often it finds a slowdown of 20 %.

A decision is resampled from recorded rounds of identical code: as many rounds as a run has are drawn with replacement,
whole, since what a machine was busy with met all operations alike. In each the three arms change places at random,
which they may where the code is the same. A slowdown is planted by multiplying the head's blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from benchmarks.gate.blocks import ROUNDS
from benchmarks.gate.decision import ARMS, SLOWDOWN, Arm, Round, decide
from conformance.reading import read_file

DECISIONS = 1_000
_SEED = 20_240_229
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Blocks = Annotated[list[_Seconds], Field(min_length=1)]


class _Code(BaseModel):
    fingerprint: str


class _Recording(BaseModel):
    """What of a result of the gate is read again."""

    form: Literal["gate/1"] = Field(alias="schema")
    rounds: list[dict[str, dict[Arm, _Blocks]]]
    base: _Code
    head: _Code
    plant: Literal[""]

    @model_validator(mode="after")
    def _check_rounds(self) -> Self:
        if not self.rounds or not self.rounds[0]:
            raise ValueError("there are no rounds")
        if any(one.keys() != self.rounds[0].keys() for one in self.rounds):
            raise ValueError("rounds have different operations")
        if any(arms.keys() != set(ARMS) for one in self.rounds for arms in one.values()):
            raise ValueError(f"a round lacks one of {', '.join(ARMS)}")
        if self.base.fingerprint != self.head.fingerprint:
            raise ValueError("base and head are not the same code")
        return self


@dataclass(frozen=True)
class Rates:
    """What a number of decisions came out as, and for each planted operation how often just that one was found."""

    plant: str
    verdicts: Counter[str]
    planted: Counter[str]
    found: Counter[str]

    def lines(self) -> Iterator[str]:
        """Say it in a few lines."""
        shown = ", ".join(
            f"{verdict} {count / self.verdicts.total():.1%}" for verdict, count in sorted(self.verdicts.items())
        )
        yield f"{self.plant}: {self.verdicts.total():,} decisions: {shown}"
        for operation, count in sorted(self.planted.items()):
            yield f"    {operation}: found {self.found[operation]} of {count}"


def read(file: Path) -> list[Round]:
    """Read the rounds of a run that compared identical code, without a plant.

    Raises:
        FileError: if it is no such file.
    """
    description = "a result of the gate on identical code, without a plant"
    return list(read_file(file, _Recording.model_validate_json, description).rounds)


def resample(rounds: Sequence[Round]) -> Iterator[Rates]:
    """Decide again and again: on identical code, on one slowed operation after another, and on all slowed."""
    operations = tuple(rounds[0])
    random = Random(_SEED)  # noqa: S311  the same decisions from the same recordings
    plants: dict[str, list[tuple[str, ...]]] = {
        "identical code": [()],
        f"a slowdown of {SLOWDOWN:.0%} in one operation": [(operation,) for operation in operations],
        f"a slowdown of {SLOWDOWN:.0%} in every operation": [operations],
    }
    for name, planted in plants.items():
        rates = Rates(name, Counter(), Counter(), Counter())
        for number in range(DECISIONS):
            slowed = planted[number % len(planted)]
            decision = decide([_redraw(one, random, slowed) for one in random.choices(rounds, k=ROUNDS)])
            rates.verdicts[decision.verdict] += 1
            rates.planted.update(slowed)
            slower = {one.operation for one in decision.comparisons if one.verdict == "slower"}
            rates.found.update(slower.intersection(slowed))
        yield rates


def _redraw(one: Round, random: Random, slowed: Sequence[str]) -> Round:
    places = random.sample(ARMS, len(ARMS))
    return {
        operation: {
            arm: [
                seconds * (1 + SLOWDOWN) if arm == "head" and operation in slowed else seconds
                for seconds in arms[place]
            ]
            for arm, place in zip(ARMS, places, strict=True)
        }
        for operation, arms in one.items()
    }
