"""`conformance compare A B`: does my memory mode behave like my Redis mode?

Two stores are given the same calls, step by step, and whatever differs comes out: in value, type, exception or order,
or because what a side hands out is still connected to what it keeps. Nothing is assumed of the operations: a harness
names its own in a hook `operations()` that returns `Operation`s, or one of the profiles.
"""

from conformance.compare.operations import hostile
from conformance.compare.operations.operation import WHOLE, EarlierId, Operation, earlier_ids
from conformance.compare.operations.profiles import key_value, tasks

__all__ = ["WHOLE", "EarlierId", "Operation", "earlier_ids", "hostile", "key_value", "tasks"]
