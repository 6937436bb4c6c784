"""The result of a run: what `result.json` holds and every report is made from."""

import msgspec

from pilotplant.checks.finding import CheckResult, Doubt, Finding
from pilotplant.checks.load_result import LoadResult
from pilotplant.model.verdict import Verdict


class ThresholdResult(msgspec.Struct, frozen=True):
    """A threshold of the scenario. `value` is absent where nothing was measured."""

    expression: str
    value: float | None
    verdict: Verdict
    sentence: str


class Figure(msgspec.Struct, frozen=True):
    """A measured quantity with a name that thresholds can use; `plant` is empty for the whole estate."""

    name: str
    title: str
    value: float
    unit: str
    plant: str = ""


class Cell(msgspec.Struct, frozen=True):
    """A step of a flow instance, and how far it came.

    `done`; `open`; `excused` (refused, and the desk was told); `superseded` (a later change took over); `withdrawn`;
    `not needed` (nothing of this instance calls for it).
    """

    step: str
    status: str
    done: int
    promised: int
    at_s: float | None = None


class BoardRow(msgspec.Struct, frozen=True):
    """A flow instance, e.g. one change at one plant."""

    flow: str
    instance: str
    plant: str
    since_s: float
    status: str
    cells: tuple[Cell, ...]


class FlowCount(msgspec.Struct, frozen=True):
    """How many instances of a flow there were, also of those that the board has no room for, and how many are done."""

    flow: str
    instances: int
    done: int


class FaultResult(msgspec.Struct, frozen=True):
    """How often a fault really touched something."""

    fault: str
    bitten: int


class Counts(msgspec.Struct, frozen=True):
    """How much happened."""

    records: int = 0
    stimuli: int = 0
    exchanges: int = 0
    commits: int = 0
    refusals: int = 0
    events: int = 0
    deliveries: int = 0
    obligations: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run came to."""

    scenario: str
    about: str
    target: str
    mode: str
    seed: int
    verdict: Verdict
    exit: int
    summary: str
    started: str
    duration_s: float
    counts: Counts
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    doubts: tuple[Doubt, ...]
    thresholds: tuple[ThresholdResult, ...]
    figures: tuple[Figure, ...]
    board: tuple[BoardRow, ...]
    faults: tuple[FaultResult, ...]
    untested: tuple[str, ...]
    notes: tuple[str, ...]
    data_digest: str
    stimuli_digest: str
    repro: str
    by_construction: tuple[str, ...] = ()
    """What-if: what holds because a model cannot do otherwise, and was therefore not judged."""
    flows: tuple[FlowCount, ...] = ()
    load: LoadResult | None = None
    """Of a run under load: its curves, histograms and shares."""
