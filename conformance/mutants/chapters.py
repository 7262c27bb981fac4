"""Every mutant, chapter by chapter."""

from conformance.mutants import (
    atomicity,
    care,
    connection,
    durability,
    expiry,
    failure,
    identity,
    lifecycle,
    listing,
    modes,
    values,
)
from conformance.mutants.mutant import REGISTERED

CHAPTERS = (values, lifecycle, atomicity, listing, expiry, identity, durability, failure, connection, modes, care)
MUTANTS = tuple(sorted(REGISTERED, key=lambda one: (one.name, one.on)))
"""What importing the chapters has registered."""
