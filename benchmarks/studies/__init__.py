"""Studies: what one figure cannot say, measured as costs, on the private server of a run.

Each module is one study, with a function `run(depth)` that gives what each process, or event, measured; `document` is
the form of all of it. Conclusions are drawn in `reports`, never here.

* `distance`: the operations of Redis mode with a server that is farther away.
* `load`: throughput of callers that wait for their answers.
* `memory`: bytes per task.

How a listing grows is measured with the latencies.
"""
