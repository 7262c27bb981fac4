"""Sequences of calls: steps, the plan, the player and its two sides, and what was exercised."""
