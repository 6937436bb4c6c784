"""What the hub says to ERP, and to the desk where people look."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx


class Refused(Exception):
    """ERP understood and said no: trying again is no use."""


class Erp:
    """Books confirmations."""

    def __init__(self, environment: Mapping[str, str], http: httpx.AsyncClient) -> None:
        self._told = environment
        self._http = http
        self._token = ""
        self._until = 0.0

    async def book(self, done: dict[str, Any]) -> None:
        """One stock document per confirmation: what came out, what was scrap, what went in."""
        source = {"plant": done["plant"], "source_document": done["confirmation"]}
        found = (await self._ask("GET", params=source)).json()["items"]
        if not all(earlier["reversed"] for earlier in found):
            return  # an earlier attempt was booked, though its answer was lost
        made = {"item": done["item"], "lot": done["lot"], "unit": done["unit"]}
        lines = [{**made, "movement": "receipt", "quantity": done["good"]}]
        lines += [{**made, "movement": "scrap", "quantity": done["scrap"]}]
        lines += [{**used, "movement": "issue"} for used in done["consumption"]]
        document = {
            **source,
            "posting_date": done["posting_date"],
            "lines": [line for line in lines if line["quantity"]],
        }
        key = {"idempotency-key": f"{done['plant']}-{done['confirmation']}"}  # the same at every attempt
        answer = await self._ask("POST", json=document, headers=key)
        if answer.status_code == 422:
            raise Refused(answer.json()["code"])
        answer.raise_for_status()

    async def tell_somebody(self, done: dict[str, Any], reason: str) -> None:
        """A person has to know."""
        told = {"flow": "production-confirmation", "subject": done["confirmation"], "plant": done["plant"]}
        told |= {"owner": "plant-it", "reason": reason, "text": "ERP refused this confirmation"}
        headers = {"x-api-key": self._told["PILOTPLANT_DESK_API_KEY"]}
        desk = self._told["PILOTPLANT_DESK_URL"]
        (await self._http.post(f"{desk}/exceptions", json=told, headers=headers)).raise_for_status()

    async def _ask(self, method: str, headers: Mapping[str, str] | None = None, **what: Any) -> httpx.Response:
        """A request to ERP; again after the time it asks for, where it is busy."""
        while True:
            with_token = {"authorization": f"Bearer {await self._current_token()}", **(headers or {})}
            address = self._told["PILOTPLANT_ERP_URL"] + "/stock-documents"
            answer = await self._http.request(method, address, headers=with_token, **what)
            if answer.status_code != 429:
                return answer
            await asyncio.sleep(float(answer.headers["retry-after"]))

    async def _current_token(self) -> str:
        if time.monotonic() > self._until:
            form = {"grant_type": "client_credentials", "client_id": self._told["PILOTPLANT_ERP_CLIENT_ID"]}
            form["client_secret"] = self._told["PILOTPLANT_ERP_CLIENT_SECRET"]
            given = await self._http.post(self._told["PILOTPLANT_ERP_TOKEN_URL"], data=form)
            token = given.raise_for_status().json()
            self._token, self._until = token["access_token"], time.monotonic() + 0.9 * token["expires_in"]
        return self._token
