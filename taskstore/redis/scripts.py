"""The server-side scripts: `lua/common.lua` and then one of the six, known to the server by their digest."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files

from taskstore.status import TaskStatus


@dataclass(frozen=True)
class Script:
    """A script's text, its SHA-1 (what EVALSHA takes), and whether it writes what a caller asked for."""

    text: str
    digest: str
    writes: bool


def _load(*names: str, writes: bool) -> Script:
    final = ",".join(f"{status}={str(status.is_final).lower()}" for status in TaskStatus)
    statuses = ",".join(f"'{status}'" for status in TaskStatus)
    text = "".join(map(_read, ("common", *names)))
    text = text.replace("FINAL = {FINAL}", f"FINAL = {{{final}}}").replace("{STATUSES}", f"{{{statuses}}}")
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), writes)


def _read(name: str) -> str:
    return files("taskstore.redis").joinpath("lua", f"{name}.lua").read_text("utf-8")


INSERT = _load("insert", writes=True)
UPDATE = _load("update", writes=True)
LIST = _load("whole", "list", writes=False)
PURGE = _load("whole", "purge", writes=True)
REBUILD = _load("rebuild", writes=False)
CLAIM = _load("claim", writes=False)
