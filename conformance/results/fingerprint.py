"""The fingerprint: which `taskstore` it was that passed, or was measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

import taskstore


def fingerprint(package: Path = Path(taskstore.__file__).parent) -> str:
    """Digest the names and contents of a package's files, by default those of the `taskstore` that is imported here.

    Equal for equal sources, wherever they are installed; what Python compiled of them does not count.
    """
    digest = hashlib.sha256()
    files = {file.relative_to(package).as_posix(): file for file in package.rglob("*") if file.is_file()}
    for name, file in sorted(files.items()):
        if "__pycache__" not in name:
            content = file.read_bytes()
            digest.update(f"{name}\n{len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
