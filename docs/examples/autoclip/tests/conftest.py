"""The tests never use Redis, whatever `.env` says."""

import os

os.environ["USE_REDIS_FOR_TASKS"] = "false"
