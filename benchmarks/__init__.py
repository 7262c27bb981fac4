"""How long a store's operations take: our two modes and the documented design's two, timed inside a running loop.

`python -m benchmarks [--quick | --full]` measures it all, and then makes the studies (`benchmarks.studies`). For a
look, `pytest benchmarks --benchmark-only`, with `-k memory` say, shows pytest-benchmark's table of one block. Start
reading at `conformance.measure.clock` and `timing`, then `benchmarks.run`. A figure is the seconds of one awaited call,
as a caller inside a running application waits.

* A run starts its servers and fills them once: a private process; and a container, where an engine answers, by its
  published port.
* It then measures in blocks, each a new process with one loop and one client per namespace, kept warm; in each the
  order is another one. What differs between processes is so part of what is seen. Memory mode is filled anew for each
  benchmark.
* Redis: one call per round, so the tails are those of calls. Memory: as many calls per round as take 1 ms, at most 500,
  and the mean per call, so that reading the clock does not count; tails there are tails of means.
* Before each round of Redis mode one PING is timed, through the same client. Each block measures the floors too.
* In Redis mode tasks are created in a namespace of their own, which grows from block to block by what was created.
* The garbage collector stays on, as in an application.
* Every answer that ends a round is checked. A wrong one fails the run, and leaves no figure.
"""
