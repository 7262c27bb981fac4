"""The operations of two stores, found out by calls on new stores, and written as harnesses.

`kinds` says what an argument may be, `opening` how a store is opened, `methods` what is known of a method.
`experiments` makes calls; `pair` writes what came out.
"""
