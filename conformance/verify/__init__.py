"""`conformance verify`: that stores do what the model allows, beyond the scenes that are planned.

Random scenes (`search`, drawn by `drawn`), every short sequence of calls (`walk`), contended histories (`histories`),
and faults of the connection, the server and the caller (`faults`). `document` is the form of what comes of it.
"""
