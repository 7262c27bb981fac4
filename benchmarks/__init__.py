"""How long a store's operations take: our two modes and the documented design's two, timed inside a running loop.

`python -m benchmarks [--quick | --full]` measures it all, and then makes the studies (`benchmarks.studies`). For a
look, `pytest benchmarks --benchmark-only`, with `-k memory` say, shows pytest-benchmark's table of one block. Start
reading at `conformance.measure.timing`, then `benchmarks.latencies`. A figure is the seconds of one awaited call, as a
caller inside a running application waits.

* A run starts its servers once: a private process; and a container, where an engine answers, by its published port.
* It then measures in blocks, each a new process in which every backend is filled and measured, in an order of its own.
* In each block a PING is timed too, through the client of each store of Redis mode.
* Every answer that ends a round is checked. A wrong one fails the run, and leaves no figure.
"""
