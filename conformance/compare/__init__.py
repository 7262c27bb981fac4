"""`conformance compare A B`: does my memory mode behave like my Redis mode?

Two subjects are given the same calls, step by step, and whatever differs comes out: in value, type, exception or order,
or because what a side hands out is still connected to what it keeps. Nothing is assumed of the operations: a harness
names its own in a hook `operations()` that returns `Operation`s; without the hook they are the five of our contract.
Ids are matched, not compared, and so are times, of which only presence, type and zone count. What subjects declare
(persistence, sharing, expiry) does not show within one short-lived instance, and is no difference here.
"""

from conformance.compare.difference import Difference, Kind
from conformance.compare.operation import WHOLE, EarlierId, Operation, earlier_ids
from conformance.compare.search import Search, compare

__all__ = ["WHOLE", "Difference", "EarlierId", "Kind", "Operation", "Search", "compare", "earlier_ids"]
