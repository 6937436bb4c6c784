"""`pilotplant sweep`: what-if experiments."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.resources import Project
    from pilotplant.sweep.campaign import Explored
    from pilotplant.sweep.document import SweepSpec
    from pilotplant.sweep.planning import Plan

METRICS = ("change_propagation_p95", "confirmation_to_stock_p95", "calls_throttled_share", "backlog_max")
"""Of these, what the flows of a scenario measure, where nothing else is asked for."""


@guarded
def sweep(
    named: Annotated[str, typer.Argument(metavar="STUDY|SCENARIO", help="A study, or a scenario to put --vary on.")],
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="PATH=A:B:STEP|X,Y,Z", help="Values of a field; may be given again."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="A field that is other in all points.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="A figure. Given again: more of them."),
    ] = None,
    replications: Annotated[
        int | None, typer.Option("--replications", metavar="N", min=2, help="How often each point is run at least. [5]")
    ] = None,
    until_rel_error: Annotated[
        float | None, typer.Option("--until-rel-error", metavar="E", help="Go on until the first metric is so certain.")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", metavar="N", min=2, help="Replications at most. [those of --replications]")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME|FILE", help="Whose model it is. [reference]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="The first seed. [0]")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", metavar="N", min=1, help="Processes. [one per core]")] = None,
    dask: Annotated[
        str, typer.Option("--dask", metavar="ADDRESS", help="Run on a Dask cluster, such as tcp://host:8786.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where tables and report go. [reports/sweeps/NAME]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every point, run nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Run a scenario over parameters, with a model in the middleware's place, in virtual time.

    Paths lead into the scenario (stimuli.0.count, model.workers), its estate (estate.plants=12) or a profile
    (profiles.erp.latency.median_ms). Runs that were made before come from a cache: what was interrupted goes on where
    it was. Exit codes: 0 done, 2 invalid input, 4 a point is less certain than was asked for, 5 no cluster there, 70
    internal error, 130 interrupted.
    """
    found = open_project(project)
    settings = settings_of(found, format=format_, target=target, seed=seed)
    given = {"metrics": metric, "target": target, "seed": seed, "vary": vary, "set": set_}
    repeated = {"min": replications, "max": most, "until_rel_error": until_rel_error}
    spec = _spec(found, named, given, repeated, settings)
    plan = _plan(found, spec)
    if dry_run:
        print(f"{spec.sweep}: valid, {len(plan.points)} points, {spec.replications.min} replications each")
        return Exit.PASS
    silent = quiet or settings.format == "json"
    explored = _explore(found, plan, jobs or os.cpu_count() or 1, dask, quiet=silent)
    return _tell(found, explored, out, settings.format)


def _spec(
    project: "Project",
    named: str,
    given: Mapping[str, object],
    repeated: Mapping[str, object],
    settings: "Settings",
) -> "SweepSpec":
    """The study, or one made of a scenario and flags; flags go before what a study says, and that before what the
    project has settled."""
    from pydantic import ValidationError

    from pilotplant.model.errors import UsageError
    from pilotplant.sweep.document import SweepSpec, is_sweep, load_sweep, varied

    content: dict[str, object] = {}
    if is_sweep(project, named):
        content = load_sweep(project, named).model_dump(by_alias=True, exclude_unset=True)
    else:
        project.find("scenarios", named)
        content = {"sweep": Path(named).stem, "scenario": named, "metrics": list(METRICS)}
    for name, value in given.items():
        if not value and value != 0:
            continue
        if name == "vary":
            flags = varied(_list(value))
            content["vary"] = {**_dict(content.get("vary")), **flags}
            content["set"] = _kept(_dict(content.get("set")), flags)
        elif name == "set":
            content["set"] = {**_dict(content.get("set")), **_settings(_list(value))}
        else:
            content[name] = value
    content = {"seed": settings.seed or 0, **content, "target": content.get("target") or settings.target}
    content["replications"] = _replications(_dict(content.get("replications")), repeated)
    try:
        return SweepSpec.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{place or content['sweep']}: {first['msg'].removeprefix('Value error, ')}") from None


