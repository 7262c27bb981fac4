"""Values, and scenarios that chance does not reach: each row is a scenario."""
