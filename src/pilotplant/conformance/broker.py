"""Gets pacts from a Pact Broker over its HTTP API: the ones it says are to be verified, or the latest of each
consumer."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from pilotplant.contracts.pacts import Interaction, interactions
from pilotplant.model.errors import REGISTRY, PilotplantError, UsageError

_FOR_VERIFICATION, _LATEST = "pb:provider-pacts-for-verification", "pb:latest-provider-pacts"
_SELECTORS = [{"mainBranch": True}, {"deployedOrReleased": True}]
_TIMEOUT_S = 20.0


class BrokerError(PilotplantError):
    """The broker cannot be reached, or does not answer as one."""

    default = REGISTRY["PP-BROKER"]


def fetch(url: str, providers: Sequence[str], environment: Mapping[str, str] | None = None) -> list[Interaction]:
    """The interactions of all pacts that consumers have with these providers."""
    environment = os.environ if environment is None else environment
    with httpx.Client(headers=_headers(environment), auth=_basic(environment), timeout=_TIMEOUT_S) as http:
        index = _get(http, url)
        found: list[Interaction] = []
        for provider in providers:
            for address in _addresses(http, index, provider, url):
                document = _get(http, address)
                try:
                    found += interactions(document, address)
                except ValueError as error:
                    raise BrokerError(f"{address}: {error}") from None
    return found


def _headers(environment: Mapping[str, str]) -> dict[str, str]:
    headers = {"accept": "application/hal+json, application/json"}
    if token := environment.get("PACT_BROKER_TOKEN"):
        headers["authorization"] = f"Bearer {token}"
    return headers


def _basic(environment: Mapping[str, str]) -> tuple[str, str] | None:
    name = environment.get("PACT_BROKER_USERNAME")
    return (name, environment.get("PACT_BROKER_PASSWORD", "")) if name else None


def _addresses(http: httpx.Client, index: Mapping[str, Any], provider: str, url: str) -> Iterator[str]:
    """Where the pacts with a provider are. A provider that the broker does not know has none."""
    links = index.get("_links") or {}
    if link := links.get(_FOR_VERIFICATION):
        told = _get(http, _expand(link, provider), body={"consumerVersionSelectors": _SELECTORS})
        pacts = (told.get("_embedded") or {}).get("pacts") or []
        yield from (_href((pact.get("_links") or {}).get("self"), url) for pact in pacts)
    elif link := links.get(_LATEST):
        told = _get(http, _expand(link, provider))
        links = told.get("_links") or {}
        yield from (_href(pact, url) for pact in links.get("pb:pacts") or links.get("pacts") or [])
    else:
        raise BrokerError(f"{url} names no link {_FOR_VERIFICATION} or {_LATEST}")


def _expand(link: Any, provider: str) -> str:
    return _href(link, "the broker").replace("{provider}", quote(provider, safe=""))


def _href(link: Any, url: str) -> str:
    if not isinstance(link, dict) or not isinstance(link.get("href"), str):
        raise BrokerError(f"{url} names a pact without an address")
    return str(link["href"])


def _get(http: httpx.Client, url: str, body: object = None) -> dict[str, Any]:
    try:
        answer = http.get(url) if body is None else http.post(url, json=body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BrokerError(f"{url} does not answer: {error}") from None
    if answer.status_code == 404 and body is not None:
        return {}
    if answer.status_code in (401, 403):
        help = "Credentials are read from PACT_BROKER_TOKEN, or PACT_BROKER_USERNAME and PACT_BROKER_PASSWORD."
        raise UsageError(f"{url} does not let us in: {answer.status_code}", help=help)
    if not answer.is_success:
        raise BrokerError(f"{url} answered {answer.status_code}")
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BrokerError(f"{url} did not answer with a JSON object")
    return document
