"""Calls at the same time in a chosen order: before a server, or in a loop."""
