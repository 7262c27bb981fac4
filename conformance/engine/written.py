"""Planned actions, as the Python that plans them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from conformance.engine.scene import Ref, Step, Text, cancel, create, get, listing, purge, restore, update
from conformance.engine.script import source
from conformance.spec.model import FIELDS, Record, Request, plain

_MAKERS: Mapping[str, tuple[Callable[..., Step], tuple[str, ...]]] = {
    "get_task": (get, ("task_id",)),
    "update_task_status": (update, ("task_id", "status")),
    "cancel_task": (cancel, ("task_id",)),
    "purge": (purge, ("before",)),
    "restore": (restore, ("task",)),
    "list_tasks": (listing, ()),
}
"""What plans a call, and its arguments that are given by place."""


def written(value: Any) -> str:  # noqa: PLR0911  one for each kind of value
    """An action, or a value in one, as an expression for a module that imports what `conformance.replay` names."""
    if type(value) is Step:
        return _step(value)
    if type(value) is Text:
        return f"Text({written(value.value)})"
    if type(value) is Record:
        given = {name: getattr(value, name) for name in FIELDS}
        metadata = f"canonical({source(plain(given.pop('metadata')))})"
        return f"Record({', '.join(_named(given))}, metadata={metadata})"
    if type(value) is Request:
        return f"Request({', '.join(_changed(value))})"
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}({', '.join(_changed(value))})"
    if type(value) is tuple:
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    if type(value) is frozenset:
        return f"frozenset({{{', '.join(sorted(map(written, value)))}}})" if value else "frozenset()"
    if isinstance(value, Mapping) and not isinstance(value, OrderedDict):
        return f"{{{', '.join(f'{written(key)}: {written(one)}' for key, one in value.items())}}}"
    return source(value)


def _changed(value: Any) -> Iterator[str]:
    """The fields of a dataclass that are not their defaults, by place as long as none is left out."""
    is_first = True
    for one in fields(value):
        given = getattr(value, one.name)
        if one.default is not MISSING and given == one.default:
            is_first = False
            continue
        yield written(given) if is_first else f"{one.name}={written(given)}"


def _step(step: Step) -> str:
    """A call by the function that plans it, if there is one that does."""
    for maker, positional, named in _makers(step):
        try:
            is_it = maker(*positional, **named) == step
        except TypeError:
            continue
        if is_it:
            return f"{maker.__name__}({', '.join([*map(written, positional), *_named(named)])})"
    return f"Step({', '.join(_changed(step))})"


def _makers(step: Step) -> Iterator[tuple[Callable[..., Step], list[Any], dict[str, Any]]]:
    named = dict(step.arguments)
    label = {"label": step.label} if step.label else {}
    more = ({"on": step.on} if step.on else {}) | ({"about": step.about} if step.about else {})
    if step.operation == "create_task":
        request = named.pop("request", None)
        if type(request) is Request:
            fields_of = {one.name: getattr(request, one.name) for one in fields(request)}
            yield create, [step.label], named | {name: one for name, one in fields_of.items() if one is not None} | more
    elif step.operation in _MAKERS:
        maker, by_place = _MAKERS[step.operation]
        if named.keys() >= {*by_place}:
            positional = [_by_label(named.pop(name)) for name in by_place]
            yield maker, positional, named | more
            yield maker, positional, named | label | more


def _by_label(value: Any) -> Any:
    """A task by its label alone, where a call may name it so."""
    return value.label if type(value) is Ref and value == Ref(value.label) else value


def _named(given: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name}={written(value)}" for name, value in given.items())
