"""Asks everything that a project's configuration asks for: pacts verified, scenarios run, their flows and coverage read
off what came of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pilotplant.checks.accepted import Acceptance
from pilotplant.checks.finding import Severity
from pilotplant.checks.result import Result
from pilotplant.conformance.coverage import PARTS, Coverage
from pilotplant.conformance.verification import Checked, Verification
from pilotplant.contracts.pacts import Interaction
from pilotplant.gate.matrix import Cell
from pilotplant.model.errors import PilotplantError, UsageError
from pilotplant.model.suggestions import did_you_mean, listed
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.run.request import Finished

Ran = tuple[str, Finished]
"""A scenario by name, and what its run left."""


@dataclass(frozen=True)
class Ask:
    """How things are asked; whoever shows progress and makes reports stands behind it."""

    run: Callable[[str, str], Finished]
    """Run a scenario against a target."""
    verify: Callable[[Sequence[Interaction]], Verification]
    cover: Callable[[Sequence[Path]], Coverage]
    today: date


def ask(
    targets: Mapping[str, str],
    scenarios: Sequence[str],
    pacts: Sequence[Interaction] | None,
    at_least: Sequence[str],
    asking: Ask,
    accepted: Sequence[Acceptance] = (),
) -> Iterator[Cell]:
    """Ask, target by target: `targets` are the names that pacts know their consumers by, by the names of documents.
    Without `pacts` none are asked for."""
    wanted = thresholds(at_least)
    for named, consumer in targets.items():
        if pacts is not None:
            yield from _pacts(named, [each for each in pacts if each.consumer == consumer], asking)
        ran: list[Ran] = []
        for scenario in scenarios:
            try:
                finished = asking.run(scenario, named)
            except PilotplantError as error:
                if error.exit is not Exit.UNREACHABLE:
                    raise
                yield Cell(named, "scenario", scenario, int(error.exit), error.message)
                continue
            ran.append((scenario, finished))
            yield _scenario(named, scenario, finished)
        yield from _flows(named, ran)
        yield from _accepted(named, ran, accepted, asking.today)
        yield from _coverage(named, [finished.directory for _scenario, finished in ran], wanted, asking)


def thresholds(at_least: Sequence[str]) -> dict[str, float]:
    """`operations=60` as a number by name."""
    found: dict[str, float] = {}
    for entry in at_least:
        name, equals, value = entry.partition("=")
        try:
            percent = float(value)
        except ValueError:
            percent = -1.0
        if name not in PARTS:
            message = f"there is no coverage of `{name}`{did_you_mean(name, PARTS)}"
            raise UsageError(message, help=f"There is coverage of {listed(PARTS)}.")
        if not equals or not 0 <= percent <= 100:
            raise UsageError(f"coverage is asked for as `{name}=PERCENT`, got `{entry}`", help=f"Such as {name}=60.")
        found[name] = percent
    return found


def _pacts(target: str, pacts: Sequence[Interaction], asking: Ask) -> Iterator[Cell]:
    if not pacts:
        yield Cell(target, "pact", "any", int(Exit.UNKNOWN), f"there is no pact whose consumer is {target}")
        return
    verification = asking.verify(pacts)
    by_pact: dict[tuple[str, bool], list[Checked]] = {}
    for checked in verification.checked:
        by_pact.setdefault((checked.provider, checked.derived), []).append(checked)
    for (provider, derived), entries in sorted(by_pact.items()):
        of = Verification(verification.against, tuple(entries))
        failed = next((each for each in of.checked if each.verdict is not Verdict.PASS), None)
        kept = f"{of.count(Verdict.PASS)} of {len(of.checked)} interactions kept"
        said = f"{kept}; {failed.description}: {failed.sentence}" if failed else kept
        name = f"{provider} (recorded)" if derived else provider
        yield Cell(target, "pact", name, int(of.exit), said, of.checked[0].source)


def _scenario(target: str, scenario: str, finished: Finished) -> Cell:
    result = finished.result
    return Cell(target, "scenario", scenario, result.exit, result.summary, str(finished.directory))


def _flows(target: str, ran: Sequence[Ran]) -> Iterator[Cell]:
    """What the runs say of each flow: broken in one is broken, and kept only if some instance of it was."""
    counts = [counted for _scenario, finished in ran for counted in finished.result.flows]
    for flow in dict.fromkeys(counted.flow for counted in counts):
        broken = [(scenario, sentence) for scenario, done in ran for sentence in _broken(done.result, flow)]
        instances = sum(counted.instances for counted in counts if counted.flow == flow)
        done = sum(counted.done for counted in counts if counted.flow == flow)
        if broken:
            scenario, sentence = broken[0]
            yield Cell(target, "flow", flow, int(Exit.VIOLATION), f"{sentence} ({scenario}; {len(broken)} in all)")
        elif done:
            yield Cell(
                target, "flow", flow, int(Exit.PASS), f"{done:,} of {instances:,} instances carried out, none broken"
            )
        else:
            yield Cell(target, "flow", flow, int(Exit.UNKNOWN), "no instance of it was carried out")


def _broken(result: Result, flow: str) -> Iterator[str]:
    """The findings about a flow. One that names an instance and no flow may be about any that has such an instance."""
    names = {row.instance for row in result.board if row.flow == flow}
    for finding in result.findings:
        about = finding.flow == flow if finding.flow else finding.instance in names
        if finding.severity is Severity.FAIL and about:
            yield finding.sentence


def _accepted(target: str, ran: Sequence[Ran], known: Sequence[Acceptance], today: date) -> Iterator[Cell]:
    """What the project lives with, each with who answers for it; what nobody answers for any more speaks against."""
    for entry in known:
        words = f"{entry.owner} answers for it until {entry.until.isoformat()}: {entry.reason}"
        found = [
            (scenario, finding)
            for scenario, done in ran
            for finding in done.result.findings
            if finding.fingerprint == entry.fingerprint and entry.scenario in ("", done.result.scenario)
        ]
        if not found:
            yield Cell(target, "accepted", entry.fingerprint, int(Exit.PASS), f"no run has it any more; {words}")
            continue
        scenario, finding = found[0]
        over = today > entry.until
        said = f"{finding.sentence} ({scenario}; {words}{', and that is over' if over else ''})"
        code = Exit.VIOLATION if over and finding.severity is Severity.FAIL else Exit.PASS
        yield Cell(target, "accepted", entry.fingerprint, int(code), said)


def _coverage(target: str, directories: Sequence[Path], wanted: Mapping[str, float], asking: Ask) -> Iterator[Cell]:
    if not wanted:
        return
    covered = asking.cover(directories)
    for name, percent in wanted.items():
        part = covered[name]
        said = f"{part.reached} of {len(part.covered)} ({part.percent:.0f} %), {percent:g} % are asked for"
        code = Exit.PASS if part.percent >= percent else Exit.THRESHOLD
        yield Cell(target, "coverage", name, int(code), said)
