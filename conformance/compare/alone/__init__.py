"""One store, which judges itself: calls at the same time, and deaths, do what the same calls do one after the other."""
