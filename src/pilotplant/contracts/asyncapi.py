"""What the systems emit: a JSON Schema for each event, and one AsyncAPI 3.0 document over all of them."""

from typing import Any

import msgspec

from pilotplant.contracts.openapi import VERSION
from pilotplant.model.operation import EventType
from pilotplant.systems import catalog

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schema(event: EventType) -> dict[str, Any]:
    """The JSON Schema of an event as it travels: envelope and data."""
    data = msgspec.json.schema(event.payload)
    definitions = data.pop("$defs", {})
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        "id": {**text, "minLength": 1},
        "source": {**text, "minLength": 1},
        "type": {"const": event.name},
        "subject": text,
        "time": {**text, "format": "date-time"},
        "businesstime": {**text, "format": "date-time"},
        "traceparent": text,
        "datacontenttype": {"const": "application/json"},
        "data": data,
    }
    return {
        "$schema": _DIALECT,
        "title": event.name,
        "description": event.about,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": properties,
        "$defs": definitions,
    }


def asyncapi() -> dict[str, Any]:
    """One document over all events of all systems."""
    messages = {
        event.name: {
            "name": event.name,
            "title": event.about.split("\n")[0],
            "contentType": "application/cloudevents+json",
            "payload": {"$ref": f"./{event.name}.json"},
        }
        for event in sorted(catalog.events().values(), key=lambda event: event.name)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pilotplant events",
            "version": VERSION,
            "description": "CloudEvents 1.0 in structured JSON, signed in the header `pilotplant-signature`.",
        },
        "channels": {
            "webhook": {
                "address": "/",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {"deliver": {"action": "send", "channel": {"$ref": "#/channels/webhook"}}},
        "components": {"messages": messages},
    }
