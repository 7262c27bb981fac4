"""Translations: a catalogue maps English texts to those of a language. A text that it lacks stays English."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib.resources.abc import Traversable


def read_texts(catalogue: Traversable) -> dict[str, str]:
    """Read a catalogue; there is none for English."""
    return tomllib.loads(catalogue.read_text("utf-8")) if catalogue.is_file() else {}


def translator(catalogue: Traversable) -> Callable[..., str]:
    """Make a function that gives a text in the language, with values in the places that it names."""
    texts = read_texts(catalogue)
    return lambda text, **values: texts.get(text, text).format(**values) if values else texts.get(text, text)
