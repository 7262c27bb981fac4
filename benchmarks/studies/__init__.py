"""Studies: what one figure cannot say, measured as curves, costs and comparisons, on one private server.

`python -m benchmarks.studies --json reports/out/studies.json` makes them all. Each module is one study, with a function
`run(depth, place)` that gives what each process, or event, measured; `document` is the form of all of it. Conclusions
are drawn in `reports`, never here.

* `growth`: the time of a listing against the number of tasks.
* `load`: throughput of callers that wait for their answers, and waits of calls that come at a rate.
* `memory`: bytes per task.
* `expiry`: how long others wait while many tasks expire at once in Redis.
* `peers`: other stores beside ours, on the same payload.
* `calls`: requests per operation, and how long calls take beside a PING.
* `start`: how long the import of `taskstore` takes beyond `import pydantic`.
"""
