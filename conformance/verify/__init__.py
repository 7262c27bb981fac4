"""`conformance verify`: that stores do what the model allows, beyond the scenes that are planned.

Random scenes (`search`, drawn by `drawn`) and every short sequence of calls (`walk`) are played by the engine
(`scenes`). `histories` are those of concurrent callers, `faults` those of the connection, the server and the caller.
`jobs` shares all of it out among processes, `summary` says what came of each part, `failures` plays again what failed,
and `document` is the form of what comes of it.
"""
