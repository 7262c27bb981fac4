"""`python -m conformance`: the command `conformance`."""

import sys

from conformance.commands import main

if __name__ == "__main__":
    sys.exit(main())
