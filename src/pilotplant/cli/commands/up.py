"""`pilotplant up`: the simulators, until Ctrl-C."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.resources import Project
    from pilotplant.run.preparation import Prepared

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@guarded
def up(
    estate: Annotated[str, typer.Option("--estate", metavar="NAME", help="Which estate.")] = "three-plants",
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the data. [0]")] = None,
    speed: Annotated[float, typer.Option("--speed", metavar="X", help="Business seconds per second.")] = 1.0,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="N", help="Which port; 0 takes a free one. [0]")] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", envvar="PILOTPLANT_TOKEN", metavar="TEXT", help="Guards control; needed beyond loopback."
        ),
    ] = None,
    deliver: Annotated[
        str | None, typer.Option("--deliver", metavar="URL", help="Post all events to this address.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the ledger goes. [reports/runs]")
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Start the simulators of an estate and keep them up until Ctrl-C.

    With --format json one line is printed when they are ready, with addresses and credentials, for scripts.
    """
    from pilotplant.model.errors import UsageError
    from pilotplant.run.ending import run_until_ended
    from pilotplant.scenario.loading import load_target

    found = open_project(project)
    settings = settings_of(found, seed=seed, host=host, port=port, out=out, format=format_)
    if not 0 < speed <= 100_000:
        raise UsageError(f"--speed {speed:g} must be more than 0 and at most 100000")
    if settings.host not in _LOOPBACK and not token:
        raise UsageError(
            f"--host {settings.host} would open the estate to others",
            help="Give a --token that guards the control API.",
        )
    if deliver is not None and not deliver.startswith(("http://", "https://")):
        raise UsageError(f"--deliver {deliver!r} is not an address; write it like http://127.0.0.1:8080/events")
    if deliver is not None:
        load_target(found, deliver)
    prepared = _prepare(found, settings, estate, speed, token or "")
    try:
        run_until_ended(_serve(prepared, settings.format == "json", deliver))
    finally:
        prepared.ledger.close()
    return Exit.PASS


def _prepare(found: "Project", settings: "Settings", estate: str, speed: float, token: str) -> "Prepared":
    from pilotplant.contracts.openapi import documents
    from pilotplant.control.application import Control
    from pilotplant.run.identity import new_directory
    from pilotplant.run.latest import point_to
    from pilotplant.run.preparation import generate_data, prepare_live
    from pilotplant.scenario.loading import load_estate, load_flows

    setup = load_estate(found, estate)
    seed = settings.seed or 0
    directory = new_directory(settings.out or found.runs_dir(), f"up-{estate}", datetime.now(UTC))
    point_to(directory)
    prepared = prepare_live(
        setup,
        generate_data(setup, seed),
        run=directory.name,
        seed=seed,
        speed=speed,
        directory=directory,
        elsewhere=lambda prepared: Control(prepared, token).application(),
        documents=documents(setup.profiles),
        flows=load_flows(found, setup),
        address=settings.host,
        port=settings.port,
    )
    prepared.host.drop_into((directory / "drops").absolute())
    return prepared


async def _serve(prepared: "Prepared", as_json: bool, deliver: str | None) -> None:
    from pilotplant.model.errors import InternalError

    async with prepared.host as host:
        if deliver:
            host.subscribe(deliver, lambda _event: True)
        _announce(prepared, as_json)
        host.begin()
        await host.failed.wait()
        raise InternalError(f"a simulator failed: {host.failure}")


def _announce(prepared: "Prepared", as_json: bool) -> None:
    host = prepared.host
    if not as_json:
        print(f"Estate {prepared.estate.spec.estate} is up at {host.url}  (Ctrl-C ends it)")
        for address in prepared.addresses():
            print(f"  {address.name:<10} {address.profile:<10} {address.url}")
        print("Credentials and addresses for scripts: pilotplant up --format json")
        sys.stdout.flush()
        return
    import msgspec

    systems = {}
    for address in prepared.addresses():
        given = address.credentials
        entry = {"system": address.kind, "profile": address.profile, "url": address.url, "auth": given.kind}
        if given.kind == "oauth2":
            entry |= {
                "token_url": address.token_url,
                "client_id": given.client_id,
                "client_secret": given.client_secret,
            }
        if given.kind == "api-key":
            entry |= {"api_key": given.api_key}
        if address.channel != "webhook":
            entry |= {"events": address.channel}
        if address.files:
            entry |= {"files": address.files}
        for plant in address.plants:
            systems[f"{address.kind}@{plant}"] = {**entry, "plant": plant}
        if "@" not in address.name:
            systems[address.name] = entry
    line = {
        "ready": True,
        "control": f"{host.url}/_pilotplant/",
        "events": {"secret": prepared.events_secret},
        "systems": systems,
    }
    print(msgspec.json.encode(line).decode(), flush=True)
