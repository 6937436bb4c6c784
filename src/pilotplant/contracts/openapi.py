"""OpenAPI 3.1 documents, one per kind of system, from nothing but the declarations and the profile."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

import pilotplant.systems.catalog as catalog
from pilotplant.exchange.profile import ApiKey, Basic, OAuth2, ProfileSpec
from pilotplant.model import problem as problems
from pilotplant.model.operation import Operation
from pilotplant.model.problem import Rejection
from pilotplant.systems.catalog import SystemKind

VERSION = "1.0.0"
_PARAMETER = re.compile(r"\{(\w+)\}")
_REFERENCES = "#/components/schemas/{name}"

_ALWAYS: tuple[type[Rejection], ...] = (problems.RateLimited, problems.Unavailable)
_WITH_INPUT: tuple[type[Rejection], ...] = (problems.InvalidRequest,)
_WITH_BODY: tuple[type[Rejection], ...] = (
    problems.MalformedJson,
    problems.BodyTooLarge,
    problems.UnsupportedMediaType,
)
_WITH_ETAG: tuple[type[Rejection], ...] = (problems.PreconditionRequired, problems.PreconditionFailed)
_WITH_KEY: tuple[type[Rejection], ...] = (
    problems.IdempotencyKeyMissing,
    problems.IdempotencyKeyReused,
    problems.IdempotencyConflict,
)


def documents(profiles: Mapping[str, ProfileSpec]) -> dict[str, bytes]:
    """The documents to serve, by kind of system, and by system where a kind has several profiles."""
    return {name: msgspec.json.encode(document(catalog.kinds()[p.system], p)) for name, p in profiles.items()}


def document(kind: SystemKind, profile: ProfileSpec) -> dict[str, Any]:
    """The OpenAPI document of a kind of system with a profile."""
    operations = list(kind.operations.values())
    roots = _unique([*(o.command for o in operations if not o.query), *(o.returns for o in operations)])
    schemas, components = msgspec.json.schema_components(roots, ref_template=_REFERENCES)
    shape_of = {str(root): schema for root, schema in zip(roots, schemas, strict=True)}
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, profile, shape_of)
    components["Problem"] = _problem_schema()
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Pilotplant {kind.name.upper()}, profile {profile.profile}",
            "version": VERSION,
            "description": profile.about,
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(components.items())), **_security(profile)},
    }
    if scheme := _security(profile).get("securitySchemes"):
        described["security"] = [{name: []} for name in scheme]
    return described


def _operation(operation: Operation, profile: ProfileSpec, shape_of: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about.split("\n")[0],
        "parameters": _parameters(operation, profile),
        "responses": _responses(operation, profile, shape_of),
    }
    if not operation.query:
        schema = shape_of[str(operation.command)]
        in_path = _PARAMETER.findall(operation.path)
        if in_path:
            schema = _without(operation, in_path)
        needed = bool(schema.get("required")) or "$ref" in schema
        described["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    return described


def _parameters(operation: Operation, profile: ProfileSpec) -> list[dict[str, Any]]:
    in_path = _PARAMETER.findall(operation.path)
    fields = {field.name: field for field in msgspec.structs.fields(operation.command)}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in in_path
    ]
    if operation.query:
        for name, field in fields.items():
            if name not in in_path:
                schema = msgspec.json.schema(field.type)
                entry: dict[str, Any] = {"name": name, "in": "query", "required": field.required, "schema": schema}
                if not field.required:
                    entry["schema"] = {**schema, "default": field.default}
                parameters.append(entry)
    if operation.etag is not None:
        parameters.append(_header("If-Match", required=False))
    if operation.counted and profile.idempotency != "none":
        parameters.append(_header("Idempotency-Key", required=profile.idempotency == "strict"))
    return parameters


def _header(name: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}}


def _responses(operation: Operation, profile: ProfileSpec, shape_of: Mapping[str, Any]) -> dict[str, Any]:
    good = {
        "description": "Accepted; a job does it" if operation.status == 202 else "Done",
        "content": {"application/json": {"schema": shape_of[str(operation.returns)]}},
    }
    if operation.etag is not None:
        good["headers"] = {"ETag": {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {str(operation.status): good}
    if not operation.query and operation.status == 201:
        responses["200"] = {**good, "description": "It was there already"}
    by_status: dict[int, list[type[Rejection]]] = {}
    for rejection in _rejections(operation, profile):
        by_status.setdefault(rejection.status, []).append(rejection)
    for status, rejections in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(dict.fromkeys(rejection.title for rejection in rejections)),
            "content": {"application/problem+json": {"schema": {"$ref": _REFERENCES.format(name="Problem")}}},
        }
    return responses


def _rejections(operation: Operation, profile: ProfileSpec) -> list[type[Rejection]]:
    found = [*operation.rejects, *_ALWAYS, *_WITH_INPUT]
    if not isinstance(profile.auth, OAuth2 | ApiKey | Basic):
        found += []
    else:
        found.append(problems.Unauthorized)
    if not operation.query:
        found += _WITH_BODY
    if operation.etag is not None:
        found += _WITH_ETAG
    if operation.counted and profile.idempotency != "none":
        found += _WITH_KEY
    if any(limit.status == problems.RequestLimitExceeded.status for limit in profile.limits):
        found.append(problems.RequestLimitExceeded)
    return found


def _without(operation: Operation, in_path: list[str]) -> dict[str, Any]:
    """The schema of a command's body where its path gives some of the fields."""
    fields = [field for field in msgspec.structs.fields(operation.command) if field.name not in in_path]
    schemas, _ = msgspec.json.schema_components([field.type for field in fields], ref_template=_REFERENCES)
    properties: dict[str, Any] = {}
    for field, schema in zip(fields, schemas, strict=True):
        properties[field.name] = schema if field.required else {**schema, "default": _plain(field.default)}
    return {
        "type": "object",
        "properties": properties,
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value) if value is not msgspec.NODEFAULT else None


def _problem_schema() -> dict[str, Any]:
    return {
        "title": "Problem",
        "description": "RFC 9457; `definite` says whether the caller may conclude that nothing was changed.",
        "type": "object",
        "required": ["type", "title", "status", "code", "definite"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "definite": {"type": "boolean"},
            "detail": {"type": "string"},
        },
    }


def _security(profile: ProfileSpec) -> dict[str, Any]:
    match profile.auth:
        case OAuth2():
            flow = {"clientCredentials": {"tokenUrl": "oauth/token", "scopes": {}}}
            return {"securitySchemes": {"oauth2": {"type": "oauth2", "flows": flow}}}
        case ApiKey():
            return {"securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}}}
        case Basic():
            return {"securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}}
        case _:
            return {}


def _unique(types: list[Any]) -> list[Any]:
    return list({str(each): each for each in types}.values())
