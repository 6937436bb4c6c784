"""One run of a campaign: it leaves nothing behind but what it came to."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pilotplant.checks.finding import Doubt, Finding, Severity
from pilotplant.checks.judge import NOTHING_TO_JUDGE
from pilotplant.checks.result import Result
from pilotplant.model.errors import InternalError
from pilotplant.model.verdict import Verdict
from pilotplant.resources import Project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import Setup
from pilotplant.scenario.model import Mode, ScenarioSpec
from pilotplant.target.model import TargetSpec


def _expected(doubt: Doubt, result: Result) -> bool:
    """Nothing to wonder at in a random run: a fault never bit; what one check judges did not happen, others judged."""
    if doubt.check == "faults":
        return True
    return doubt.sentence == NOTHING_TO_JUDGE and any(check.verdict is Verdict.PASS for check in result.checks)


class Kind(NamedTuple):
    """A kind of failure: which check, and at which step of a flow."""

    check: str
    step: str

    def __str__(self) -> str:
        return f"{self.check} at {self.step}" if self.step else self.check


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    verdict: Verdict
    kinds: tuple[Kind, ...] = ()
    """Of failures, the most critical first."""
    doubt: str = ""
    """The main reason why nothing could be decided."""
    result: Result | None = None
    """Of a run that failed."""


@dataclass(frozen=True)
class Trial:
    """Runs a scenario with a seed. It can be sent to another process."""

    project: Project
    setup: Setup
    target: TargetSpec
    mode: Mode
    folder: Path
    """Where run directories stand for as long as their runs take."""

    def __call__(self, scenario: ScenarioSpec, seed: int) -> Outcome:
        """Run it once."""
        known = dict(zip(self.setup.scenario.flows, self.setup.flows, strict=True))
        setup = replace(self.setup, scenario=scenario, flows=[known[name] for name in scenario.flows])
        with TemporaryDirectory(dir=self.folder) as directory:
            finished = run(
                RunRequest(
                    self.project,
                    setup,
                    self.target,
                    seed,
                    only_null_target,
                    directory=Path(directory),
                    mode=self.mode,
                )
            )
        if finished.crashed:
            raise InternalError(f"a check broke: {finished.crashed[0]}")
        return outcome_of(finished.result)


def kind_of(finding: Finding) -> Kind:
    """The kind of failure that a finding is."""
    return Kind(finding.check, finding.step)


def outcome_of(result: Result) -> Outcome:
    """What counts in a random run: violations. Deadlines do not, and neither does a fault that never bit."""
    kinds = tuple(dict.fromkeys(kind_of(f) for f in result.findings if f.severity is Severity.FAIL))
    if kinds:
        return Outcome(Verdict.FAIL, kinds, result=result)
    doubts = [doubt for doubt in result.doubts if not _expected(doubt, result)]
    # That nothing happened, or that it never came to rest, is why checks are in doubt too.
    doubts.sort(key=lambda doubt: doubt.check != "run")
    return (
        Outcome(Verdict.UNKNOWN, doubt=f"{doubts[0].check}: {doubts[0].sentence}") if doubts else Outcome(Verdict.PASS)
    )
