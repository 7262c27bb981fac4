"""Mutants that are written by hand, since a public bug is their source or no operator makes them; and the controls."""

from conformance.mutants.mutant import REGISTERED
from conformance.mutants.written import lifetimes, operations, servers, settings
from conformance.mutants.written.controls import CONTROLS

__all__ = ["CONTROLS", "MUTANTS", "lifetimes", "operations", "servers", "settings"]

MUTANTS = tuple(sorted(REGISTERED, key=lambda one: (one.name, one.on)))
"""What importing the modules has registered."""
