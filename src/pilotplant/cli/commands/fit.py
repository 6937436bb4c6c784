"""`pilotplant fit`: a model fitted to runs of a middleware, judged by a run that was not used."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.drive.whatif.model import ModelSpec
    from pilotplant.sweep.calibration import Fit, PastRun

TOLERANCE = 0.2
"""A model that is farther off in a median is not good enough."""
RESOLUTION_S = 0.01
"""Differences below this are noise: figures have milliseconds, and a machine has other things to do."""


@guarded
def fit_model(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN…]", help="Directories of runs to fit to, or a folder of such.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="RUN", help="A run that is not used for fitting, and judges.")
    ] = None,
    measured: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Latencies measured elsewhere: what,name,seconds.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the target is called. [model]")] = "model",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write it, such as targets/mine.yaml.")
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Fit the parameters of a model to what a middleware did, and say how far it is off.

    Exit codes: 0 done, 2 invalid input, 3 a median is off by more than 20 % (in the run to check, if there is one),
    70 internal error.
    """
    from pilotplant.model.errors import UsageError
    from pilotplant.reporting.wording import printable
    from pilotplant.sweep import calibration

    found = open_project(project)
    settings = settings_of(found, format=format_)
    if bool(runs) == (measured is not None):
        raise UsageError("fit needs runs to fit to, or --csv", help="pilotplant fit reports/runs/…")
    overrides: list[str] = []
    fits: list[Fit] = []
    checked: list[Fit] = []
    if measured is not None:
        model, overrides = calibration.from_csv(measured)
        checked = calibration.compared(found, _judging(check, []), model) if check is not None else []
    else:
        used = [calibration.past_run(run) for path in runs or [] for run in calibration.runs_in(path)]
        judging = _judging(check, used) if check is not None else None
        model, fits = calibration.calibrated(found, used)
        checked = calibration.compared(found, judging, model) if judging is not None else []
    document = _document(name, model)
    if out is not None:
        out.write_text(document, encoding="utf-8")
    medians = [fit for fit in (checked or fits) if fit.figure.endswith("_p50")]
    code = Exit.THRESHOLD if any(_off(fit) for fit in medians) else Exit.PASS
    if settings.format == "json":
        told = {"fitted": [_row(fit) for fit in fits], "checked": [_row(fit) for fit in checked]}
        print_json({"model": model.model_dump(mode="json", exclude_unset=True), "set": overrides, **told})
        return code
    if out is None:
        print(document)
    for title, rows in (("a run it was fitted to", fits), ("a run that was not used", checked)):
        for fit in rows:
            line = f"{fit.figure} {fit.observed:.3f} s, model {fit.predicted:.3f} s, off by {fit.error:.0%}"
            print(f"{title} ({printable(fit.run)}): {line}")
    for override in overrides:
        print(f"--set {override}")
    if out is not None:
        print(f"written: {out}   exit {int(code)}")
    return code


def _judging(check: Path, used: "Sequence[PastRun]") -> "PastRun":
    """The run that judges. One that the model was fitted to says nothing."""
    from pilotplant.model.errors import UsageError
    from pilotplant.sweep import calibration

    found = calibration.runs_in(check)
    if len(found) > 1:
        raise UsageError(f"--check {check} holds {len(found)} runs, and one judges", help=f"Such as {found[0]}.")
    judging = calibration.past_run(found[0])
    for past in used:
        if calibration.same_run(past, judging):
            raise UsageError(
                f"--check {check} is {past.directory}, which the model is fitted to: only another run can judge it",
                help="Run the scenario again with another seed.",
            )
    return judging


def _off(fit: "Fit") -> bool:
    return fit.error > TOLERANCE and abs(fit.predicted - fit.observed) > RESOLUTION_S


def _row(fit: "Fit") -> dict[str, object]:
    return {
        "run": fit.run,
        "figure": fit.figure,
        "observed": fit.observed,
        "predicted": fit.predicted,
        "error": round(fit.error, 4),
    }


def _document(name: str, model: "ModelSpec") -> str:
    """The target as YAML."""
    import yaml

    content = {"target": name, "about": "Fitted by pilotplant fit.", "model": _plain(model)}
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)


def _plain(model: "ModelSpec") -> dict[str, object]:
    told: dict[str, object] = model.model_dump(mode="json", exclude_defaults=True)
    return told
