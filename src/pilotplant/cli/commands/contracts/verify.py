"""`pilotplant contracts verify`: the simulators, or a real system, against the pacts of its consumers."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.conformance.fidelity import RealSystem
    from pilotplant.conformance.verification import Verification
    from pilotplant.contracts.pacts import Interaction
    from pilotplant.resources import Project


@guarded
def verify(
    provider: Annotated[
        list[str] | None, typer.Option("--provider", metavar="NAME", help="Only pacts with this provider; repeatable.")
    ] = None,
    consumer: Annotated[
        list[str] | None, typer.Option("--consumer", metavar="NAME", help="Only pacts of this consumer; repeatable.")
    ] = None,
    pacts: Annotated[
        str | None,
        typer.Option("--pacts", metavar="DIR|FILE|URL", help="Where pacts are: files, or a broker. [contracts/pacts]"),
    ] = None,
    estate: Annotated[str, typer.Option("--estate", metavar="NAME", help="Whose simulators are asked.")] = "whole",
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="NAME=SYSTEM", help="The system that a pact calls by another name; repeatable."),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Compare a real system with its simulator instead.")
    ] = None,
    states: Annotated[
        Path | None, typer.Option("--states", metavar="FILE", help="With --url: which records of the system to use.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", help="With --url; ${VAR} is read from the environment."),
    ] = None,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="With --url: also send what changes something there.")
    ] = False,
    only: Annotated[
        Literal["requests", "events"] | None, typer.Option("--only", help="Only what pacts say of these.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Verify the simulators against pacts: every interaction, in an estate of its own and in the states that it names.

    With --url the same pacts tell where a real system and its simulator differ: in status, headers, fields, types and
    errors. --states binds the states of the pacts to records that it has. Nothing is written there unless
    --allow-writes says so. Credentials for a broker are read from PACT_BROKER_TOKEN, or PACT_BROKER_USERNAME and
    PACT_BROKER_PASSWORD.

    Exit codes: 0 all kept, 1 one was not, 2 invalid input, 4 nothing was verified or some could not be, 5 broker or
    system unreachable, 70 internal error, 130 interrupted.
    """
    found = open_project(project)
    settings = settings_of(found, format=format_)
    aliases = aliases_of(as_ or [])
    named = pacts or _own(found, settings)
    wanted = _wanted(named, provider or [], consumer or [], aliases) if named else []
    if only:
        wanted = [each for each in wanted if (each.kind == "http") == (only == "requests")]
    real = _real_system(url, states, header or [], _states_of(wanted, aliases), allow_writes=allow_writes)
    verification = _verify(found, wanted, estate, aliases, real, quiet=quiet or settings.format == "json")
    _show(verification, settings)
    return verification.exit


def _own(project: "Project", settings: "Settings") -> str:
    """The project's own pacts; where it has none, what to do is said, and nothing is verified."""
    from pilotplant.contracts.pacts import own_pacts

    folder = own_pacts(project.root, settings.gate_pacts)
    if folder.exists():
        return str(folder)
    print(f"{NO_PACTS}: put some into {os.path.relpath(folder)}, or name them with --pacts", file=sys.stderr)
    return ""


NO_PACTS = "this project has no pacts"


def _wanted(pacts: str, providers: list[str], consumers: list[str], aliases: dict[str, str]) -> "list[Interaction]":
    from pilotplant.contracts.pacts import read_folder
    from pilotplant.model.errors import UsageError
    from pilotplant.systems import catalog

    if "://" in pacts:
        from pilotplant.conformance import broker

        found = broker.fetch(pacts, providers or [*catalog.kinds(), *aliases])
    else:
        folder = Path(pacts)
        if not folder.exists():
            raise UsageError(
                f"there is no file or folder `{pacts}`", help="Name a folder of pacts, a pact, or a broker."
            )
        found = read_folder(folder)
    return [
        interaction
        for interaction in found
        if (not providers or interaction.provider in providers) and (not consumers or interaction.consumer in consumers)
    ]


