"""Contended histories: several clients on the same few tasks, and a checker that looks for an order that explains them.

`workload` draws what clients are to call, `contention` lets them (`client`, and `worker` in another process), `history`
is what they note, `judge` holds it against the model through `engine.order`, `contradiction` makes a contradiction
short, `reproduction` makes it again, `script` writes it down, and `run` does all of this many times. Nothing is
imported here: a process with clients needs little of it.
"""
