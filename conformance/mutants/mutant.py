"""A mutant that is written by hand: a store, or a way of opening one, and the cases that must catch it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar


class On(StrEnum):
    """A subject that mutants are made of."""

    MEMORY = "memory"
    EXPIRING = "memory-expiring"
    REDIS = "embedded"

    @property
    def mode(self) -> str:
        """Which of the two modes it is."""
        return "redis" if self is On.REDIS else "memory"


BOTH = (On.MEMORY, On.REDIS)
TOUR = "tour"
"""What stands for the tour among the cases that catch a mutant."""


@dataclass(frozen=True)
class Mutant:
    """One fault on one subject.

    `kind` is a class of store, or a function that opens one. `instead` is an exception that also counts as caught if
    the case lets it out. Without it only an assertion of the case catches the mutant.
    """

    name: str
    doc: str
    kind: Callable[..., Any]
    on: On
    breaks: tuple[str, ...]
    caught_by: tuple[str, ...]
    instead: type[Exception] | None
    source: str


REGISTERED: list[Mutant] = []
Kind = TypeVar("Kind", bound=Callable[..., Any])


def mutant(
    *breaks: str,
    by: str | tuple[str, ...],
    on: On | tuple[On, ...] = BOTH,
    instead: type[Exception] | None = None,
    source: str = "",
) -> Callable[[Kind], Kind]:
    """Register a class of store, or an opener, as a mutant on each of these subjects.

    It breaks those requirements, and each case in `by` must catch it. `source` is where somebody had the bug.
    """

    def register(kind: Kind) -> Kind:
        cases = (by,) if isinstance(by, str) else by
        subjects = (on,) if isinstance(on, On) else on
        name, doc = f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}", inspect.cleandoc(kind.__doc__ or "")
        REGISTERED.extend(Mutant(name, doc, kind, subject, breaks, cases, instead, source) for subject in subjects)
        return kind

    return register
