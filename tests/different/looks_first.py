"""Sends no idempotency keys: the ERP knows none. Looks before every posting whether it was booked already."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
from starlette.applications import Starlette

from pilotplant.reference.calls import Call, NotNow, Unsure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.works import Work
from tests.different.built import Transport, built
from tests.different.running import SHIPPED


class LooksFirst(StockPosting):
    """Looks, posts, and after an unsure answer looks until ERP must have shown it."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        """Book the document once."""
        call = Call("POST", "/stock-documents", entry.body, traceparent=entry.traceparent)
        unsure_since = self._clock.monotonic() if entry.attempted else 0.0

        async def attempt() -> None:
            nonlocal unsure_since
            if await self._booked(erp, entry):
                return
            if self._clock.monotonic() - unsure_since < self._read_lag_s:
                raise NotNow("not-shown-yet", "ERP may have booked it and not show it yet")
            try:
                await erp.send(call, msgspec.Raw)
            except Unsure:
                unsure_since = self._clock.monotonic()
                raise

        await self._retry.persist(attempt)


PROFILE = """\
profile: no-keys
system: erp
about: An ERP that knows no idempotency keys, and shows what it has booked a while later.
auth: {kind: oauth2, token_life_s: 600}
idempotency: none
latency: {median_ms: 4, p95_ms: 15}
behaviour: {read_lag_s: 0.5}
"""


def project(root: Path) -> Path:
    """A project whose three plants have such an ERP."""
    shipped = SHIPPED.find("estates", "three-plants").read_text(encoding="utf-8")
    written = {
        "erp/no-keys.yaml": PROFILE,
        "estates/no-keys.yaml": shipped.replace("profile: cloud", "profile: no-keys"),
    }
    for name, text in written.items():
        path = root / "simulators" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("estate: three-plants", "estate: no-keys"), encoding="utf-8")
    return root


def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
    """The reference, for an ERP without keys."""
    return built(environment, work, transport, replace(Parts(), posting=LooksFirst))
