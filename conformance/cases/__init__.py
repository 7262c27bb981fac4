"""The cases, one file per chapter of the contract. Start with `lifecycle`."""
