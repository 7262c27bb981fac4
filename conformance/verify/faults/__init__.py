"""Faults of the connection, the server and the caller, each on every operation of a store in Redis mode.

`connection`, `server` and `caller` are the faults, `operations` says what they happen to, `scenario` is what one fault
on one operation is played in and what has to hold, and `run` plays all of them. The proxy is `verify.proxy`.
"""
