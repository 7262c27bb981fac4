"""What a type checker and `typing` find of the public names."""

from __future__ import annotations

import inspect
import typing
from types import ModuleType

import pytest

import conformance
import taskstore
import taskstore.redis


@pytest.mark.parametrize("module", [taskstore, taskstore.redis, conformance], ids=lambda module: module.__name__)
def test_annotations_of_every_public_name_can_be_resolved(module: ModuleType) -> None:
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            typing.get_type_hints(value)
            for _, function in inspect.getmembers(value, inspect.isfunction):
                if function.__module__.startswith(("taskstore", "conformance")):
                    typing.get_type_hints(function)
        elif inspect.isfunction(value):
            typing.get_type_hints(value)
