"""What tests choose at random, because all of it takes minutes: `CONFORMANCE_SAMPLE` repeats a choice."""

from __future__ import annotations

import os
import random
import secrets

SAMPLE = int(os.environ.get("CONFORMANCE_SAMPLE") or secrets.randbelow(1_000_000))
CHOICE = random.Random(SAMPLE)  # noqa: S311  it guards no secret
