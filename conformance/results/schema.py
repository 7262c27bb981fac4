"""`python -m conformance.results.schema`: the JSON Schema of the results, written beside this file."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import json
from pathlib import Path

from conformance.results.document import Results

SCHEMA = Path(__file__).with_name("schema.json")


def make_schema() -> str:
    """Make the schema from the definition of the document."""
    schema = Results.model_json_schema(by_alias=True, mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(make_schema(), encoding="utf-8")
    print(SCHEMA)
