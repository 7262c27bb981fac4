"""What mutants are made of: a right store with something before it, or the Redis store with an edited script."""

from __future__ import annotations

from hashlib import sha1
from typing import Any, ClassVar, Self

from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import Script


class Wrapper:
    """A right store, of either mode. What a subclass does not define passes through."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Scripted(RedisTaskStore):
    """The Redis store with other scripts in place of some."""

    scripts: ClassVar[dict[Script, Script]] = {}

    async def _run(self, script: Script, *arguments: Any, **named: Any) -> Any:
        return await super()._run(self.scripts.get(script, script), *arguments, **named)


def edited(script: Script, old: str, new: str) -> Script:
    """The script with one place changed, which must be there exactly once."""
    if (found := script.text.count(old)) != 1:
        raise ValueError(f"the script has {found} places, not one, that read {old!r}")
    text = script.text.replace(old, new)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), script.writes)