def _replications(before: dict[str, object], repeated: Mapping[str, object]) -> dict[str, object]:
    """What the study says of repetitions, with the flags before it."""
    from pilotplant.model.errors import UsageError

    wanted = {name: value for name, value in repeated.items() if value is not None}
    found: dict[str, object] = {**before, **wanted}
    least, most = int(str(found.get("min", 5))), int(str(found.get("max", 0)))
    if "max" not in wanted and ("until_rel_error" not in found or most < least):
        found["max"] = most = least if "min" in wanted else max(least, most)
    if "until_rel_error" in wanted and "max" not in wanted and most <= least:
        raise UsageError(
            f"--until-rel-error has no room: each point is run {least} times, and no more",
            help=f"Say how often at most, such as --max {10 * least}.",
        )
    return found


def _kept(settings: dict[str, object], flags: Mapping[str, object]) -> dict[str, object]:
    """What a study sets, but for what --vary varies in its place."""
    from pilotplant.sweep.document import lost

    told = [*((path, "") for path in settings), *((path, "") for path in flags)]
    gone = {path for path, _where, _over, _place in lost(told)}
    return {path: value for path, value in settings.items() if path not in gone}


def _dict(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _list(value: object) -> list[str]:
    return list(map(str, value)) if isinstance(value, list) else []


def _settings(overrides: list[str]) -> dict[str, object]:
    import yaml

    from pilotplant.model.errors import UsageError

    found: dict[str, object] = {}
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not all(path.split(".")):
            raise UsageError(f"--set {override!r} is not of the form a.b=c")
        try:
            found[path] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise UsageError(f"--set {path}: {text[:80]!r} is not a YAML value") from None
    return found


def _plan(project: "Project", spec: "SweepSpec") -> "Plan":
    from pilotplant.sweep.planning import Plan

    plan = Plan.of(project, spec)
    if spec.metrics == list(METRICS):  # nobody asked for these: only what the flows can measure
        flows = {flow.flow for planned in plan.points for flow in planned.setup.flows}
        known = [m for m in METRICS if not (m.startswith("change") and "engineering-change" not in flows)]
        known = [m for m in known if not (m.startswith("confirmation") and "production-confirmation" not in flows)]
        return Plan(spec.model_copy(update={"metrics": known}), plan.project, plan.points)
    return plan


def sweeps_folder(project: "Project") -> Path:
    """Where sweeps are kept."""
    return project.runs_dir().parent / "sweeps"


def _explore(project: "Project", plan: "Plan", jobs: int, dask: str, *, quiet: bool) -> "Explored":
    from tempfile import TemporaryDirectory

    from pilotplant.cli.progress import Watcher
    from pilotplant.sweep.cache import Cache
    from pilotplant.sweep.campaign import explore
    from pilotplant.sweep.executors import crew

    cache = Cache(sweeps_folder(project) / "cache.jsonl")
    try:
        with (
            TemporaryDirectory(prefix="pilotplant-sweep-", ignore_cleanup_errors=True) as folder,
            crew(min(jobs, 256), dask) as workers,
            Watcher(f"{plan.spec.sweep} · what-if", quiet=quiet) as watcher,
        ):
            return explore(plan, cache, workers.executor, workers.jobs, watcher, folder)
    except KeyboardInterrupt:
        print("what was finished is kept; the same command goes on from there", file=sys.stderr)
        raise
    finally:
        cache.close()


def _tell(project: "Project", explored: "Explored", out: Path | None, format_: str) -> int:
    from pilotplant.cli.commands.run import near
    from pilotplant.reporting import sweep as report
    from pilotplant.sweep import tables

    spec = explored.plan.spec
    directory = out or sweeps_folder(project) / f"{spec.sweep}-{explored.plan.key}"
    files, missing = tables.write(explored, directory)
    page = report.write(explored, directory, " ".join(["pilotplant", *sys.argv[1:]]))
    code = Exit.UNKNOWN if explored.uncertain else Exit.PASS
    if format_ == "json":
        told = {"points": tables.points(explored), "made": explored.made, "cached": explored.cached}
        print_json({"sweep": spec.sweep, "directory": str(directory), "exit": int(code), **told})
        return code
    print(report.text(explored))
    names = ", ".join(file.name for file in files)
    print(f"\ntables: {near(directory)}/ ({names})")
    if missing:
        print(f"no Parquet without pyarrow: {missing}")
    print(f"report: {near(page)}   exit {int(code)}")
    return code
