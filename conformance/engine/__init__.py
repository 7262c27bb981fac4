"""The engine: makes planned calls on a subject, and compares what comes out with the model."""
