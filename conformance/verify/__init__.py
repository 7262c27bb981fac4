"""`conformance verify`: whether stores do what the model allows, beyond the scenes of the tour.

Random scenes (`search`, drawn by `drawn`) and every short sequence of calls (`walk`) are played by the engine
(`scenes`). `histories` are those of concurrent callers, `faults` those of the connection, the server and the caller.
`jobs` distributes the parts among processes, `summary` adds up their results, `failures` plays again what failed, and
`document` is the form of the results. `shrink` is how each part makes what it found shorter.
"""
