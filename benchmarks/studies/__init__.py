"""Studies: what one figure cannot say, measured as curves, costs and comparisons, on one private server.

`python -m benchmarks.studies --json reports/out/studies.json` makes them all. Each module is one study, with a function
`run(depth, place)` that returns what was measured: raw blocks, each of a new process (`processes`), or a spread where
the samples are many. Conclusions are drawn in `reports`, never here.

* `growth`: the time of a listing against the number of tasks.
* `load`: throughput against concurrent callers, in a closed loop.
* `arrivals`: latency against the offered rate, in an open loop.
* `memory`: bytes per task.
* `expiry`: what it costs to purge or to expire many tasks at once, and who waits meanwhile.
* `peers`: other stores beside ours, on the same payload and the same server.
* `calls`: requests per operation, and how long a cancel takes beside a PING.
* `import`, in the module `start`: how long the import of `taskstore` takes beyond `import pydantic`.
"""
