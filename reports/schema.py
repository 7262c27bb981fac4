"""`python -m reports.schema`: the schema of `report.json`, written beside this file."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import json
from pathlib import Path

from reports.report import ADAPTER

SCHEMA = Path(__file__).with_name("report.schema.json")


def make_schema() -> str:
    """Make the schema from the dataclasses that a report is made of."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "taskstore-report/1",
        **{name: value for name, value in ADAPTER.json_schema(mode="serialization").items() if name != "title"},
    }
    return json.dumps(schema, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(make_schema(), encoding="utf-8")
    print(SCHEMA)
