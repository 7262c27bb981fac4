"""The engine: a scenario is played on a store, and what comes out is judged by the model."""
