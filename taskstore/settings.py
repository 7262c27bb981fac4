"""Settings: from the environment, else from `.env`, else the defaults. Read once, at opening."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from taskstore.errors import SettingsInvalid

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_log = logging.getLogger("taskstore")


class TaskStoreSettings(BaseSettings):
    """What a store is opened with. Each field is the variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    use_redis_for_tasks: bool = False
    """Redis mode if true, memory mode if false or unset."""
    redis_host: Annotated[str, Field(min_length=1)] = "localhost"
    redis_port: Annotated[int, Field(ge=1, le=65_535)] = 6379
    redis_db: Annotated[int, Field(ge=0)] = 0
    redis_url: SecretStr | None = None
    """redis://, rediss:// or unix://; stands for host, port and database together."""
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_connect_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    """Seconds until a connection stands."""
    redis_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    """Seconds until a reply, or a free connection."""
    task_key_prefix: Annotated[str, Field(pattern=r"^[^{}]+$")] = "taskstore"
    task_ttl: Annotated[int, Field(ge=1, le=3_155_760_000)] = 7 * 24 * 3600
    """Seconds that a task lives in Redis after the last write to it."""

    @classmethod
    def load(cls, env_file: str | Path = ".env") -> Self:
        """Read the settings, and say it if `.env` gives one of them twice: the last counts.

        Raises:
            SettingsInvalid: naming every malformed one.
        """
        try:
            settings = cls(_env_file=env_file)
        except ValidationError as fault:
            raise SettingsInvalid(tuple(_problem(error) for error in fault.errors())) from None
        except UnicodeDecodeError:
            raise SettingsInvalid(((str(env_file), "is not UTF-8 text"),)) from None
        _say_twice_given(Path(env_file))
        return settings

    @field_validator("redis_url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url.get_secret_value())
            known = parts.scheme in ("redis", "rediss", "unix") and (parts.port is None or parts.port > 0)
        except ValueError:
            known = False
        if not known or not (parts.path.strip("/").isdigit() or parts.path in ("", "/") or parts.scheme == "unix"):
            raise ValueError("must look like redis://host:port/db, rediss://host:port/db or unix://path")
        return url

    @property
    def storage_mode(self) -> str:
        """`redis` or `memory`."""
        return "redis" if self.use_redis_for_tasks else "memory"

    @property
    def url(self) -> str:
        """Where Redis is, as redis-py reads it. May hold a password."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
        return f"redis://{host}:{self.redis_port}/{self.redis_db}"

    @property
    def lifetime(self) -> timedelta:
        """`task_ttl` as a time."""
        return timedelta(seconds=self.task_ttl)


def address_of(url: str) -> str:
    """What a Redis URL may be called where others read it: without credentials."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix:{parts.path}"
    host = parts.hostname or "localhost"
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 6379}/{parts.path.strip('/') or 0}"


def _problem(error: ErrorDetails) -> tuple[str, str]:
    name = ".".join(map(str, error["loc"])).upper() or "SETTINGS"
    return name, error["msg"].removeprefix("Value error, ")


def _say_twice_given(env_file: Path) -> None:
    if not env_file.is_file():
        return
    lines: dict[str, list[int]] = {}
    with env_file.open(encoding="utf-8") as stream:
        for binding in parse_stream(stream):
            if binding.key is not None and binding.key.lower() in TaskStoreSettings.model_fields:
                text = binding.original.string  # begins with the blank lines before it
                blank = text[: -len(text.lstrip())].count("\n")
                lines.setdefault(binding.key.upper(), []).append(binding.original.line + blank)
    for name, places in lines.items():
        if len(places) > 1:
            shown = ", ".join(map(str, places))
            _log.warning("%s stands %d times in %s (lines %s): the last counts", name, len(places), env_file, shown)
