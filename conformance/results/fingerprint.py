"""The fingerprint: which `taskstore` it was that passed, or was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable


def fingerprint(package: Traversable | None = None) -> str:
    """Digest the names and contents of a package's files, by default those of the `taskstore` that is imported here.

    Equal for equal sources, wherever they are installed; what Python compiled of them does not count.
    """
    digest = hashlib.sha256()
    for name, file in sorted(_files(files("taskstore") if package is None else package, "")):
        content = file.read_bytes()
        digest.update(f"{name}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(folder: Traversable, above: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        name = above + entry.name
        if entry.is_file():
            yield name, entry
        elif entry.name != "__pycache__":
            yield from _files(entry, f"{name}/")
