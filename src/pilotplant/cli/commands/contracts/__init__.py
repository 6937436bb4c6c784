"""`pilotplant contracts`: what systems and middlewares promise each other, put to the test."""

import typer

from pilotplant.cli.commands.contracts import coverage, diff, fuzz, record, verify

app = typer.Typer(
    help="Verify pacts, fuzz simulators and middlewares, compare versions, record pacts from runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("verify")(verify.verify)
app.command("fuzz")(fuzz.fuzz)
app.command("diff")(diff.diff)
app.command("record")(record.record)
app.command("coverage")(coverage.coverage)
