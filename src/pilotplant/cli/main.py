"""The command line: `pilotplant`."""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from pilotplant import __version__
from pilotplant.cli.commands import (
    accept,
    attach,
    calibrate,
    contracts,
    data,
    doctor,
    explain,
    explore,
    fit,
    gate,
    init,
    ledger,
    listing,
    load,
    prove,
    replay,
    report,
    run,
    schema,
    shrink,
    sweep,
    up,
    validate,
)

app = typer.Typer(
    name="pilotplant",
    help="Simulate a manufacturing estate, drive any middleware through it, and judge what it did.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pilotplant {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Simulate a manufacturing estate, drive any middleware through it, and judge what it did."""


app.command("run")(run.run)
app.command("explore")(explore.explore)
app.command("replay")(replay.replay)
app.command("shrink")(shrink.shrink)
app.command("gate")(gate.gate)
app.command("prove")(prove.prove)
app.command("sweep")(sweep.sweep)
app.command("fit")(fit.fit_model)
app.command("calibrate")(calibrate.calibrate)
app.command("load")(load.load)
app.command("up")(up.up)
app.command("attach")(attach.attach)
app.command("init")(init.init)
app.command("validate")(validate.validate)
app.command("list")(listing.list_)
app.command("explain")(explain.explain)
app.command("schema")(schema.schema)
app.command("report")(report.report)
app.command("accept")(accept.accept)
app.command("doctor")(doctor.doctor)
app.add_typer(contracts.app, name="contracts")
app.add_typer(data.app, name="data")
app.add_typer(ledger.app, name="ledger")


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal or pipe cannot encode is shown as `?`; it must not end a run.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()
