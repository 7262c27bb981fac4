"""A shared pytest suite that decides whether a task store keeps the contract, alike in both of its modes.

`conformance run --store memory --store embedded` runs it. Point it at a store of your own with a `Harness`.
"""

from conformance.adapter import Adapter, Call, Raise
from conformance.harness import Capability, Harness, HookMissingError, Inspector
from conformance.suite import run

__all__ = ["Adapter", "Call", "Capability", "Harness", "HookMissingError", "Inspector", "Raise", "run"]
