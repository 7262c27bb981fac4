"""The operations of two stores, found out by calls on new stores.

`kinds` says what an argument may be, `opening` how a store is opened. `lab` makes calls, `trials` finds arguments that
are accepted, `roles` what a method does; `pair` shows it, and makes harnesses of it.
"""
