"""The checks, played on a store."""

from collections.abc import Collection

from conformance.backends.registry import find_backend
from conformance.backends.servers import ServerError
from conformance.guard import HarnessFailedError, guarded
from statements import servers, settings, tasks  # noqa: F401  they register their checks
from statements.check import CHECKS
from statements.document import CheckResult


def play_store(names: Collection[str], store: str) -> tuple[str, list[CheckResult]]:
    """Play those of the checks that are about the store's mode; say on which server it was."""
    harness = guarded(find_backend(store)())
    chosen = [name for name in names if harness.mode in CHECKS[name].modes]
    try:
        with harness.running():
            return harness.facts().get("server", ""), [CHECKS[name].play(name, store, harness) for name in chosen]
    except (ServerError, HarnessFailedError) as fault:
        reason = str(fault.__cause__ or fault)  # what the harness raised, where it was the harness
        return "", [CheckResult(check=name, store=store, verdict="not-testable", came=reason) for name in chosen]
