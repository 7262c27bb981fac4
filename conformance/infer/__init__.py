"""The operations of two stores, found out by calls on new stores.

`kinds` says what an argument may be, `opening` how a store is opened, `methods` what is known of a method.
`experiments` makes calls; `pair` shows what came out, and makes harnesses of it.
"""
