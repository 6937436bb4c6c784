"""`pilotplant fit`: a model fitted to runs of a middleware, judged by a run that was not used."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
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
        list[Path] | None,
        typer.Argument(metavar="[RUN…]", help="Runs to fit to: names, or directories."),
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
    4 no median could be compared, 70 internal error.
    """
    from pilotplant.model.errors import UsageError
    from pilotplant.run.identity import replace_file
    from pilotplant.run.latest import run_directory
    from pilotplant.sweep import calibration, latencies

    found = open_project(project)
    settings = settings_of(found, format=format_)
    if bool(runs) == (measured is not None):
        raise UsageError("fit needs runs to fit to, or --csv", help="pilotplant fit reports/runs/…")
    if out is not None and out.exists():
        raise UsageError(f"{out} is there already; nothing was written", help="Choose another --out, or remove it.")

    def named(run: Path) -> Path:
        return run if run.exists() else run_directory(found.runs_dir(), str(run))

    overrides: list[str] = []
    used: list[PastRun] = []
    fits: list[Fit] = []
    if measured is not None:
        model, overrides = latencies.from_csv(found, measured)
        judging = _judging(named(check), []) if check is not None else None
    else:
        used = [calibration.past_run(run) for path in runs or [] for run in calibration.runs_in(named(path))]
        judging = _judging(named(check), used) if check is not None else None
        model, fits = calibration.calibrated(found, used)
    checked = calibration.compared(found, judging, model) if judging is not None else []
    document = _document(name, model)
    if out is not None:
        replace_file(out, document.encode())
    judges, judged = ([judging], checked) if judging is not None else (used, fits)
    told = _Told(model, overrides, fits, checked, _unknown(judges, judged), _code(judges, judged))
    if settings.format == "json":
        told.as_json()
    else:
        told.as_text(document if out is None else "")
    if out is not None and settings.format != "json":
        print(f"written: {out}   exit {int(told.code)}")
    return told.code


@dataclass(frozen=True)
class _Told:
    """What there is to tell of a fit."""

    model: "ModelSpec"
    overrides: list[str]
    fits: "list[Fit]"
    checked: "list[Fit]"
    unknown: list[str]
    """By which medians the model is not judged, in sentences."""
    code: Exit

    def as_json(self) -> None:
        """For programs."""
        print_json(
            {
                "model": self.model.model_dump(mode="json", exclude_unset=True),
                "set": self.overrides,
                "fitted": [_row(fit) for fit in self.fits],
                "checked": [_row(fit) for fit in self.checked],
                "unknown": self.unknown,
                "exit": int(self.code),
            }
        )

    def as_text(self, document: str) -> None:
        """For a terminal."""
        from pilotplant.reporting.wording import printable

        if document:
            print(document)
        for title, rows in (("a run it was fitted to", self.fits), ("a run that was not used", self.checked)):
            for fit in rows:
                off = f"off by {fit.error:.0%}" if isfinite(fit.error) else "which took no time"
                line = f"{fit.figure} {fit.observed:.3f} s, model {fit.predicted:.3f} s, {off}"
                print(f"{title} ({printable(fit.run)}): {line}")
        for sentence in self.unknown:
            print(printable(sentence, 300))
        for override in self.overrides:
            print(f"--set {override}")


def _code(judging: "Sequence[PastRun]", fits: "Sequence[Fit]") -> Exit:
    """A model that runs were to judge and that nothing was compared with is not a good one."""
    medians = [fit for fit in fits if fit.figure.endswith("_p50")]
    if any(_off(fit) for fit in medians):
        return Exit.THRESHOLD
    return Exit.UNKNOWN if judging and not medians else Exit.PASS


def _unknown(judging: "Sequence[PastRun]", fits: "Sequence[Fit]") -> list[str]:
    """Which medians of these runs say nothing of the model, in sentences."""
    from pilotplant.sweep import calibration

    found = [
        f"not compared: {figure} of {past.info.run}, of which the model has none"
        for past in judging
        for figure in calibration.unmatched(past, fits)
    ]
    if judging and not any(fit.figure.endswith("_p50") for fit in fits):
        names = " and ".join(past.info.run for past in judging)
        found.append(f"unknown: no median of {names} could be compared; use a run with a dozen changes or more")
    return found


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
