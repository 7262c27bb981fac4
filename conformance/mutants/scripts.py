"""The Redis store with a line of its scripts changed."""

from __future__ import annotations

from hashlib import sha1
from typing import Any, ClassVar

from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import Script


class Scripted(RedisTaskStore):
    """The Redis store with other scripts in place of some."""

    scripts: ClassVar[dict[Script, Script]] = {}

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        return await super()._run(self.scripts.get(script, script), *arguments, **named)


def edited(script: Script, old: str, new: str) -> Script:
    """The script with one place changed, which must be there exactly once."""
    if (found := script.text.count(old)) != 1:
        raise ValueError(f"the script has {found} places, not one, that read {old!r}")
    text = script.text.replace(old, new)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), script.writes)
