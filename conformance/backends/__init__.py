"""The backends that come with the suite, and how the name of a backend is resolved (`registry`)."""
