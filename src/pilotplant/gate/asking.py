"""Asks everything that a project's configuration asks for: pacts verified, scenarios run, their flows and coverage read
off what came of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pilotplant.checks.finding import Severity
from pilotplant.checks.result import Result
from pilotplant.conformance.coverage import PARTS, Coverage
from pilotplant.conformance.verification import Verification
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


def ask(
    targets: Mapping[str, str],
    scenarios: Sequence[str],
    pacts: Sequence[Interaction] | None,
    at_least: Sequence[str],
    asking: Ask,
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
    for provider in sorted({checked.provider for checked in verification.checked}):
        of = Verification(
            verification.against, tuple(each for each in verification.checked if each.provider == provider)
        )
        failed = next((each for each in of.checked if each.verdict is not Verdict.PASS), None)
        kept = f"{of.count(Verdict.PASS)} of {len(of.checked)} interactions kept"
        said = f"{kept}; {failed.description}: {failed.sentence}" if failed else kept
        yield Cell(target, "pact", provider, int(of.exit), said, of.checked[0].source)


def _scenario(target: str, scenario: str, finished: Finished) -> Cell:
    result = finished.result
    return Cell(target, "scenario", scenario, result.exit, result.summary, str(finished.directory))


def _flows(target: str, ran: Sequence[Ran]) -> Iterator[Cell]:
    """What the runs say of each flow: broken in one is broken, and kept only if some instance of it was."""
    names = dict.fromkeys(row.flow for _scenario, finished in ran for row in finished.result.board)
    for flow in names:
        broken = [(scenario, sentence) for scenario, done in ran for sentence in _broken(done.result, flow)]
        rows = [row for _scenario, done in ran for row in done.result.board if row.flow == flow]
        done = sum(row.status == "done" for row in rows)
        if broken:
            scenario, sentence = broken[0]
            yield Cell(target, "flow", flow, int(Exit.VIOLATION), f"{sentence} ({scenario}; {len(broken)} in all)")
        elif done:
            yield Cell(
                target, "flow", flow, int(Exit.PASS), f"{done} of {len(rows)} instances carried out, none broken"
            )
        else:
            yield Cell(target, "flow", flow, int(Exit.UNKNOWN), "no instance of it was carried out")


def _broken(result: Result, flow: str) -> Iterator[str]:
    instances = {(row.instance, row.plant) for row in result.board if row.flow == flow}
    names = {instance for instance, _plant in instances}
    for finding in result.findings:
        if finding.severity is Severity.FAIL and finding.instance in names:
            yield finding.sentence


def _coverage(target: str, directories: Sequence[Path], wanted: Mapping[str, float], asking: Ask) -> Iterator[Cell]:
    if not wanted:
        return
    covered = asking.cover(directories)
    for name, percent in wanted.items():
        part = covered[name]
        said = f"{part.reached} of {len(part.covered)} ({part.percent:.0f} %), {percent:g} % are asked for"
        code = Exit.PASS if part.percent >= percent else Exit.THRESHOLD
        yield Cell(target, "coverage", name, int(code), said)
