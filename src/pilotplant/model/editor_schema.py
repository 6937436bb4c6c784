"""The JSON Schema of a document, in the draft that the YAML servers of editors understand.

Pydantic writes draft 2020-12; editors want draft-07, in which some words are called differently and nothing may stand
beside a `$ref`.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

DRAFT = "http://json-schema.org/draft-07/schema#"

_SCHEMAS_BY_NAME = {"properties", "patternProperties", "definitions"}
_SCHEMAS = {
    "items",
    "additionalItems",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
}
_SCHEMA_LISTS = {"allOf", "anyOf", "oneOf"}


class _Lenient(GenerateJsonSchema):
    """What only a validator in Python can judge may be anything in the editor."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model in draft-07."""
    schema = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_Lenient)
    converted: dict[str, Any] = _converted(schema)
    return {"$schema": DRAFT, **converted}


def _converted(schema: Any) -> Any:
    """A schema in draft-07. Only places that hold schemas are entered: a field may well be called `$defs`."""
    if not isinstance(schema, Mapping):
        return schema
    result: dict[str, Any] = {}
    for word, value in schema.items():
        if word == "$ref":
            result[word] = value.replace("#/$defs/", "#/definitions/")
        elif word in ("$defs", *_SCHEMAS_BY_NAME):
            name = "definitions" if word == "$defs" else word
            result[name] = {key: _converted(each) for key, each in value.items()}
        elif word == "prefixItems":
            result["items"] = [_converted(each) for each in value]
        elif word == "items" and "prefixItems" in schema:
            result["additionalItems"] = _converted(value)
        elif word in _SCHEMAS:
            result[word] = _converted(value)
        elif word in _SCHEMA_LISTS:
            result[word] = [_converted(each) for each in value]
        elif word != "discriminator":  # a word of OpenAPI
            result[word] = value
    if "$ref" in result and len(result) > 1:
        result["allOf"] = [{"$ref": result.pop("$ref")}, *result.get("allOf", [])]
    return result
