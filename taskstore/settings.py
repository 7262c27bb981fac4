"""Settings: from the environment, else from `.env`, else the defaults. Read once, at opening."""

import contextlib
import logging
import os
import re
from io import StringIO
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from dotenv.parser import parse_stream
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from taskstore.address import parse
from taskstore.errors import SettingsInvalid

_log = logging.getLogger("taskstore")


def _check_host(host: str) -> str:
    if re.fullmatch(r"[^\[\]\s/?#@:\ud800-\udfff]+", host):
        return host
    without_brackets = re.sub(r"^\[(.*)\]$", r"\1", host)
    with contextlib.suppress(ValueError):
        return f"[{IPv6Address(without_brackets)}]"
    raise ValueError("must be a host name or an IP address, without a port")


def _check_url(url: SecretStr) -> SecretStr:
    parse(url.get_secret_value())
    return url


class TaskStoreSettings(BaseSettings):
    """What a store is opened with. Each field is the variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    use_redis_for_tasks: bool = False
    """Redis mode if true, memory mode if false or unset."""
    redis_host: Annotated[str, AfterValidator(_check_host)] = "localhost"
    redis_port: Annotated[int, Field(ge=1, le=65_535)] = 6379
    redis_db: Annotated[int, Field(ge=0, le=999_999_999)] = 0
    redis_url: Annotated[SecretStr, AfterValidator(_check_url)] | None = None
    """A URL, as docs/store.md describes. Replaces host, port and database, and the credentials that it holds itself."""
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_connect_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    """Seconds until a connection stands."""
    redis_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    """Seconds until a reply, or a free connection."""
    redis_wait_replicas: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Replicas that have to have a write before it is acknowledged."""
    redis_wait_milliseconds: Annotated[int, Field(ge=1, le=3_600_000)] = 1_000
    """How long they may take; no longer than `redis_timeout`."""
    task_key_prefix: Annotated[str, Field(pattern=r"^[^{}]+$")] = "taskstore"
    task_ttl: Annotated[int, Field(ge=1, le=3_155_760_000)] = 7 * 24 * 3600
    """Seconds that a task lives in Redis after the last write to it."""
    task_partitions: Annotated[int, Field(ge=1, le=1_024)] = 1
    """Among how many hash tags the tasks are spread in Redis. Another number has other keys, and so other tasks."""

    def __init__(self, _env_file: str | Path | None = ".env", **values: Any) -> None:
        """Take each setting from `values`, else from the environment, else from `_env_file`.

        Raises:
            SettingsInvalid: naming each malformed setting, and each malformed line of the file.
        """
        lines, problems = ({}, []) if _env_file is None else _read(Path(_env_file))
        for name in os.environ:
            lines.pop(name.lower(), None)
        try:
            super().__init__(_env_file=None, **(lines | values))
        except ValidationError as fault:
            for error in fault.errors(include_url=False, include_context=False, include_input=False):
                problems.append((str(error["loc"][0]).upper(), error["msg"].removeprefix("Value error, ")))
        if problems:
            del lines, values  # a traceback may show the variables of this function
            raise SettingsInvalid(tuple(problems))

    @property
    def storage_mode(self) -> str:
        """`redis` or `memory`."""
        return "redis" if self.use_redis_for_tasks else "memory"

    @property
    def url(self) -> str:
        """Where Redis is. May hold a password."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        return f"redis://{quote(self.redis_host, safe='[:]')}:{self.redis_port}/{self.redis_db}"


def _read(env_file: Path) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the settings in a file of `NAME=value` lines, and what is wrong with it. `${...}` is not replaced."""
    values: dict[str, str] = {}
    problems = []
    try:
        text = env_file.read_text("utf-8-sig")
    except (OSError, UnicodeError) as error:
        if env_file != Path(".env") or not isinstance(error, FileNotFoundError):
            problems.append((str(env_file), f"cannot be read: {getattr(error, 'strerror', 'it is not UTF-8 text')}"))
        return values, problems
    for key, value, original, is_wrong in parse_stream(StringIO(text)):
        name = (key or "").lower()
        line = original.line + original.string.rstrip().count("\n")
        if is_wrong or (key and value is None):
            problems.append((f"{env_file}, line {line}", "must be NAME=value, with every quote closed"))
        elif value is not None and name in TaskStoreSettings.model_fields:
            if name in values:
                _log.warning("%s is set again in %s, line %d; the last value is used", name.upper(), env_file, line)
            values[name] = value
    return values, problems
