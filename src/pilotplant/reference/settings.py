"""Where the systems are, how to get in, and how hard to try."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PREFIX = "PILOTPLANT_"


class SettingsError(Exception):
    """The environment does not say everything that is needed."""


@dataclass(frozen=True)
class SystemAccess:
    """The address of a system, and either client credentials, an API key, or neither."""

    url: str
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    events: str = ""
    """How it tells of what happens: `delta` where one has to look for oneself, `file`; empty: it posts events."""
    files: str = ""
    """The folder into which it drops files."""


@dataclass(frozen=True)
class Settings:
    """Everything that the middleware is told from outside."""

    plm: SystemAccess
    desk: SystemAccess
    erp: Mapping[str, SystemAccess]
    """By plant. Plants whose ERP has the same address share its connection, token and limits."""
    mes: Mapping[str, SystemAccess]
    events_secret: str = field(repr=False)
    wms: Mapping[str, SystemAccess] = field(default_factory=dict)
    """Of the plants that have one."""
    supplier: SystemAccess | None = None
    """The suppliers' portal, where there is one."""
    timeout_s: float = 5.0
    calls_at_once: int = 16
    """Per system."""
    changes_at_once: int = 16
    confirmations_at_once: int = 12
    """Fewer than `calls_at_once`: a burst of confirmations always leaves room for engineering changes."""
    retry_budget_s: float = 60.0
    poll_every_s: float = 3.0
    look_every_s: float = 1.0
    """How often a system is looked at that posts no events."""
    look_back_s: float = 5.0
    """How much of what was seen before is looked at again: changes may become visible late."""
    fetch_every_s: float = 0.5
    """How often folders are looked into."""
    read_lag_s: float = 1.0
    """How long an ERP may hide a stock document that it has booked."""
    answer_patience_s: float = 3.0
    """How long a supplier may take to answer before somebody is told. In business it would be days."""
    signature_age_max_s: float = 300.0
    instance: str = ""
    """Which of several instances on one database this is; empty if there is no other."""

    def systems(self) -> Iterator[SystemAccess]:
        """All that there are."""
        yield from (self.plm, self.desk, *self.erp.values(), *self.mes.values(), *self.wms.values())
        if self.supplier is not None:
            yield self.supplier


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings; complain about everything that is missing at once."""
    missing: list[str] = []

    def required(name: str) -> str:
        value = environment.get(PREFIX + name, "")
        if not value:
            missing.append(PREFIX + name)
        return value

    def named(*names: str) -> str:
        """The first of these systems that has an address; empty if none has."""
        return next((name for name in names if environment.get(f"{PREFIX}{name}_URL")), "")

    def access(*names: str) -> SystemAccess:
        """The first of these systems that has an address; the last one is named if none has."""
        name = named(*names) or names[-1]
        return SystemAccess(
            url=required(f"{name}_URL").rstrip("/"),
            token_url=environment.get(f"{PREFIX}{name}_TOKEN_URL", ""),
            client_id=environment.get(f"{PREFIX}{name}_CLIENT_ID", ""),
            client_secret=environment.get(f"{PREFIX}{name}_CLIENT_SECRET", ""),
            api_key=environment.get(f"{PREFIX}{name}_API_KEY", ""),
            events=environment.get(f"{PREFIX}{name}_EVENTS", ""),
            files=environment.get(f"{PREFIX}{name}_FILES", ""),
        )

    plants = tuple(plant.strip() for plant in required("PLANTS").split(",") if plant.strip())
    settings = Settings(
        plm=access("PLM"),
        desk=access("DESK"),
        erp={plant: access(f"ERP_{plant}", "ERP") for plant in plants},
        mes={plant: access(f"MES_{plant}", "MES") for plant in plants},
        events_secret=required("EVENTS_SECRET"),
        wms={plant: access(f"WMS_{plant}", "WMS") for plant in plants if named(f"WMS_{plant}", "WMS")},
        supplier=access("SUPPLIER") if named("SUPPLIER") else None,
        instance=environment.get(f"{PREFIX}INSTANCE", ""),
    )
    if missing:
        raise SettingsError(f"these environment variables are not set: {', '.join(dict.fromkeys(missing))}")
    return settings
