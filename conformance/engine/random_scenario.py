"""Random scenarios: the next action depends on what the store has answered by now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from conformance.engine.player import Player
from conformance.engine.scenario import Action, Call, Race, ReadBack, Reopen, Scenario, Wait
from conformance.harness import Capability

_LEAST = 4
_MOST = 16
"""Actions of a random scenario."""
_RACERS = 4


class RandomScenario:
    """Actions that are drawn while they are played, by the same random numbers alike. The player writes them down.

    A contract says which kinds of calls there are, and draws a call of a kind.
    """

    first: str
    """The kind of calls that make entries: every scenario has it."""
    kinds: Sequence[str]
    """The other kinds. One that stands here twice is drawn more often."""
    raced: Sequence[str]
    """Those of concurrent calls."""
    spans: Sequence[timedelta]
    """How much time passes at once in a store that expires."""

    def __init__(self, random: Random, player: Player) -> None:
        self.random = random
        self.one_of = random.choice
        self.player = player
        self.has = player.harness.capabilities

    def call(self, made: Sequence[str], kind: str) -> Call:
        """Return a call of a kind, which may refer to the labels of those that were made."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Action]:
        """Draw actions of some kinds, and reads of what they did after none, half or all of them."""
        every = ("wait", "race", "reopen", *self.kinds)
        kinds = self.random.sample(every, self.random.randint(3, len(every)))
        how_often = self.one_of((0.0, 0.5, 1.0))
        for _ in range(self.random.randint(_LEAST, _MOST)):
            action = self._action(self.one_of((self.first, *kinds)))
            if self._is_fit(action):
                yield action
                if self.random.random() < how_often:
                    yield ReadBack()
        yield ReadBack()

    def _is_fit(self, action: Action) -> bool:
        """Whether the store has what an action needs."""
        return Scenario((action,)).required(self.player.contract.operations) <= self.has

    def _action(self, kind: str) -> Action:
        match kind:
            case "wait":
                return Wait(self.one_of(self.spans)) if Capability.EXPIRING in self.has else Wait()
            case "race":
                calls = [replace(self._somewhere(self.one_of(self.raced)), label="") for _ in range(_RACERS)]
                cancelled = self.one_of(((), (), (0,)))
                return Race(tuple(filter(self._is_fit, calls)), cancelled, turns=self.one_of((0, 1, 2, 4)))
            case "reopen":
                return Reopen()
        return self._somewhere(kind)

    def _somewhere(self, kind: str) -> Call:
        call = self.call([*self.player.results], kind)
        return replace(call, on=self.random.randrange(self.player.scenario.instances))
