"""Known findings that somebody answers for until a day: they are listed, and do not fail a run."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, NamedTuple

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from pilotplant.checks.check import Check
from pilotplant.checks.finding import Severity

Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


class Acceptance(BaseModel):
    """A known finding, who answers for it, why, and until when (that day included)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: Fingerprint
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    until: date
    scenario: str = ""
    """Where it is found; any scenario if empty."""


class AcceptedSpec(BaseModel):
    """The file `accepted.yaml` of a project."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accepted: list[Acceptance] = []


class Known(NamedTuple):
    """The list, and the day on which the run took place."""

    entries: tuple[Acceptance, ...] = ()
    today: date = date.min


def accept(court: Sequence[Check], known: Known) -> list[str]:
    """Let accepted findings only warn; what there is to say of the list itself."""
    today = known.today
    ranked = sorted(known.entries, key=lambda entry: (today <= entry.until, bool(entry.scenario)))
    listed = {entry.fingerprint: entry for entry in ranked}  # one that still holds, and of those the more specific
    met: set[str] = set()
    told: list[str] = []
    for check in court:
        for position, finding in enumerate(check.findings):
            entry = listed.get(finding.fingerprint)
            if entry is None:
                continue
            if entry.fingerprint not in met:
                told.append(_told(entry, today))
            met.add(entry.fingerprint)
            if today <= entry.until:
                words = f"{entry.owner} until {entry.until.isoformat()}: {entry.reason}"
                check.findings[position] = replace(finding, severity=Severity.WARN, accepted=words)
    told += [
        f"accepted.yaml: no finding of this run has the fingerprint {entry.fingerprint} ({entry.owner}: {entry.reason})"
        for entry in known.entries
        if entry.fingerprint not in met
    ]
    return told


def _told(entry: Acceptance, today: date) -> str:
    if today > entry.until:
        ended = entry.until.isoformat()
        return f"the finding {entry.fingerprint} was accepted by {entry.owner} until {ended}, and that is over"
    return (
        f"the finding {entry.fingerprint} is accepted by {entry.owner} until {entry.until.isoformat()}: {entry.reason}"
    )
