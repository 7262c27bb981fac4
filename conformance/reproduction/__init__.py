"""Scripts that show a failure again: what was called is recorded, written as Python, tried and made shorter.

`record` writes down what is done to stores through a harness. `writing` makes Python of values. `replay` runs such a
script on a harness, and leaves out what it does not need. `shown` is what a script imports.
"""
