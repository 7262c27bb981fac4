"""Studies: what one figure cannot say, measured as curves, costs and comparisons, on one private server.

`python -m benchmarks.studies --json reports/out/studies.json` makes them all. Each module is one study, with a function
`run(depth, place)` that returns what was measured in the form of `document`: raw blocks, each of a new process
(`processes`). Conclusions are drawn in `reports`, never here.

* `growth`: the time of a listing against the number of tasks.
* `load`: throughput against concurrent callers, in a closed loop.
* `arrivals`: latency against the offered rate, in an open loop.
* `memory`: bytes per task.
* `expiry`: how long others wait while many tasks expire at once in Redis.
* `peers`: other stores beside ours in memory mode, on the same payload.
* `calls`: requests per operation, and how long a cancel takes beside a PING.
* `start`: how long the import of `taskstore` takes beyond `import pydantic`.
"""
