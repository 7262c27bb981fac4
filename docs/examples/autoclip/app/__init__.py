"""An application of the task store."""
