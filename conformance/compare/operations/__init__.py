"""Operations, ready sets of operations, and the checks of those that a harness names."""
