"""How long a store's operations take: our two modes and the described design's two, timed inside a running loop.

`python -m pytest benchmarks --benchmark-json=reports/out/benchmark.json --quick` runs them all. Start reading at
`benchmarks.clock`. A figure is the seconds of one awaited call, as a caller inside a running application waits. Beside
each stand a bare PING through the same kind of client, and an awaited function that does nothing: the floor.

* Redis: one call per round, so the tails are those of calls. Memory: as many calls per round as take 1 ms, at most 500,
  and the mean per call, so that reading the clock does not count; tails there are tails of means.
* Rounds: as many as the depth asks for, fewer where they would take too long, at least nine.
* Subjects are measured one after another. Beside each round of Redis mode one PING is timed, through the same client.
* The garbage collector stays on, as in an application; it collects once before each benchmark, so that nobody pays for
  the garbage of the one before.
* Every answer that ends a round is checked. A wrong one fails the run, and leaves no figure.
"""
