"""Roles by experiment: what a method changes, and which argument names the entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from conformance.infer.lab import Lab, Method, Step
from conformance.operations.trees import Tree
from conformance.text import source


class Experiments:
    """Finds the roles of methods by calls on new stores: on an empty one, then where others have made something."""

    def __init__(self, lab: Lab, methods: Sequence[Method]) -> None:
        self._lab = lab
        self._methods = methods
        self._seen: dict[Any, Tree] = {}
        """By the calls of an experiment, what the last one gave."""

    async def find_roles(self) -> None:
        """Write down in each method what is found."""
        await self._lab.learn([[], *([method.call()] for method in self._methods)], self._methods)
        await self._observe_all([[]])
        makers = [method for method in self._methods if method.is_write]
        one = [[method.call()] for method in makers]
        two = [[method.call(), method.call(1)] for method in makers]
        await self._lab.learn(two, self._methods)
        await self._observe_all([*one, *two])
        for method in self._methods:
            method.entry = [parameter.name for parameter in method.required if parameter.name in method.entry]

    async def _observe_all(self, starts: Sequence[list[Step]]) -> None:
        for writer, reader, start in product(self._methods, self._methods, starts):
            await self._observe(start, writer.call(), reader.call())
            optional = [parameter.name for parameter in writer.optional if parameter.name in writer.kinds]
            if optional and not writer.is_write:  # some change nothing without them
                given = {name: writer.kinds[name].samples[0] for name in optional}
                await self._observe(start, writer.call(0, **given), reader.call())

    async def _observe(self, start: list[Step], write: Step, read: Step) -> None:
        """Find out whether a read shows what a write did, and which of their arguments have to be the same."""
        if not await self._shows(start, write, read):
            return
        write.method.is_write = read.method.is_shown = True
        for written, asked in product(_names(write.method), _names(read.method)):
            elsewhere = _changed(write, written)
            if await self._shows(start, elsewhere, read):
                continue
            is_known = written == asked and asked in read.method.entry  # where nothing stands under the other name
            if is_known or await self._shows(start, elsewhere, _changed(read, asked)):
                write.method.entry.append(written)
                read.method.entry.append(asked)

    async def _shows(self, start: list[Step], write: Step, read: Step) -> bool:
        """Whether the read gives something else after the write."""
        return await self._last(*start, write, read) != await self._last(*start, read)

    async def _last(self, *steps: Step) -> Tree:
        key = tuple((step.method.name, source(dict(step.arguments))) for step in steps)
        if key not in self._seen:
            self._seen[key] = await self._lab.play(*steps)
        return self._seen[key]


def _names(method: Method) -> list[str]:
    """Return the arguments that may name an entry."""
    return [parameter.name for parameter in method.required if method.kinds[parameter.name].names_entries]


def _changed(step: Step, name: str) -> Step:
    """Return a call with the other sample of one argument."""
    return replace(step, arguments={**step.arguments, name: step.method.kinds[name].samples[1]})
