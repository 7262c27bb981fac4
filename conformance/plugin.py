"""The pytest plugin of the suite: every case runs on each backend, and the results are written as JSON.

`taskstore_conformance_plugin` declares the options, and registers this module in a run that asks for the suite.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from conformance.backends.registry import backends_of_this_machine, find_backend, shown_name
from conformance.files import CommandFailedError, make_folder, write_file
from conformance.results.plan import Plan
from conformance.results.progress import Progress
from conformance.results.record import Recorder
from conformance.tasks.case import Backend, NoVerdictError, only_own_verdicts, probe
from conformance.text import described

_CASES = Path(__file__).parent / "tasks" / "cases"
_BACKEND = "conformance_backend"


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything is collected. What an earlier run has written is emptied first."""
    option = config.option
    given = option.conformance_store or ["memory", "embedded"]
    meant = [backends_of_this_machine() if name == "all" else [name] for name in given]
    option.conformance_store = [*dict.fromkeys(chain.from_iterable(meant))]
    is_worker = hasattr(config, "workerinput")
    try:
        if not is_worker and not option.help:
            if option.conformance_json:
                write_file(option.conformance_json, "")
            if option.conformance_scripts:
                make_folder(option.conformance_scripts)
        with only_own_verdicts():
            for name in option.conformance_store:
                find_backend(name)
        plan = Plan(option)
    except (CommandFailedError, NoVerdictError) as fault:
        raise pytest.UsageError(str(fault)) from None
    config.pluginmanager.register(Recorder(plan))
    if not is_worker:
        config.pluginmanager.register(Progress(plan))
    config.addinivalue_line("python_files", str(_CASES / "*.py"))


class _CaseModule(pytest.Module):
    """A module of cases, whatever `python_functions` of the project at hand says."""

    def funcnamefilter(self, name: str) -> bool:
        return name.startswith("test_")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the cases by their names."""
    return _CaseModule.from_parent(parent, path=module_path) if module_path.parent == _CASES else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case on each backend, one backend after the other."""
    if _BACKEND in metafunc.fixturenames:
        names = metafunc.config.option.conformance_store
        metafunc.parametrize(_BACKEND, names, ids=map(shown_name, names), indirect=True, scope="session")


@pytest.fixture(scope="session")
def conformance_backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The backend, with what it needs running from its first case to its last."""
    from conformance.tasks.calibration import calibrate

    shown = shown_name(request.param)
    option = request.config.option
    with ExitStack() as stack:
        try:
            with only_own_verdicts():
                harness = find_backend(request.param)()
                stack.enter_context(harness.running())
                facts = {str(name): str(value) for name, value in harness.facts().items()}
                broken = probe(harness)
                if not broken:
                    calibrate(harness)
        except Exception as fault:  # noqa: BLE001  whatever an adopter's factory raises is a result
            reason = f"backend {shown} could not be set up: {described(fault)}"
            raise pytest.fail.Exception(reason, pytrace=False) from None
        yield Backend(
            shown,
            harness,
            facts,
            broken,
            depth=option.conformance_depth,
            only=option.conformance_only,
            stops_early=not option.conformance_known,
        )
