"""Every mutant, chapter by chapter."""

from conformance.mutants import (
    atomicity,
    connection,
    durability,
    expiry,
    failure,
    identity,
    lifecycle,
    listing,
    maintenance,
    modes,
    values,
)
from conformance.mutants.mutant import REGISTERED

CHAPTERS = (
    values,
    lifecycle,
    atomicity,
    listing,
    expiry,
    identity,
    durability,
    failure,
    connection,
    modes,
    maintenance,
)
MUTANTS = tuple(sorted(REGISTERED, key=lambda one: (one.name, one.on)))
"""What importing the chapters has registered."""
