"""What the search and the walk share: players for several subjects, and what is found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from conformance.engine.play import Player
from conformance.engine.scene import Scene
from conformance.engine.tally import Tally
from conformance.harness import Harness, HookMissingError
from conformance.verify.document import Difference


@dataclass(frozen=True)
class Found:
    """A difference, and what plays it again: values of JSON."""

    difference: Difference
    replay: Mapping[str, Any]

    @property
    def signature(self) -> tuple[str, str]:
        """What makes two findings one: the subject, and the requirement that is broken."""
        return self.difference.subject, self.difference.requirements[0]

    def __str__(self) -> str:
        one = self.difference
        return "\n".join([f"{', '.join(one.requirements)} on {one.subject}: {one.words}", *one.script])


class Players:
    """One player for each subject, which has to be running. Scenes are played on one after the other."""

    def __init__(self, subjects: Mapping[str, Harness]) -> None:
        self._tallies = {name: Tally() for name in subjects}
        self._players = {name: Player(harness, self._tallies[name]) for name, harness in subjects.items()}
        self._runner = asyncio.Runner()
        self.not_played: dict[str, str] = {}
        """Why some scenes were not played, by subject."""

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        kind, error, trace = raised
        self._runner.__exit__(kind, error, trace)

    @property
    def calls(self) -> int:
        """How many calls were made and compared."""
        return sum(sum(tally.calls.values()) for tally in self._tallies.values())

    def play(
        self, scene: Scene, on: Iterable[str] | None = None, replay: Mapping[str, Any] | None = None
    ) -> tuple[bool, list[Found]]:
        """Play a scene on the subjects that are named, or on all. `replay` is what plays it again.

        Return whether all of them could play it, and what each did wrong.
        """
        whole = True
        found: list[Found] = []
        for name in self._players if on is None else on:
            try:
                findings = self._runner.run(self._players[name].play(scene))
            except HookMissingError as fault:
                self.not_played[name] = str(fault)
                whole = False
                continue
            for one in findings:
                difference = Difference(subject=name, requirements=one.requirements, words=one.words, script=one.lines)
                found.append(Found(difference, replay or {}))
        return whole, found
