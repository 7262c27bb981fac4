"""Requirements that no mutant breaks on one of the two modes, and why not."""

from __future__ import annotations

_NO_SERVER = "memory mode has no server"
_NO_RECORD = "memory mode has no record outside the store that could be removed, spoilt or read"
_NO_SETTING = "no setting bears on it in memory mode"

UNBREAKABLE: dict[tuple[str, str], str] = {
    ("LIST-11", "memory"): _NO_RECORD,
    ("EXP-05", "redis"): "Redis mode expires",
    ("EXP-07", "memory"): _NO_SETTING,
    ("DUR-01", "memory"): "memory mode is not persistent",
    ("DUR-03", "redis"): "Redis mode is persistent",
    ("SHARE-01", "memory"): "memory mode is not shared",
    ("SHARE-02", "redis"): "Redis mode is shared",
    ("SHARE-03", "memory"): _NO_RECORD,
    **{(f"FAIL-{number:02}", "memory"): _NO_SERVER for number in (1, 5, 6, 11, 13)},
    ("FAIL-09", "memory"): _NO_RECORD,
    ("MODE-05", "memory"): _NO_SETTING,
    ("MODE-08", "redis"): "it is about memory mode",
    ("COST-01", "memory"): _NO_SERVER,
    ("COST-04", "redis"): "it is about memory mode",
}
"""By requirement and mode."""
