"""A profile: how one product presents a system. Auth, limits, idempotency, latency, and what its behaviour can be set
to."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, ValidationInfo, field_validator

from pilotplant.exchange.dropping import FileSpec
from pilotplant.exchange.limits.limit import LimitSpec, limit_kinds
from pilotplant.systems.catalog import kinds
from pilotplant.systems.rows import ListSpec


class OAuth2(BaseModel):
    """Client credentials; tokens live for a stretch of wire time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["oauth2"]
    token_life_s: Annotated[float, Field(gt=0)] = 1200.0


class ApiKey(BaseModel):
    """A fixed key in the header `x-api-key`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["api-key"]


class Basic(BaseModel):
    """A fixed name and password, by HTTP Basic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["basic"]


class Open(BaseModel):
    """No credentials at all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["none"]


Auth = Annotated[OAuth2 | ApiKey | Basic | Open, Field(discriminator="kind")]


class OperationLatency(BaseModel):
    """How long one operation takes: lognormal by median and 95th percentile, and more for each line of what is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    median_ms: Annotated[float, Field(ge=0)] = 0.0
    p95_ms: Annotated[float, Field(ge=0)] = 0.0
    per_line_ms: Annotated[float, Field(ge=0)] = 0.0
    """For each line of a structure, step of a routing, line of a document: large ones take longer."""


class LatencySpec(OperationLatency):
    """How long the system takes before it has carried something out; of some operations otherwise."""

    operations: dict[str, OperationLatency] = {}


def _limit(entry: Any) -> Any:
    if isinstance(entry, LimitSpec):
        return entry
    if not isinstance(entry, dict) or entry.get("kind") not in limit_kinds():
        raise ValueError(f"a limit needs a `kind`, one of {', '.join(limit_kinds())}")
    return limit_kinds()[entry["kind"]].model_validate(entry)


class ProfileSpec(BaseModel):
    """A profile as a YAML document describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    profile: str
    system: str
    about: str = ""
    imitates: str = ""
    auth: Auth = OAuth2(kind="oauth2")
    limits: list[Annotated[SerializeAsAny[LimitSpec], BeforeValidator(_limit)]] = []
    idempotency: Literal["none", "strict", "stripe"] = "none"
    """What an `idempotency-key` means: nothing; required and accepted once; replays the first answer."""
    latency: LatencySpec = LatencySpec()
    calibrated: str = ""
    """Of which system, and when, the latencies were measured. Empty: they are assumptions, and so is what follows."""
    channel: Literal["webhook", "delta", "file"] = "webhook"
    """How its events travel: posted to whoever subscribes; dropped as files; or not at all: the target has to look."""
    files: FileSpec = FileSpec()
    """How they are dropped, where the channel is `file`."""
    lists: ListSpec = ListSpec()
    body_max_bytes: Annotated[int, Field(ge=64)] = 1_048_576
    behaviour: Any = None

    @field_validator("system")
    @classmethod
    def _known_system(cls, value: str) -> str:
        if value not in kinds():
            raise ValueError(f"there is no system `{value}`; known are {', '.join(kinds())}")
        return value

    @field_validator("behaviour", mode="before")
    @classmethod
    def _behaviour_of_system(cls, value: Any, info: ValidationInfo) -> Any:
        kind = kinds().get(info.data.get("system", ""))
        return kind.parameters.model_validate(value or {}) if kind else value

    def parameters(self) -> Any:
        """The settings of the system's behaviour."""
        return self.behaviour if self.behaviour is not None else kinds()[self.system].parameters()
