"""How fast a store is, and whether that is what a document says: `conformance measure`."""
