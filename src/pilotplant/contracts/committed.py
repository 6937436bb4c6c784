"""The contract documents that are committed under contracts/: rendered here, compared by a test."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pilotplant.contracts.asyncapi import asyncapi, event_schema
from pilotplant.contracts.openapi import document
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.systems import catalog


def rendered(profiles: Mapping[str, ProfileSpec]) -> dict[str, bytes]:
    """Every committed document by its path below contracts/."""
    files: dict[str, object] = {
        f"openapi/{name.replace('@', '-')}.json": document(catalog.kinds()[profile.system], profile)
        for name, profile in profiles.items()
    }
    files["events/asyncapi.json"] = asyncapi()
    files.update({f"events/{event.name}.json": event_schema(event) for event in catalog.events().values()})
    return {
        name: msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n" for name, content in files.items()
    }


def write(directory: Path, profiles: Mapping[str, ProfileSpec]) -> list[Path]:
    """Write them; returns what was written."""
    written: list[Path] = []
    for name, content in rendered(profiles).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return written
