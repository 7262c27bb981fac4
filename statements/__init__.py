"""The statements of Auto-Clip's document, each held against stores by checks that follow from its words alone."""
