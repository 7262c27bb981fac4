"""What pytest loads of this package in every project where it is installed: the options, and nothing else.

The suite itself, `conformance.plugin`, is imported only in a run that asks for it: by one of these options, or by
collecting the package with `pytest --pyargs conformance`. Other runs are left as they are.
"""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

_PACKAGE = "conformance"
_PREFIX = "--conformance-"


OPTIONS: dict[str, dict[str, Any]] = {
    "store": {
        "action": "append",
        "default": [],
        "metavar": "NAME",
        "help": "a backend: memory, memory-expiring, fakeredis, embedded, container, documented-memory, "
        "documented-redis, partitioned, a redis:// URL, "
        "module:name of a Harness, or all (the first seven, as far as this machine can run them); repeat for more "
        "(default: memory and embedded)",
    },
    "depth": {
        "choices": ("smoke", "default", "full"),
        "default": "default",
        "help": "how much is played: seconds, or minutes (full)",
    },
    "only": {
        "action": "append",
        "default": [],
        "metavar": "NAME",
        "help": "play only this, as a failure names it: a requirement (VAL-02), a scenario (races-3), or a case; "
        "repeat for more; the status is as with --partial",
    },
    "json": {"metavar": "FILE", "type": Path, "help": "write the results to FILE"},
    "scripts": {
        "metavar": "FOLDER",
        "type": Path,
        "help": "write what shows each failure to FOLDER, as files that run as they stand",
    },
    "known": {"metavar": "FILE", "type": Path, "help": "read known failures and hooks that cannot be given (TOML)"},
    "write-known": {"metavar": "FILE", "type": Path, "help": "write failures, gaps and missing hooks to FILE"},
    "level": {
        "choices": ("MUST", "SHOULD"),
        "default": "MUST",
        "help": "the level from which a failure fails the run (default: MUST)",
    },
    "partial": {
        "action": "store_true",
        "default": False,
        "help": "a part of the suite is meant: what is not selected or reached does not make the exit status 6",
    },
    "timeout": {
        "metavar": "SECONDS",
        "type": float,
        "default": 300.0,
        "help": "end a test that takes so long (default: 300; 0: never)",
    },
}
"""The options of `conformance run`. Those of pytest have a prefix."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite. They are described in full in ADOPTING.md."""
    group = parser.getgroup(_PACKAGE, "conformance of task stores (pytest --pyargs conformance)")
    for name, option in OPTIONS.items():
        group.addoption(_PREFIX + name, **option)


def pytest_configure(config: pytest.Config) -> None:
    """Import the suite if this run asks for it.

    Raises:
        pytest.UsageError: if another file named `conformance` hides the installed one from a run with its options.
    """
    options = [name for name, option in OPTIONS.items() if config.getoption(_PREFIX + name) != option.get("default")]
    if not options and not collects_suite(config):
        return
    origin = getattr(find_spec(_PACKAGE), "origin", None)
    if origin == str(Path(__file__).parent / _PACKAGE / "__init__.py"):
        # pytest marks what the wheel lists; an editable install lists nothing: its failures would say "AssertionError".
        pytest.register_assert_rewrite(f"{_PACKAGE}.tasks.cases")
        config.pluginmanager.register(importlib.import_module(f"{_PACKAGE}.plugin"), f"{_PACKAGE}.plugin")
    elif options:
        raise pytest.UsageError(f"{_PREFIX}{options[0]}: {origin} hides the installed {_PACKAGE}")


def collects_suite(config: pytest.Config) -> bool:
    """Whether the arguments of pytest name the suite."""
    return config.option.pyargs and any(re.match(rf"{_PACKAGE}(\.|::|$)", argument) for argument in config.args)
