"""The contract of task stores: what is right, what is done with a store, and the tests of the suite."""
