"""The subjects that come with the suite, and how the name of a subject is resolved (`registry`)."""
