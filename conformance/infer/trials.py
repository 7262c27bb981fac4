"""Arguments that both stores accept, found by trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from conformance.infer.kinds import EARLIER, Kind, Parameter
from conformance.infer.lab import Lab, Method, Step

_MOST_TRIALS = 60
"""Combinations of kinds that are tried for the arguments of a method."""
_MOST_STARTS = 20
"""Other methods after which a call is tried."""
_MISUSE = (TypeError, AttributeError, ValueError, NotImplementedError, AssertionError)
"""Exceptions by which a store says that an argument is of a wrong kind."""


class Trials:
    """Finds the kinds of the arguments of each method, by calls in the labs of both stores."""

    def __init__(self, labs: Sequence[Lab]) -> None:
        self._labs = labs
        self._found: list[Method] = []
        self._has_ids = False

    async def find(self, methods: Sequence[Method]) -> list[Method]:
        """Return the methods for which kinds were found; the others say why not."""
        for is_last in (False, True):  # some need what others have made
            for method in methods:
                if not method.unusable and method not in self._found:
                    await self._find_required(method)
            await self._labs[0].learn([[]], self._found)
            self._has_ids = any(method.ids for method in self._found)
            if self._has_ids and not is_last:
                self._found = [method for method in self._found if not _may_take_ids(method)]

        for method in methods:
            if method not in self._found:
                method.unusable = method.unusable or "no argument that was tried is accepted"
            for parameter in () if method.unusable else method.optional:
                await self._find_optional(method, parameter)
        return [method for method in methods if not method.unusable]

    async def _find_required(self, method: Method) -> None:
        """Choose kinds that both stores accept and treat alike: a guess must not make a difference."""
        guessed = [parameter for parameter in method.required if parameter.is_guessed]
        accepted: dict[str, Kind] = {}
        for kinds in self._combinations(method):
            method.kinds = kinds
            is_accepted = await self._accepts(method.call())
            if method.unusable:
                return
            if not is_accepted:
                continue
            accepted = accepted or kinds
            if not guessed or await self._are_alike(method.call()):
                self._found.append(method)
                return

        method.kinds = accepted
        if accepted and all(parameter.is_named for parameter in guessed):
            self._found.append(method)
        elif accepted:
            method.unusable = "nothing says what its arguments are, and the stores differ for all that were tried"

    async def _find_optional(self, method: Method, parameter: Parameter) -> None:
        """Find a kind for an argument that may be left out, if its name or type says anything."""
        for kind in parameter.kinds if parameter.is_named or not parameter.is_guessed else ():
            method.kinds[parameter.name] = kind
            call = method.call(**{parameter.name: kind.samples[0]})
            if await self._accepts(call) and (not parameter.is_guessed or await self._are_alike(call)):
                return
            del method.kinds[parameter.name]

    def _combinations(self, method: Method) -> Iterator[dict[str, Kind]]:
        names = [parameter.name for parameter in method.required]
        for kinds in islice(product(*(parameter.kinds for parameter in method.required)), _MOST_TRIALS):
            if self._has_ids or EARLIER not in kinds:
                yield dict(zip(names, kinds, strict=True))

    async def _accepts(self, call: Step) -> bool:
        """Whether both stores take a call when they are empty, or after a call of another method."""
        starts = [[], *([method.call()] for method in self._found[:_MOST_STARTS])]
        for start in starts:
            for lab in self._labs:
                if issubclass((await lab.play(*start, call)).kind, _MISUSE):
                    break
            else:
                return not call.method.unusable
        return False

    async def _are_alike(self, call: Step) -> bool:
        """Whether both stores give the same, also with a call before or after it that alone gives the same."""
        sequences = [[call]]
        for method in self._found:
            if await self._is_same([method.call()]):
                sequences += [[call, method.call()], [method.call(), call]]
        for steps in sequences:
            if not await self._is_same(steps):
                return False
        return True

    async def _is_same(self, steps: Sequence[Step]) -> bool:
        first, second = [await lab.play(*steps) for lab in self._labs]
        return first == second


def _may_take_ids(method: Method) -> bool:
    return any(EARLIER in parameter.kinds for parameter in method.required)
