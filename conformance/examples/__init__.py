"""Stores that were not written with the suite in mind, and what it takes to point it at them."""
