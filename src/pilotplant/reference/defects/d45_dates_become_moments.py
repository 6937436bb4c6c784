"""Keeps dates as moments in UTC: midnight at a plant east of Greenwich becomes the evening of the day before."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import OrderCompleted, PostStock
from pilotplant.reference.parts import Parts

NUMBER = 45
NAME = "time zone or DST"
CHECK = "data"
SCENARIO = "eco-cascade"

ZONES = {"DE": ZoneInfo("Europe/Berlin"), "US": ZoneInfo("America/Detroit"), "CN": ZoneInfo("Asia/Shanghai")}


class DatesAreMoments(Mapping):
    """Has one type for dates and times."""

    def stock_document(self, done: OrderCompleted) -> PostStock:
        document = super().stock_document(done)
        midnight = datetime.fromisoformat(document.posting_date).replace(tzinfo=ZONES.get(done.plant[:2], UTC))
        return msgspec.structs.replace(document, posting_date=midnight.astimezone(UTC).date().isoformat())


PARTS = replace(Parts(), mapping=DatesAreMoments)
