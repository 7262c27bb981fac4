"""`python -m taskstore`: the command `taskstore`."""

from taskstore.tools import main

if __name__ == "__main__":
    raise SystemExit(main())
