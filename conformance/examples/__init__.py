"""A harness and claims of stores that were not written with the suite in mind."""
