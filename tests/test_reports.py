"""The report: what it concludes from results, what it refuses, and what its page may never contain."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reports.__main__ import main
from reports.claims import Behaviour, load_claims
from reports.inputs import read_benchmark, read_conformance
from reports.parity import Standing, worst
from reports.report import Report, Row, make_report
from reports.verdicts import LatencyVerdict, combine, judge, median_interval, quantile

type_ = type
SUBJECTS = {
    "memory": "memory",
    "fakeredis": "redis",
    "embedded": "redis",
    "described-memory": "memory",
    "described-redis": "redis",
}
PLACES = (
    ("described-memory", "described", "memory", "none"),
    ("memory", "ours", "memory", "none"),
    ("described-redis", "described", "redis", "embedded"),
    ("embedded", "ours", "redis", "embedded"),
)
FAST = {"memory": 0.2, "redis": 2.5}
"""Milliseconds within most of the documented ranges."""


def conformance(results: dict[str, dict[str, str]], **changes: Any) -> dict[str, Any]:
    """Results of a suite: for each case the verdict on each subject. A case decides the requirement of its name."""
    document = {
        "schema": "conformance-results/1",
        "suite": {"version": "1", "python": "3.11.2", "seed": 7, "platform": "Linux", "client": "redis-py 8", "hypothesis": "6"},
        "started": "2025-01-31T12:00:00+00:00",
        "seconds": 1.5,
        "complete": True,
        "subjects": [
            {
                "name": name,
                "mode": mode,
                "capabilities": [],
                "facts": {"server": "Redis 8.0.2"} if mode == "redis" else {},
                "error": None,
            }
            for name, mode in SUBJECTS.items()
        ],
        "requirements": [{"id": case, "level": "MUST", "text": f"Law {case}.", "claims": ["D05"]} for case in results],
        "results": [
            {
                "case": f"laws.test_{case}",
                "doc": f"Case {case}.",
                "requirements": [case],
                "subject": subject,
                "verdict": verdict,
                "reason": "" if verdict == "pass" else f"because of {case}",
                "seconds": 0.01,
            }
            for case, verdicts in results.items()
            for subject, verdict in verdicts.items()
        ],
    }
    return document | changes
