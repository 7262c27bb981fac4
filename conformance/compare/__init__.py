"""`conformance compare A B`: does my memory mode behave like my Redis mode?

Two stores are given the same calls, and whatever differs comes out: in value, type, exception or order, or because what
a store hands out is still connected to what it keeps. Nothing is assumed of the operations: a harness names its own in
a hook `operations()` that returns `Operation`s.
"""

from conformance.operations import hostile
from conformance.operations.operation import WHOLE, EarlierId, Operation, earlier_ids

__all__ = ["WHOLE", "EarlierId", "Operation", "earlier_ids", "hostile"]
