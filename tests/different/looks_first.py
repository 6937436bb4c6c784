"""Sends no idempotency keys: the ERP knows none. Looks before every posting whether it was booked already."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import yaml
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


OTHERWISE = "three-plants"
PROFILE = """\
profile: no-keys
system: erp
about: An ERP that knows no idempotency keys, and shows what it has booked a while later.
auth: {kind: oauth2, token_life_s: 600}
idempotency: none
latency: {median_ms: 4, p95_ms: 15}
behaviour: {read_lag_s: 0.5}
"""


def project(root: Path, scenario: str) -> Path:
    """A project whose plants have such an ERP; otherwise they are those of the scenario, if these have one for all."""
    named = yaml.safe_load(SHIPPED.find("scenarios", scenario).read_text(encoding="utf-8"))["estate"]
    estate = SHIPPED.find("estates", named).read_text(encoding="utf-8")
    if "erp: {profile: cloud}" not in estate:
        named, estate = OTHERWISE, SHIPPED.find("estates", OTHERWISE).read_text(encoding="utf-8")
    estate = estate.replace("erp: {profile: cloud}", "erp: {profile: no-keys}")
    written = {
        "erp/no-keys.yaml": PROFILE,
        "estates/no-keys.yaml": estate.replace(f"estate: {named}\n", "estate: no-keys\n"),
    }
    for name, text in written.items():
        path = root / "simulators" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
    """The reference, for an ERP without keys."""
    return built(environment, work, transport, replace(Parts(), posting=LooksFirst))
