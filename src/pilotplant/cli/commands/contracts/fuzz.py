"""`pilotplant contracts fuzz`: very many generated requests to the simulators, or hostile events to a middleware."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.conformance.fuzzing.outcome import Fuzzed
    from pilotplant.resources import Project
    from pilotplant.scenario.model import Mode


@guarded
def fuzz(
    system: Annotated[
        list[str] | None, typer.Option("--system", metavar="NAME", help="Only this simulator; repeatable. [all]")
    ] = None,
    requests: Annotated[
        int, typer.Option("--requests", metavar="N", min=1, help="How many requests, over all simulators.")
    ] = 2000,
    estate: Annotated[str, typer.Option("--estate", metavar="NAME", help="Whose simulators are asked.")] = "whole",
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="NAME|FILE", help="Send hostile events to this middleware instead."),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, max=50, help="With --target: each kind of event so often.")
    ] = 1,
    mode: Annotated[
        Literal["live", "inprocess"],
        typer.Option("--mode", help="With --target: over sockets, or in this process on a virtual clock."),
    ] = "live",
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Send the same again. [0]")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Fuzz the simulators with requests from their OpenAPI documents, or a middleware with hostile events.

    Judged are answers against the documents, and what documents cannot say: idempotency keys, entity tags, credentials,
    Retry-After, and that what is refused changes nothing. Of a middleware: every hostile event has to be refused, or
    set aside and told to somebody, and the good ones among them have to be carried out.

    Exit codes: 0 nothing found, 1 something, 2 invalid input, 3 threshold missed, 4 undecided, 5 target unreachable, 70
    internal error, 130 interrupted.
    """
    found = open_project(project)
    settings = settings_of(found, seed=seed, format=format_)
    quiet = quiet or settings.format == "json"
    if target is not None:
        return _middleware(found, target, rounds, mode, settings, quiet=quiet)
    fuzzed = _simulators(found, estate, system or [], requests, settings.seed or 0, quiet=quiet)
    _show(fuzzed, settings)
    return fuzzed.exit


def _middleware(
    project: "Project", target: str, rounds: int, mode: "Mode", settings: "Settings", *, quiet: bool
) -> int:
    from pilotplant.cli.progress import Watcher
    from pilotplant.conformance.fuzzing.middleware import fuzz as put_to_the_test
    from pilotplant.reporting import fuzzing as report

    with Watcher(f"hostile events · {target}", quiet=quiet) as watcher:
        fuzzed = put_to_the_test(project, target, rounds=rounds, seed=settings.seed or 0, mode=mode, watch=watcher)
    if settings.format == "json":
        print_json({"verdict": fuzzed.verdict, "exit": fuzzed.exit, "fuzzed": fuzzed})
    else:
        print(report.of_middleware(fuzzed))
    return fuzzed.exit


def _simulators(
    project: "Project", estate: str, systems: list[str], requests: int, seed: int, *, quiet: bool
) -> "Fuzzed":
    from pilotplant.cli.progress import Watcher
    from pilotplant.conformance.fuzzing.required import require_schemathesis
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import did_you_mean, listed
    from pilotplant.scenario.loading import load_estate

    require_schemathesis()
    from pilotplant.conformance.fuzzing.simulators import fuzz as put_to_the_test

    setup = load_estate(project, estate)
    known = [name for name, _kind, _plants in setup.estate.instances()]
    for name in systems:
        if name not in known:
            message = f"the estate {estate} has no system `{name}`{did_you_mean(name, known)}"
            raise UsageError(message, help=f"There are {listed(known)}.")
    with Watcher(f"{requests} requests", quiet=quiet) as watcher:
        return put_to_the_test(setup, systems, requests, seed, watcher)


def _show(fuzzed: "Fuzzed", settings: "Settings") -> None:
    from pilotplant.reporting import fuzzing as report

    if settings.format == "json":
        print_json({"verdict": fuzzed.verdict, "exit": fuzzed.exit, "fuzzed": fuzzed})
        return
    if settings.format == "github":
        print(report.annotations(fuzzed), end="")
    print(report.text(fuzzed))
