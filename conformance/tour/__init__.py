"""The tour: the scenes that every store goes through, made from tables of values, states, sizes and places."""
