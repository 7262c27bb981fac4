"""Contended histories: several clients on the same few tasks, and a checker that looks for an order that explains them.

`workload` draws the calls, `contention` lets clients make them (`client`, and `process` for those in other processes),
`history` is what they record, `judge` compares it with the model through `engine.order`, `contradiction` makes a
contradiction short, `reproduction` makes it again, and `run` does all of this many times.
"""
