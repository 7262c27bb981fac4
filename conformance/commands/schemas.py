"""`python -m conformance.commands.schemas`: the JSON Schemas of the documents, each written beside its definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from conformance.compare.document import Report
from conformance.production.document import Production
from conformance.results.document import Results

_HERE = Path(__file__).parents[1]
DOCUMENTS: dict[Path, type[BaseModel]] = {
    _HERE / "results" / "schema.json": Results,
    _HERE / "compare" / "schema.json": Report,
    _HERE / "production" / "schema.json": Production,
}


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # it would repeat the name of the field


def make_schema(document: type[BaseModel]) -> str:
    """Make the schema from the definition of a document."""
    schema = document.model_json_schema(schema_generator=_WithoutTitles, mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1) + "\n"


if __name__ == "__main__":
    for file, document in DOCUMENTS.items():
        file.write_text(make_schema(document), encoding="utf-8")
        print(file)
