"""The search: random scenes, each played on every subject. What is found is shrunk, and can be played again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.control import current_build_context
from hypothesis.core import encode_failure
from hypothesis.errors import Flaky

from conformance.engine.quiet import quiet
from conformance.engine.scene import Scene
from conformance.harness import Harness
from conformance.verify.document import Search
from conformance.verify.drawn import kinds_of, scenes
from conformance.verify.scenes import Found, Players
from conformance.verify.shrink import shrink

_MOST = 5
"""Differences after which a search ends: more would only delay the report."""
_BATCH = 10
"""Scenes with the same kinds of actions."""
_SHRINKING_SECONDS = 30
"""For one difference."""


class NotPlayableError(ValueError):
    """A difference that was written by another version of Hypothesis."""


class _FoundError(Exception):
    """This scene shows the difference that is being looked for."""


class _EnoughError(BaseException):
    """No more scenes, or no more shrinking; not an `Exception`, so that Hypothesis lets it through."""


def search(
    subjects: Mapping[str, Harness], *, count: int, seed: int, most: int = _MOST, shrink: bool = True
) -> tuple[Search, list[Found]]:
    """Play `count` random scenes on each subject, which have to be running. The same seed gives the same scenes.

    After `most` differences it ends.
    """
    found: list[Found] = []
    with quiet(), Players(subjects) as players:
        looking = _Search(players, count, found, shrink=shrink)
        try:
            while len(found) < most:
                looking.find(f"{seed}-{looking.played}")
        except _EnoughError:
            pass
        outcome = Search(
            passed=not found,
            decided=looking.played > 0,
            scenes=looking.played,
            calls=players.calls,
            differences=tuple(one.difference for one in found),
        )
    return outcome, found


class _Search:
    """One difference after the other, each of them new."""

    def __init__(self, players: Players, count: int, found: list[Found], *, shrink: bool) -> None:
        self.played = 0
        self._players = players
        self._count = count
        self._found = found
        self._phases = [Phase.generate, *([Phase.shrink] if shrink else [])]

    def find(self, seed: str) -> None:
        """Look for one more difference in a batch of scenes, and shrink it.

        Raises:
            _EnoughError: when all scenes have been played.
        """
        kinds = kinds_of(seed)
        known = {one.signature for one in self._found}
        shortest: Found | None = None
        shown = Scene("", ())
        until = 0.0

        def example(scene: Scene) -> None:
            nonlocal shortest, shown, until
            if shortest is None:
                if self.played >= self._count:
                    raise _EnoughError
                self.played += 1
            elif time.monotonic() > until:
                raise _EnoughError
            wanted = None if shortest is None else shortest.signature
            for one in self._players.play(scene, None if wanted is None else wanted[:1])[1]:
                if one.signature == wanted or (wanted is None and one.signature not in known):
                    until = until or time.monotonic() + _SHRINKING_SECONDS
                    shortest, shown = replace(one, replay=_choices(kinds)), scene
                    raise _FoundError

        settings = hypothesis.settings(
            max_examples=_BATCH,
            deadline=None,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=self._phases,
        )
        try:
            hypothesis.seed(seed)(settings(hypothesis.given(scenes(kinds))(example)))()
        except (_FoundError, Flaky, _EnoughError):
            if shortest is None:
                raise
        if shortest is not None:
            self._found.append(self._without_more(shortest, shown) if Phase.shrink in self._phases else shortest)

    def _without_more(self, found: Found, scene: Scene) -> Found:
        """The same difference in a scene without the actions that it does not need: Hypothesis leaves some."""

        def attempt(indices: list[int]) -> list[int] | None:
            nonlocal found
            shorter = replace(scene, actions=[scene.actions[one] for one in indices])
            for again in self._players.play(shorter, found.signature[:1], {**found.replay, "actions": indices})[1]:
                if again.signature == found.signature:
                    found = again
                    return indices
            return None

        shrink(range(len(scene.actions)), attempt)
        return found


def _choices(kinds: Sequence[str]) -> dict[str, Any]:
    """What plays the scene that is being played again: the choices that Hypothesis made for it."""
    choices = encode_failure(current_build_context().data.choices)
    return {"hypothesis": hypothesis.__version__, "kinds": kinds, "choices": choices.decode()}


def scene_of(what: Mapping[str, Any]) -> Scene:
    """The scene of a difference.

    Raises:
        NotPlayableError: if it was found by another version of Hypothesis, or of the suite.
    """
    if what["hypothesis"] != hypothesis.__version__:
        raise NotPlayableError(f"found with Hypothesis {what['hypothesis']}, and this is {hypothesis.__version__}")
    drawn: list[Scene] = []

    def example(scene: Scene) -> None:
        drawn.append(scene)
        raise _FoundError

    choices = what["choices"].encode()
    silent = hypothesis.settings(verbosity=Verbosity.quiet, deadline=None, database=None)
    again = hypothesis.reproduce_failure(what["hypothesis"], choices)(
        silent(hypothesis.given(scenes(what["kinds"]))(example))
    )
    try:
        again()
    except _FoundError:
        pass
    except hypothesis.errors.HypothesisException as fault:
        raise NotPlayableError(f"found by another version of the suite: {fault}") from fault
    if not drawn:
        raise NotPlayableError("its choices make no scene")
    scene = drawn[0]
    wanted = what.get("actions", range(len(scene.actions)))
    if not all(index < len(scene.actions) for index in wanted):
        raise NotPlayableError(f"it names actions that the scene does not have: there are {len(scene.actions)}")
    return replace(scene, actions=[scene.actions[index] for index in wanted])


def play_again(subjects: Mapping[str, Harness], what: Mapping[str, Any]) -> list[Found]:
    """Play the scene of a difference on subjects that are running, and return what is wrong now."""
    scene = scene_of(what)
    with quiet(), Players(subjects) as players:
        return players.play(scene, replay=what)[1]
