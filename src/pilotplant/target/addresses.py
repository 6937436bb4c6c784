"""What a target is told: addresses and credentials of the simulators, as environment variables."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pilotplant.exchange.authentication import Credentials


class Address(NamedTuple):
    """Where a system is, and how to get in."""

    name: str
    kind: str
    plants: tuple[str, ...]
    profile: str
    url: str
    token_url: str
    credentials: Credentials
    channel: str = "webhook"
    """How its events travel."""
    files: str = ""
    """The folder into which it drops them, if it does."""


def environment(addresses: Iterable[Address], events_secret: str, plants: Iterable[str]) -> Mapping[str, str]:
    """`PILOTPLANT_ERP_URL` for a system that serves all plants, `PILOTPLANT_ERP_DE01_URL` for each plant in any case;
    `…_EVENTS` where its events are not posted."""
    told = {"PILOTPLANT_EVENTS_SECRET": events_secret, "PILOTPLANT_PLANTS": ",".join(plants)}
    for address in addresses:
        if "@" not in address.name:
            told.update(_variables(address.kind, address))
        for plant in address.plants:
            told.update(_variables(f"{address.kind}_{plant}", address))
    return told


def _variables(name: str, address: Address) -> dict[str, str]:
    prefix = "PILOTPLANT_" + re.sub(r"[^A-Z0-9]+", "_", name.upper())
    variables = {f"{prefix}_URL": address.url}
    if address.channel != "webhook":
        variables[f"{prefix}_EVENTS"] = address.channel
    if address.files:
        variables[f"{prefix}_FILES"] = address.files
    match address.credentials.kind:
        case "oauth2":
            variables[f"{prefix}_TOKEN_URL"] = address.token_url
            variables[f"{prefix}_CLIENT_ID"] = address.credentials.client_id
            variables[f"{prefix}_CLIENT_SECRET"] = address.credentials.client_secret
        case "api-key":
            variables[f"{prefix}_API_KEY"] = address.credentials.api_key
        case "basic":
            variables[f"{prefix}_USER"] = address.credentials.user
            variables[f"{prefix}_PASSWORD"] = address.credentials.password
        case _:
            pass
    return variables
