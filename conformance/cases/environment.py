"""An application's surroundings, for the time of a block: environment, working directory, `.env` and log file."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from conformance.case import Namespace

_OURS = ("USE_REDIS_FOR_TASKS", "REDIS_", "TASK_")


@contextlib.contextmanager
def surroundings(variables: Mapping[str, str], dotenv: str = "") -> Iterator[Path]:
    """Set exactly these of the store's variables, and work in a new folder with that `.env`; give the log file.

    The log is that of an application which logs at INFO in the form `LEVEL message`.
    """
    before = dict(os.environ)
    root = logging.getLogger()
    level = root.level
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, contextlib.chdir(folder):
        Path(".env").write_text(dotenv, "utf-8")
        log = Path(folder, "app.log")
        handler = logging.FileHandler(log, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        for name in before:
            if name.upper().startswith(_OURS):
                del os.environ[name]
        os.environ.update(variables)
        try:
            yield log
        finally:
            os.environ.clear()
            os.environ.update(before)
            root.setLevel(level)
            root.removeHandler(handler)
            handler.close()


def elsewhere(namespace: Namespace, redis: Mapping[str, str]) -> AbstractContextManager[Path]:
    """Surroundings that select the mode of the subject, with these variables about Redis and no others."""
    given = namespace.harness.environment(namespace.name)
    return surroundings({name: value for name, value in given.items() if not name.startswith("REDIS_")} | {**redis})


@contextlib.contextmanager
def application(namespace: Namespace, variables: Mapping[str, str] | None = None, dotenv: str = "") -> Iterator[Path]:
    """Surroundings that select the subject, and what else is given."""
    with surroundings({**namespace.harness.environment(namespace.name), **(variables or {})}, dotenv) as log:
        yield log
