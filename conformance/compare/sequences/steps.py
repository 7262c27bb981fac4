"""Steps: what a caller does in one sequence, the same on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from conformance.compare.operations.operation import Operation
from conformance.compare.values.classes import Pool
from conformance.text import source


@dataclass(frozen=True)
class Call:
    """A step: call an operation. `is_audited`: if it writes, the entry is read afterwards."""

    operation: str
    arguments: Mapping[str, Any]
    is_audited: bool = True


@dataclass(frozen=True)
class Change:
    """A step: the caller changes something that it passed in or got back, the latest or one before it."""

    back: int
    place: int


Step: TypeAlias = Call | Change
Steps: TypeAlias = tuple[Step, ...]
_SEVERAL = (Mapping, list, tuple, set, frozenset)


def entries_in(value: Any) -> list[Any]:
    """The entries that an argument names: those in it, if it is a collection."""
    return [*value] if isinstance(value, _SEVERAL) else [value]


def written(steps: Steps) -> str:
    """Steps as text. Sequences with the same text are the same."""
    return repr([(step.operation, source(dict(step.arguments))) if isinstance(step, Call) else step for step in steps])


@dataclass(frozen=True)
class Vocabulary:
    """The operations, and values for each of their arguments."""

    operations: Mapping[str, Operation]
    pools: Mapping[tuple[str, str], Pool]
    seen_maker: str = ""
    """The operation that was seen to make an entry."""

    @classmethod
    def drawn(cls, operations: Mapping[str, Operation], seed: int) -> Vocabulary:
        """Draw the values from the strategies; arguments that share a strategy share the values."""
        pools: dict[int, Pool] = {}
        of_arguments = {}
        for operation in operations.values():
            for argument, strategy in operation.strategies.items():
                if id(strategy) not in pools:
                    pools[id(strategy)] = Pool(strategy, seed)
                of_arguments[operation.name, argument] = pools[id(strategy)]
        return cls(operations, of_arguments)

    @property
    def maker(self) -> Operation:
        """The operation that makes the entries of a sequence."""
        return self.operations[self.makers()[0]]

    @property
    def key(self) -> str | None:
        """The argument that names a new entry; None if the store chooses its id."""
        return self.maker.entry if self.maker.entry in self.maker.arguments else None

    def make(self, **arguments: Any) -> Call:
        """A plain call that makes an entry, but for these arguments."""
        return self.plain(self.maker.name, **arguments)

    def is_plain(self, call: Call, argument: str) -> bool:
        """Whether an argument of a call is given because it has to be, and has its plain value."""
        is_optional = argument in self.operations[call.operation].optional
        plain = self.pools[call.operation, argument].plain
        return not is_optional and source(call.arguments[argument]) == source(plain)

    def plain(self, name: str, /, **arguments: Any) -> Call:
        """A call with the plain value of each argument that has to be given, except for these."""
        return Call(name, {one: self.pools[name, one].plain for one in self.operations[name].arguments} | arguments)

    def writes(self) -> list[str]:
        """The operations that change something, or may; those that make entries come first."""
        found = [one for one in self.operations.values() if one.reads is None]
        return [one.name for one in sorted(found, key=lambda one: (self._takes_ids(one), -len(one.arguments)))]

    def audits(self) -> list[Operation]:
        """The reads that need no argument but the entry."""
        reads = [
            one for one in self.operations.values() if one.reads is not None and not {*one.arguments} - {one.reads}
        ]
        return [one for one in reads if not (one.entry and isinstance(self.pools[one.name, one.entry].plain, _SEVERAL))]

    def makers(self) -> list[str]:
        """The operations that can make an entry where there is none."""
        writes = sorted(self.writes(), key=lambda name: name != self.seen_maker)
        return [name for name in writes if not self._takes_ids(self.operations[name])] or writes or [*self.operations]

    def _takes_ids(self, operation: Operation) -> bool:
        return any(self.pools[operation.name, argument].has_ids for argument in operation.arguments)
