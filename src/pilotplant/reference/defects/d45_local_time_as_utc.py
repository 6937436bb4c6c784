"""Sends the plant's local time where ERP reads UTC: on the planner's screen it then shows the hour she expects."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import PlmBom, ReleaseBom
from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope, ScopeItem

NUMBER = 45
NAME = "time zone or DST"
CHECK = "data"
SCENARIO = "eco-cascade"

ZONES = {"DE": ZoneInfo("Europe/Berlin"), "US": ZoneInfo("America/Detroit"), "CN": ZoneInfo("Asia/Shanghai")}


class LocalTime(Mapping):
    """Drops the zone after converting into it."""

    def erp_bom(self, scope: Scope, item: ScopeItem, bom: PlmBom) -> ReleaseBom:
        document = super().erp_bom(scope, item, bom)
        local = datetime.fromisoformat(document.effective_from).astimezone(ZONES.get(scope.plant[:2], UTC))
        shown = local.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return msgspec.structs.replace(document, effective_from=shown)


PARTS = replace(Parts(), mapping=LocalTime)
