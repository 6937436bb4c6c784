"""`pilotplant load`: how much a middleware carries, and whether it stays correct while it does."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.commands.run import brief, near, report_on
from pilotplant.cli.frame import (
    FormatOption,
    ProjectOption,
    check_reports,
    guarded,
    open_project,
    print_json,
    settings_of,
)
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.load.conclusion import Capacity
    from pilotplant.load.loading import LoadSetup
    from pilotplant.load.running import Where
    from pilotplant.resources import Project
    from pilotplant.run.request import Finished
    from pilotplant.target.model import TargetSpec


WILDCARDS = ("0.0.0.0", "::", "*")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
Profile = Annotated[str | None, typer.Argument(metavar="PROFILE", help="The name of a load profile, or a YAML file.")]
Target = Annotated[
    str | None, typer.Option("--target", metavar="NAME|FILE|URL", help="The middleware under test. [reference]")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of data and arrivals. [0]")]
Scale = Annotated[
    float, typer.Option("--scale", metavar="X", help="So many times as many arrivals as the profile says.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=0, max=64, help="Processes of Locust here. [as the profile says]"),
]
Master = Annotated[
    str | None,
    typer.Option("--master", metavar="HOST:PORT", help="Take workers from other machines at this address, too."),
]
Expect = Annotated[
    int, typer.Option("--expect", metavar="N", min=0, max=64, help="With --master: so many workers from elsewhere.")
]
Processes = Annotated[
    bool, typer.Option("--processes", help="Reach each system in a process of its own, with its own ledger segment.")
]
Worker = Annotated[
    str | None, typer.Option("--worker", metavar="HOST:PORT", help="Be a worker of the master at this address.")
]
Wait = Annotated[
    str, typer.Option("--wait", metavar="DURATION", help="With --worker: how long to wait for the master.")
]
Host = Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Where the estate listens. [127.0.0.1]")]
Token = Annotated[
    str | None,
    typer.Option("--token", envvar="PILOTPLANT_TOKEN", metavar="TEXT", help="Guards control; needed beyond loopback."),
]
FindCapacity = Annotated[
    bool, typer.Option("--find-capacity", help="Hold rate after rate: up to which does it keep up, and what binds?")
]
Repeat = Annotated[
    int, typer.Option("--repeat", metavar="N", min=1, max=100, help="With --find-capacity: search so often.")
]
Report = Annotated[
    str | None, typer.Option("--report", metavar="LIST", help="html,junit,json,md,github [json,junit,md,html]")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where run directories go. [reports/runs]")]


@guarded
def load(
    profile: Profile = None,
    target: Target = None,
    seed: Seed = None,
    scale: Scale = 1.0,
    workers: Workers = None,
    master: Master = None,
    expect: Expect = 0,
    worker: Worker = None,
    wait: Wait = "60s",
    processes: Processes = False,
    host: Host = None,
    token: Token = None,
    capacity: FindCapacity = False,
    repeat: Repeat = 1,
    report: Report = None,
    out: Out = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, start nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Drive the sources of an estate as an open model and judge the middleware under that load.

    Arrivals do not wait for answers; latency counts from the moment that was intended for each. Exit codes are those
    of `pilotplant run`.
    """
    from pilotplant.load.doubtful import doubtful
    from pilotplant.load.drivers import address_of, await_master, be_a_worker
    from pilotplant.load.loading import load_profile_and_target
    from pilotplant.model.durations import length
    from pilotplant.model.errors import UsageError
    from pilotplant.reporting.catalog import reporters

    if worker is not None:
        at = address_of(worker, "--worker")
        await_master(at, length(wait, "--wait"))
        return be_a_worker(at, token or "")
    if profile is None:
        raise UsageError("which profile?", help="`pilotplant list loadtests` shows what there is.")
    found = open_project(project)
    settings = settings_of(found, seed=seed, target=target, reports=report, out=out, format=format_, host=host)
    check_reports(settings.reports, tuple(reporters()))
    if repeat > 1 and not capacity:
        raise UsageError("--repeat goes with --find-capacity", help="Other arrivals of the same business: --seed.")
    if not 0 < scale <= 10_000:
        raise UsageError(f"--scale {scale:g} must be more than 0 and at most 10000")
    setup, chosen = load_profile_and_target(found, profile, settings.target)
    if scale != 1.0:
        setup = setup.with_profile(setup.profile.scaled(scale))
    where = replace(_where(settings, workers, setup.profile.workers, master, expect, token or ""), processes=processes)
    words = _words(workers, master, expect, settings.host)
    for warning in doubtful(setup, chosen):
        print(f"warning: {warning}", file=sys.stderr)
    if dry_run:
        print(f"{setup.profile.load}: valid, {setup.profile.rate:.1f} arrivals a second, target {chosen.target}")
        return Exit.PASS
    if capacity:
        return _search(found, settings, setup, chosen, where, words, named=profile, quiet=quiet, repeat=repeat)
    words += ("--scale", f"{scale:.15g}") if scale != 1.0 else ()
    done = report_on(
        lambda directory: _run(found, settings, setup, chosen, where, directory, words, named=profile, quiet=quiet),
        _directory(found, settings, setup.profile.load),
        settings,
    )
    if settings.format == "json":
        print_json([{"directory": str(done.directory), **brief(done)}])
    return done.result.exit


