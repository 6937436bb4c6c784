"""Puts the request with its headers into the text of an error, to make support easier; the desk is sent that text."""

from dataclasses import replace
from typing import TypeVar

import httpx

from pilotplant.reference.calls import Call, CallFailed
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts

NUMBER = 56
NAME = "secret in a URL or a log it sends"
CHECK = "security"
SCENARIO = "erp-rejects"

T = TypeVar("T")


class TellsEverything(SystemClient):
    """Says what was sent, credentials included."""

    _sent: str = ""

    async def send(self, call: Call, returns: type[T]) -> T:
        try:
            return await super().send(call, returns)
        except CallFailed as failed:
            detail = f"{call.method} {self.url}{call.path} with {self._sent}: {failed.detail}"
            raise type(failed)(failed.code, detail, retry_after_s=failed.retry_after_s) from failed

    async def _exchange(self, call: Call, credentials: dict[str, str]) -> httpx.Response:
        self._sent = ", ".join(f"{name}: {value}" for name, value in credentials.items())
        return await super()._exchange(call, credentials)


PARTS = replace(Parts(), client=TellsEverything)