def _states_of(wanted: "list[Interaction]", aliases: dict[str, str]) -> set[str]:
    """The states that a file may bind: those that the pacts name, and those that their systems know."""
    from pilotplant.systems.provider_states import states_of

    kinds = {aliases.get(each.provider, each.provider).partition("@")[0] for each in wanted}
    return {state.name for each in wanted for state in each.states} | {
        name for kind in kinds for name in states_of(kind)
    }


def aliases_of(given: Iterable[str], setting: str = "--as") -> dict[str, str]:
    """The systems that pacts call by another name."""
    from pilotplant.model.errors import UsageError

    found: dict[str, str] = {}
    for each in given:
        name, equals, system = each.partition("=")
        if not equals or not name or not system:
            raise UsageError(f"{setting} is `NAME=SYSTEM`, got `{each}`", help="For example: SAP S/4=erp")
        found[name] = system
    return found


def _verify(
    project: "Project",
    wanted: "list[Interaction]",
    estate: str,
    aliases: dict[str, str],
    real: "RealSystem | None",
    *,
    quiet: bool,
) -> "Verification":
    import asyncio
    import time

    from pilotplant.cli.progress import Watcher
    from pilotplant.conformance.fidelity import compare
    from pilotplant.conformance.pact_judge import require_pact
    from pilotplant.conformance.stage import Sceneries
    from pilotplant.conformance.verification import Verification
    from pilotplant.conformance.verifying import verify as put_to_the_test
    from pilotplant.scenario.loading import load_estate

    require_pact()
    against = f"the simulators of {load_estate(project, estate).estate.estate}"
    if real is not None:
        _one_provider(wanted)
        against = real.url
    if not wanted:
        return Verification(against, ())
    sceneries = Sceneries(project, estate, time.time())
    with Watcher(f"{len(wanted)} interactions", quiet=quiet) as watcher:
        if real is not None:
            return asyncio.run(compare(wanted, real, sceneries, aliases, watcher))
        return asyncio.run(put_to_the_test(wanted, sceneries, against, aliases, watcher))


def _real_system(
    url: str | None, states: Path | None, headers: list[str], known: set[str], *, allow_writes: bool
) -> "RealSystem | None":
    from pilotplant.conformance.binding import read_bindings
    from pilotplant.conformance.fidelity import RealSystem
    from pilotplant.model.errors import UsageError

    if url is None:
        if states or headers or allow_writes:
            raise UsageError("--states, --header and --allow-writes are about a real system", help="Name it by --url.")
        return None
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--url is an address such as https://erp.example, got `{url}`")
    given: dict[str, str] = {}
    for each in headers:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise UsageError("--header is `NAME: VALUE`", help="For example: --header 'Authorization: Bearer ${TOKEN}'")
        given[name.strip()] = _from_environment(value.strip())
    return RealSystem(
        url.rstrip("/"), given, read_bindings(states, known if known else None) if states else {}, allow_writes
    )


def _from_environment(value: str) -> str:
    """Secrets do not belong on a command line, where others see them."""
    import re

    from pilotplant.model.errors import UsageError

    def read(found: "re.Match[str]") -> str:
        if found[1] not in os.environ:
            raise UsageError(f"--header needs the environment variable {found[1]}, which is not set")
        return os.environ[found[1]]

    return re.sub(r"\$\{(\w+)\}", read, value)


def _one_provider(wanted: "list[Interaction]") -> None:
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import listed

    providers = {interaction.provider for interaction in wanted}
    if len(providers) > 1:
        raise UsageError("--url is the address of one system", help=f"Add --provider: one of {listed(providers)}.")


def _show(verification: "Verification", settings: "Settings") -> None:
    from pilotplant.reporting import verification as report

    if settings.format == "json":
        print_json({"verdict": verification.verdict, "exit": verification.exit, "verification": verification})
        return
    if settings.format == "github":
        print(report.annotations(verification), end="")
    print(report.text(verification))
