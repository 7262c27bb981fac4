"""The server-side scripts: `lua/common.lua` and then one of the others, known to the server by their digest."""

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files

from taskstore.redis.record import FIELDS
from taskstore.status import TaskStatus


@dataclass(frozen=True)
class Script:
    """A script's text, its SHA-1 (what EVALSHA takes), and whether it writes what a caller asked for."""

    text: str
    digest: str
    writes: bool


def _load(name: str, *, writes: bool = True) -> Script:
    final = ",".join(f"{status}={str(status.is_final).lower()}" for status in TaskStatus)
    places = ",".join(f"{field}={place}" for place, field in enumerate(FIELDS, 1))  # Lua counts from 1
    known = f"local FIELDS, PLACE, FINAL = {{{str(FIELDS)[1:-1]}}}, {{{places}}}, {{{final}}}\n"
    paths = (files("taskstore.redis").joinpath("lua", f"{part}.lua") for part in ("common", name))
    common, own = (path.read_text("utf-8") for path in paths)
    text = f"{known}{common}return run(function()\n{own}end)"
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), writes)


INSERT = _load("insert")
UPDATE = _load("update")
LIST = _load("list", writes=False)
PURGE = _load("purge")
EXAMINE = _load("examine")
