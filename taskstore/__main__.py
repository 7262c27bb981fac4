"""`python -m taskstore`: the command `taskstore`."""

from taskstore.tools import main

raise SystemExit(main())