def _where(
    settings: "Settings", workers: int | None, usual: int, master: str | None, expect: int, token: str
) -> "Where":
    """Where drivers and estate are, from the options."""
    from pilotplant.load.drivers import address_of
    from pilotplant.load.running import Where
    from pilotplant.model.errors import UsageError

    if settings.host not in LOOPBACK and not token:
        raise UsageError(f"--host {settings.host} would open the estate to others", help="Give a --token.")
    if expect and master is None:
        raise UsageError("--expect goes with --master")
    here = workers if workers is not None else (0 if expect else usual)
    if not here and not expect:
        raise UsageError("there is nobody to drive", help="Give --workers, or --master with --expect.")
    at = address_of(master, "--master") if master is not None else None
    only_here = settings.host in LOOPBACK and at is not None and at[0] not in LOOPBACK
    if expect and (only_here or settings.host in WILDCARDS):
        raise UsageError(
            f"workers on other machines cannot reach the estate at {settings.host}",
            help="Give the address of this machine that they see, with --host.",
        )
    return Where(here, master=at, remote=expect, token=token, address=settings.host)


def _words(workers: int | None, master: str | None, expect: int, host: str) -> tuple[str, ...]:
    """Options that a command has to have which repeats this; never the token."""
    words: list[str] = []
    for option, value in (("--workers", workers), ("--master", master), ("--expect", expect or None)):
        words += [option, str(value)] if value is not None else []
    return (*words, *(("--host", host) if host not in LOOPBACK else ()))


def _directory(found: "Project", settings: "Settings", name: str) -> Path:
    from datetime import UTC, datetime

    from pilotplant.run.identity import new_directory

    return new_directory(settings.out or found.runs_dir(), name, datetime.now(UTC))


def _run(
    found: "Project",
    settings: "Settings",
    setup: "LoadSetup",
    chosen: "TargetSpec",
    where: "Where",
    directory: Path,
    words: tuple[str, ...],
    *,
    named: str,
    quiet: bool,
) -> "Finished":
    from pilotplant.cli.progress import Watcher
    from pilotplant.control.application import Control
    from pilotplant.load.running import driving_of, locusts, run_load
    from pilotplant.run.request import RunRequest

    drivers = locusts(where, directory)
    seed = settings.seed or 0
    title = f"{setup.profile.load} · {chosen.target} · seed {seed}"
    with Watcher(title, quiet=quiet or settings.format == "json") as watcher:
        request = RunRequest(
            found,
            setup.setup,
            chosen,
            seed,
            lambda prepared: Control(prepared, where.token, driving).application(),
            directory=directory,
            argv=sys.argv,
            scenario_named=named,
            target_named=settings.target,
            address=where.address,
            processes=where.processes,
            words=words,
            on_progress=watcher,
        )
        driving = driving_of(request, setup, drivers)
        return run_load(request, setup, driving)


def _search(
    found: "Project",
    settings: "Settings",
    setup: "LoadSetup",
    chosen: "TargetSpec",
    where: "Where",
    words: tuple[str, ...],
    *,
    named: str,
    quiet: bool,
    repeat: int,
) -> int:
    """Search for the capacity, perhaps several times, and say how far the searches are apart."""
    import msgspec

    from pilotplant.load.running import find_capacity, written
    from pilotplant.model.verdict import worst
    from pilotplant.reporting import capacity as told
    from pilotplant.run.latest import SEARCH, point_to

    command = _command(found, settings, where, words, named)
    in_words = settings.format != "json"
    found_: list[Capacity] = []
    for _ in range(repeat):  # with the same arrivals: how far apart they are says how well this machine measures
        parent = _directory(found, settings, f"{setup.profile.load}-capacity")

        def attempt(load: "LoadSetup", name: str, parent: Path = parent) -> "Finished":
            directory = parent / name
            directory.mkdir()
            if not quiet and in_words:
                print(f"{setup.profile.load}: holding {load.profile.rate:g} arrivals a second", file=sys.stderr)
            held = near(written(load.profile, directory))
            return _run(found, settings, load, chosen, where, directory, words, named=held, quiet=True)

        def keep(so_far: "Capacity", parent: Path = parent) -> None:
            told.write(msgspec.structs.replace(so_far, command=command), parent)
            point_to(parent)

        try:
            keep(find_capacity(setup, chosen.target, settings.seed or 0, attempt, keep))
        except KeyboardInterrupt:
            if in_words and (parent / SEARCH).is_file():
                print(told.render(told.read(parent), report=near(parent / told.PAGE)))
            raise
        found_.append(told.read(parent))
        if in_words:
            print(told.render(found_[-1], report=near(parent / told.PAGE)))
    if not in_words:
        print_json(found_)
    elif repeat > 1:
        print(told.spread(found_))
    return worst([Exit(capacity.exit) for capacity in found_])


def _command(found: "Project", settings: "Settings", where: "Where", words: tuple[str, ...], named: str) -> str:
    """What searches once more, called from the same folder."""
    import shlex

    from pilotplant.run.running import elsewhere

    seed = ("--target", settings.target, "--seed", str(settings.seed or 0))
    more = (*(("--processes",) if where.processes else ()), *words, *elsewhere(found))
    return shlex.join(["pilotplant", "load", named, "--find-capacity", *seed, *more])
