"""`python -m taskstore`: the command `taskstore`."""

from __future__ import annotations

import sys

from taskstore.tools import main

if __name__ == "__main__":
    sys.exit(main())
