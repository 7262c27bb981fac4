"""The pytest plugin of the suite: every case runs on each subject, and the results are written as JSON.

`taskstore_conformance_plugin` declares the options, and registers this module in a run that asks for the suite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conformance.case import NoVerdictError, Subject, only_own_verdicts, probe
from conformance.files import FileError, check_writable, remove_file
from conformance.results.record import SEED, Recorder
from conformance.subjects.registry import (
    UnknownSubjectError,
    find_subject,
    find_subjects,
    shown_name,
    subjects_of_this_machine,
)

_CASES = Path(__file__).parent / "cases"
_DEFAULT_STORES = ("memory", "embedded")
RECORDER = "conformance-recorder"
"""The name of the plugin that gathers the verdicts."""


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything is collected. Results of an earlier run are removed first."""
    is_worker = hasattr(config, "workerinput")
    names: list[str] = config.getoption("conformance_store")
    if "all" in names:
        names[:] = [*subjects_of_this_machine(), *(name for name in names if name != "all")]
    try:
        for option, prepare in (("json", remove_file), ("write_known", check_writable)):
            file = config.getoption(f"conformance_{option}")
            if file and not is_worker and not config.getoption("help"):
                prepare(file)
        with only_own_verdicts():
            shown = list(find_subjects(_subjects(config)))
        config.pluginmanager.register(Recorder(config, shown), RECORDER)
    except (FileError, UnknownSubjectError, NoVerdictError) as fault:
        raise pytest.UsageError(str(fault)) from None
    if not is_worker:
        _ask_servers(config)
    if (seconds := config.getoption("conformance_timeout")) is not None and not seconds >= 0:
        raise pytest.UsageError(f"a timeout of {seconds} s means nothing")


def _ask_servers(config: pytest.Config) -> None:
    """Ask the servers that are named whether they are there."""
    for name in _subjects(config):
        if "://" in name:
            from conformance.subjects.servers import NamedServer, ServerError

            try:
                with NamedServer(name):
                    pass
            except ServerError as fault:
                raise pytest.UsageError(f"{shown_name(name)}: {fault}") from None


def _subjects(config: pytest.Config) -> list[str]:
    return list(dict.fromkeys(config.getoption("conformance_store") or _DEFAULT_STORES))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the cases whatever `python_files` of the project at hand says."""
    if file_path.parent == _CASES and file_path.suffix == ".py" and file_path.name != "__init__.py":
        module: pytest.Module = _CaseModule.from_parent(parent, path=file_path)
        return module
    return None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave everything else of this package alone, whatever `python_files` of the project at hand says."""
    aside = collection_path.is_relative_to(_CASES.parent) and not collection_path.is_relative_to(_CASES)
    return True if aside and collection_path.suffix == ".py" else None


class _CaseModule(pytest.Module):
    """A module of cases, whatever `python_functions` of the project at hand says."""

    def funcnamefilter(self, name: str) -> bool:
        return name.startswith("test_")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case on each subject, one subject after the other."""
    if _is_ours(metafunc.function):
        names = _subjects(metafunc.config)
        shown = [shown_name(name) for name in names]
        metafunc.parametrize("conformance_subject", names, ids=shown, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop tests that were collected twice, and put the chapters first, which find most.

    `-k LIST-03` selects the cases that decide that requirement. Refuse to run where assertions are switched off.
    """
    cases = {item.nodeid: item for item in items if _is_ours(getattr(item, "function", None))}
    for item in cases.values():
        case = getattr(item.function, "conformance_case", None)  # type: ignore[attr-defined]  # a test is a Function
        item.extra_keyword_matches.update(case.requirements if case else ())
    items[:] = [item for item in items if cases.get(item.nodeid, item) is item]
    items.sort(key=lambda item: cases.get(item.nodeid) is not item or item.path.stem != "chapters")
    if cases and (not __debug__ or config.getoption("assertmode") != "rewrite"):
        raise pytest.UsageError("conformance decides by assertions: run without -O, and without --assert=plain")


@pytest.fixture(scope="session")
def conformance_subject(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The subject, with what it needs running from its first case to its last."""
    from conformance.calibration import calibrate

    shown = shown_name(request.param)
    with only_own_verdicts(), ExitStack() as stack:
        try:
            with only_own_verdicts():
                harness = find_subject(request.param)()
                stack.enter_context(harness.running())
                facts = {str(name): str(value) for name, value in harness.facts().items()}
                broken = probe(harness)
                unjudged = {} if broken else calibrate(harness)
        except Exception as fault:  # noqa: BLE001  whatever an adopter's factory raises is a result
            reason = f"{type(fault).__name__}: {fault}"
            pytest.fail(f"subject {shown} could not be set up: {reason}", pytrace=False)
        seed = request.config.getoption("conformance_seed") or SEED
        depth = request.config.getoption("conformance_depth") or "default"
        yield Subject(shown, harness, facts, seed, broken, depth=depth, unjudged=unjudged)


def _is_ours(function: Callable[..., Any] | None) -> bool:
    return hasattr(function, "conformance_case") or hasattr(function, "conformance_chapter")
