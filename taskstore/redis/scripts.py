"""The server-side scripts: `lua/common.lua` and then one of the others, known to the server by their digest."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files

from taskstore.redis.record import FIELDS, SIZED
from taskstore.status import TaskStatus


@dataclass(frozen=True)
class Script:
    """A script's text, its SHA-1 (what EVALSHA takes), and whether it writes what a caller asked for."""

    text: str
    digest: str
    writes: bool


def _load(name: str, *, writes: bool) -> Script:
    final = ",".join(f"{status}={str(status.is_final).lower()}" for status in TaskStatus)
    known = f"local FIELDS, SIZED, FINAL = {{{str(FIELDS)[1:-1]}}}, {SIZED + 1}, {{{final}}}\n"  # Lua counts from 1
    text = f"{known}{_read('common')}return run(function()\n{_read(name)}end)"
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), writes)


def _read(name: str) -> str:
    return files("taskstore.redis").joinpath("lua", f"{name}.lua").read_text("utf-8")


INSERT = _load("insert", writes=True)
UPDATE = _load("update", writes=True)
LIST = _load("list", writes=False)
PURGE = _load("purge", writes=True)
EXAMINE = _load("examine", writes=True)
