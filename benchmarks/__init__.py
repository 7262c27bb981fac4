"""How long a store's operations take: our two modes and the documented design's two, timed inside a running loop.

`python -m benchmarks [--quick | --full]` measures it all, and then makes the studies (`benchmarks.studies`). For a
look, `pytest benchmarks --benchmark-only`, with `-k memory` say, shows pytest-benchmark's table of one block. Start
reading at `conformance.measure`, which does the timing, then `benchmarks.run`. A figure is the seconds of one awaited
call, as a caller inside a running application waits.

* A run starts its servers once: a private process; and a container, where an engine answers, by its published port.
* It then measures in blocks, each a new process with one loop, in which every subject is filled and measured in an
  order of its own. What differs between processes is so part of what is seen.
* Redis: one call per round, so the tails are those of calls. Memory: as many calls per round as take 1 ms, at most 500,
  and the mean per call, so that reading the clock does not count; single calls are timed besides.
* Before each round of Redis mode one PING is timed, through the same client. Each block measures the floors too.
* The garbage collector stays on, as in an application.
* Every answer that ends a round is checked. A wrong one fails the run, and leaves no figure.
"""
