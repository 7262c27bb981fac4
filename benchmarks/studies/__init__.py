"""Studies: what one figure cannot say, measured as costs and comparisons, on one private server.

`python -m benchmarks.studies --json reports/out/studies.json` makes them all. Each module is one study, with a function
`run(depth, place)` that gives what each process, or event, measured; `document` is the form of all of it. Conclusions
are drawn in `reports`, never here.

* `load`: throughput of callers that wait for their answers.
* `memory`: bytes per task.
* `peers`: other stores beside ours, on the same payload.
"""
