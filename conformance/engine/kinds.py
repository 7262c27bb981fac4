"""Kinds of scenarios that hold for any operation: each maker takes calls of every operation, and yields scenarios.

A table says what it has, and the maker says what is done with it:

    made = [create("a")]
    calls = [create(), get(A), cancel(A)]

    yield from closed(made, calls, about="API-03")
    yield from races(made, combinations_with_replacement(calls, 2), about="ATOM-01")
    yield from cancelled(made, calls, then=[create("c")], about="ATOM-06")
    yield from shared([made, calls], about="SHARE-01", apart="SHARE-02")
    yield from reopened(made, calls, about="DUR-01", anew="DUR-03")
    yield from ended(made, calls, lifetime=timedelta(days=7), about="EXP-01")

`made` are the actions that make the entries which the calls name. `about` names requirements, `needs` and `lacks`
capabilities, with blanks between them. `scenario` makes any other scenario.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product

from conformance.engine.scenario import Action, Call, Close, Race, ReadBack, Reopen, Scenario, Wait
from conformance.harness import Capability

Actions = Sequence[Action]
Scenarios = Iterator[Scenario]
_COUNTS = (1, 3)
"""Calls of which the first is cancelled: it is alone, or others wait behind it."""
_SECOND = timedelta(seconds=1)


def scenario(
    *actions: Action | Iterable[Action],
    about: str = "",
    needs: str = "",
    lacks: str = "",
    instances: int = 1,
) -> Scenario:
    """Return a scenario of these actions. A store with two instances has to be shared, if it need not lack that."""
    flat: list[Action] = []
    for action in actions:
        flat += [action] if isinstance(action, Action) else action
    needed = {*map(Capability, needs.split())}
    lacked = frozenset(map(Capability, lacks.split()))
    if instances > 1 and Capability.SHARED not in lacked:
        needed.add(Capability.SHARED)
    return Scenario(tuple(flat), tuple(about.split()), frozenset(needed), lacked, instances)


def in_turn(calls: Iterable[Call], instances: int = 2, first: int = 0) -> Iterator[Call]:
    """Yield the calls on each instance in turn."""
    for number, call in enumerate(calls, start=first):
        yield replace(call, on=number % instances)


def closed(made: Actions, calls: Iterable[Call], *, about: str) -> Scenarios:
    """Yield each call twice on a closed instance."""
    for call in calls:
        yield scenario(made, Close(), call, call, about=about)


def races(made: Actions, crowds: Iterable[Sequence[Call]], *, about: str) -> Scenarios:
    """Yield calls at the same time, in every order, on two instances, or on one if there is no other."""
    for calls, instances in product(crowds, (1, 2)):
        race = Race((*in_turn(calls, instances),), every_order=True)
        lacks = "" if instances > 1 else "shared"
        yield scenario(made, race, ReadBack(), about=about, lacks=lacks, instances=instances)


def cancelled(made: Actions, calls: Iterable[Call], *, then: Actions, about: str) -> Scenarios:
    """Yield each call, cancelled after a turn of the loop, alone and before others that are not."""
    for call, count in product(calls, _COUNTS):
        lost = Race((call,) * count, cancelled_after=1)
        yield scenario(made, lost, ReadBack(), then, ReadBack(), about=about)


def shared(sequences: Iterable[Sequence[Call]], *, about: str, apart: str) -> Scenarios:
    """Yield calls on two instances in turn, and reads after each: of a shared store, and of one that is not."""
    for (number, lacks), calls, first in product(((about, ""), (apart, "shared")), sequences, (0, 1)):
        actions: list[Action] = []
        for call in in_turn(calls, first=first):
            actions += [call, ReadBack()]
        yield scenario(actions, about=number, lacks=lacks, instances=2)


def reopened(made: Actions, then: Actions, *, about: str, anew: str) -> Scenarios:
    """Yield the actions after a store was opened again, which has kept everything, or begins anew."""
    again = Reopen(), *then
    yield scenario(made, again, again, ReadBack(), about=about, needs="persistent")
    yield scenario(made, again, ReadBack(), about=anew, lacks="persistent")


def ended(made: Actions, calls: Iterable[Call], *, lifetime: timedelta, about: str, alive: Actions = ()) -> Scenarios:
    """Yield each call a second after a lifetime has ended; the actions `alive` come a second before that."""
    life = Wait(lifetime - _SECOND), *alive, Wait(2 * _SECOND)
    for call in calls:
        yield scenario(made, life, call, ReadBack(), about=about, needs="expiring")
