"""A shared pytest suite that decides whether a task store keeps the contract, alike in both of its modes.

`conformance run --store memory --store embedded` runs it. Point it at a store of your own with a `Harness`.
`conformance compare` and `parity` ask of any two stores whether they behave alike.
"""

from collections.abc import Callable
from pathlib import Path

from conformance.harness import Capability, Harness, HookMissingError, Inspector

__all__ = ["Capability", "Harness", "HookMissingError", "Inspector", "parity"]


def parity(
    one: Callable[[], Harness],
    other: Callable[[], Harness],
    *,
    known: str | Path | None = None,
) -> Callable[..., None]:
    """Return a test function that compares two stores: a test for each operation, and one named `coverage`.

    Assign it to a name that begins with `test_`. There is one search for all of them.

    Args:
        one: a harness class, or a function that returns a harness.
        other: likewise.
        known: a file of accepted differences, as `conformance compare --known` takes it; it need not be there yet.

    Raises:
        OperationsError: if the operations that the harness names cannot be used.
    """
    from conformance.compare.parity import parity_test  # Hypothesis takes a moment

    return parity_test(one, other, known=known)
