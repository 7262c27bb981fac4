"""Adapters: how the suite calls a store with other names than ours, and reads what that store returns.

An adapter is a table. Nothing is rebuilt: what the suite gets is a view of the store's own object, so that a caller's
change of it, a time without a zone and a value of a wrong type are seen as the store's callers see them.
"""

from conformance.adapter.calls import Call, Raise
from conformance.adapter.store import AdaptedStore, Adapter

__all__ = ["AdaptedStore", "Adapter", "Call", "Raise"]
