"""The pytest plugin of the suite: every case runs on each subject, and the results are written as JSON.

`taskstore_conformance_plugin` declares the options, and registers this module in a run that asks for the suite.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from conformance.baseline import BaselineError
from conformance.results import Results, seed_of, shared_folder_of

# pytest marks what the wheel lists; an editable install lists nothing, and its failures would say "AssertionError".
pytest.register_assert_rewrite("conformance.cases")

_CASES = Path(__file__).parent / "cases"
_DEFAULT_STORES = ("memory", "embedded")


def pytest_configure(config: pytest.Config) -> None:
    """Check the names of the subjects before anything is collected."""
    names: list[str] = config.getoption("conformance_store")
    if names:
        from conformance.subjects.registry import UnknownSubjectError, find_subject, subjects_of_this_machine

        if "all" in names:
            names[:] = [*subjects_of_this_machine(), *(name for name in names if name != "all")]
        for name in names:
            try:
                find_subject(name)
            except UnknownSubjectError as fault:
                raise pytest.UsageError(f"--conformance-store: {fault}") from None
    try:
        config.pluginmanager.register(Results(config), "conformance-results")
    except BaselineError as fault:
        raise pytest.UsageError(f"--conformance-baseline: {fault}") from None


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
    if _case_of(metafunc.function) is not None:
        from conformance.subjects.registry import shown_name

        names = list(dict.fromkeys(metafunc.config.getoption("conformance_store") or _DEFAULT_STORES))
        shown = [shown_name(name) for name in names]
        metafunc.parametrize("conformance_subject", names, ids=shown, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop cases that were collected twice; refuse to run where assertions are switched off."""
    cases = {item.nodeid: item for item in items if _case_of(getattr(item, "function", None)) is not None}
    items[:] = [item for item in items if cases.get(item.nodeid, item) is item]
    if cases and (not __debug__ or config.getoption("assertmode") != "rewrite"):
        raise pytest.UsageError("conformance decides by assertions: run without -O, and without --assert=plain")


@pytest.fixture(scope="session")
def conformance_subject(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The subject, with what it needs running from its first case to its last."""
    from conformance.case import Subject, probe
    from conformance.subjects.registry import find_subject, shown_name

    shown = shown_name(request.param)
    with ExitStack() as stack:
        try:
            harness = find_subject(request.param)()
            stack.enter_context(harness.running())
            facts = dict(harness.facts())
            broken = probe(harness)
        except Exception as fault:  # noqa: BLE001  whatever an adopter's factory raises is a result
            reason = f"{type(fault).__name__}: {fault}"
            pytest.fail(f"subject {shown} could not be set up: {reason}", pytrace=False)
        seed = seed_of(request.config)
        tour = cache(partial(_tour, harness, seed, shown, request.config))
        yield Subject(shown, harness, facts, seed, broken, tour)


def _tour(harness: Any, seed: int, shown: str, config: pytest.Config) -> Any:
    """Run the tour on a subject, or read what another worker of pytest-xdist found on it."""
    from conformance.tour.run import Tour, run

    folder = shared_folder_of(config)
    if folder is None:
        return asyncio.run(run(harness, seed))
    from filelock import FileLock

    file = folder / f"{hashlib.sha256(shown.encode()).hexdigest()}.json"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            file.write_text(asyncio.run(run(harness, seed)).model_dump_json(), "utf-8")
    return Tour.model_validate_json(file.read_bytes())


def _case_of(function: Callable[..., Any] | None) -> Any:
    return getattr(function, "conformance_case", None)
