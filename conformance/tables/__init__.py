"""Tables of values, and of scenarios that chance does not reach."""
