"""Shrinking a scenario: what is left has nothing superfluous."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain

from conformance.engine.shrink import reduce

Groups = tuple[tuple[str, ...], ...]


def fewer(groups: Groups, place: int) -> Iterator[Groups]:
    group = groups[place]
    for gone in range(len(group)) if len(group) > 1 else ():
        yield (*groups[:place], group[:gone] + group[gone + 1 :], *groups[place + 1 :])


def test_what_a_simpler_action_makes_superfluous_is_left_out() -> None:
    shortest: list[Groups] = []

    async def shown(groups: Groups) -> Groups:
        names = [*chain.from_iterable(groups)]
        if "keep" not in names or names[-1] != "end" or ("tie" in names and "pad" not in names):
            return ()
        shortest.append(groups)
        return groups

    asyncio.run(reduce((("pad",), ("keep", "tie"), ("end",)), shown, fewer))
    assert shortest[-1] == (("keep",), ("end",))
