"""The operations of any store, as a harness names them, and the values that their arguments take.

`conformance compare` calls them on two stores, and `conformance measure` times them.
"""
