"""What-if runs for tests: a scenario of this project with a model, and its ledger before all checks."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from pilotplant.checks.judge import Judgement, judge
from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.pieces import modelled
from pilotplant.ledger.reader import Ledger
from pilotplant.resources import Project, find_project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import Finished, RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import Setup, load_run
from pilotplant.target.model import TargetSpec

ROOT = Path(__file__).resolve().parents[2]


@cache
def project() -> Project:
    """This checkout."""
    return find_project(str(ROOT), {}, ROOT)


def setup_of(scenario: str, *overrides: str) -> Setup:
    """A scenario of the project."""
    (setup,), _target = load_run(project(), [scenario], overrides, "reference")
    return setup


def modelled_run(directory: Path, setup: Setup, seed: int = 0, **model: Any) -> Finished:
    """Run it with a model with these parameters."""
    target = TargetSpec(target="model", model=ModelSpec.model_validate(model))
    return run(RunRequest(project(), setup, target, seed, only_null_target, "whatif", directory=directory))


def before_all_checks(directory: Path, setup: Setup) -> Judgement:
    """The ledger of a what-if run, judged as if a middleware had been at work."""
    ledger = Ledger(directory)
    ledger.header = msgspec.structs.replace(ledger.header, mode="live")
    flows, _left_out = modelled(setup.flows)
    return judge(ledger, flows, target="model", expressions=setup.scenario.thresholds)


def shorter(setup: Setup, **changed: Any) -> Setup:
    """The setup with other fields in its scenario."""
    return replace(setup, scenario=setup.scenario.model_copy(update=changed))


def confirmations(folder: Path, stimulus: str, *more: str, overrides: tuple[str, ...] = ()) -> Setup:
    """A small scenario: orders are completed, and their stock has to be posted."""
    lines = ["scenario: small", "estate: three-plants", f"stimuli: [{{do: mes.order.complete, {stimulus}}}]"]
    lines += ["flows: [production-confirmation]", "quiescence: {quiet: 1s, give_up: 30s}"]
    lines += ["thresholds: [facts.lost == 0]", *more]
    path = folder / "small.yaml"
    path.write_text("\n".join(lines) + "\n")
    (setup,), _target = load_run(project(), [str(path)], overrides, "reference")
    return setup


def figures_of(finished: Finished) -> dict[str, float]:
    """The figures of the whole estate."""
    return {figure.name: figure.value for figure in finished.result.figures if not figure.plant}
