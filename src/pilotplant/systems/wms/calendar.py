"""Dates as the site's own calendar has them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from pilotplant.model.instants import Instant
from pilotplant.systems.wms.state import Wms


def posting_date(wms: Wms, now: Instant) -> str:
    """The day on which something happens, where it happens."""
    zone = ZoneInfo(wms.dataset.plants[wms.plant].time_zone)
    return datetime.fromtimestamp(now.business, zone).date().isoformat()
