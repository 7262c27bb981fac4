"""`conformance compare A B`: does my memory mode behave like my Redis mode?

Two stores are given the same calls, and whatever differs comes out. A harness names its operations in a hook
`operations()` that returns `Operation`s.
"""

from conformance.operations import hostile
from conformance.operations.operation import WHOLE, EarlierId, Operation, earlier_ids

__all__ = ["WHOLE", "EarlierId", "Operation", "earlier_ids", "hostile"]
