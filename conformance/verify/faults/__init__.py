"""Faults of the connection, the server and the caller, each on every operation of a store in Redis mode.

`connection`, `server` and `caller` hold the faults, `operations` what they happen to, `scenario` what has to hold when
one fault meets one operation, and `run` plays all of them.
"""
