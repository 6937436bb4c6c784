"""`pilotplant data`: master data as CSV, out of an estate and into one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.dataset.tables import Writing

app = typer.Typer(help="Own items, structures, cross references, orders and stock as CSV.", no_args_is_help=True)

DelimiterOption = Annotated[str, typer.Option("--delimiter", metavar="C", help="What separates columns.")]
DecimalOption = Annotated[str, typer.Option("--decimal", metavar=".|,", help="How decimals are written.")]
CharsetOption = Annotated[str, typer.Option("--charset", metavar="NAME", help="utf-8, cp1252, …")]


@app.command("export")
@guarded
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    estate: Annotated[str, typer.Option("--estate", metavar="NAME", help="Which estate.")] = "three-plants",
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the data. [0]")] = None,
    delimiter: DelimiterOption = ",",
    decimal: DecimalOption = ".",
    charset: CharsetOption = "utf-8",
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Write the master data of an estate as CSV: what a run with this seed begins with."""
    from pilotplant.dataset.tables import write_tables
    from pilotplant.run.preparation import generate_data
    from pilotplant.scenario.loading import load_estate

    found = open_project(project)
    settings = settings_of(found, seed=seed, format=format_)
    data = generate_data(load_estate(found, estate), settings.seed or 0)
    for path in write_tables(data.dataset, folder, _writing(delimiter, decimal, charset)):
        print(f"  {path}")
    return Exit.PASS


@app.command("import")
@guarded
def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that holds the files.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the data are to be called.")],
    estate: Annotated[
        str, typer.Option("--estate", metavar="NAME", help="Whose plants they belong to.")
    ] = "three-plants",
    delimiter: DelimiterOption = ",",
    decimal: DecimalOption = ".",
    charset: CharsetOption = "utf-8",
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Check CSV files, all rows and columns at once, and keep them in the project under `data/`."""
    from pilotplant.dataset.tables import Writing, read_tables, write_tables
    from pilotplant.model.errors import UsageError
    from pilotplant.scenario.loading import load_estate

    found = open_project(project)
    settings_of(found, format=format_)
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise UsageError(f"--name {name!r} must consist of letters, digits, - and _")
    if not found.writable:
        raise UsageError("there is no project to keep the data in", help="Make one with `pilotplant init`.")
    setup = load_estate(found, estate)
    dataset = read_tables(folder, setup.estate.places(), 0, _writing(delimiter, decimal, charset))
    target = found.root / "data" / name
    if target.exists():
        raise UsageError(f"{target} is there already; nothing was written", help="Choose another --name.")
    write_tables(dataset, target, Writing())
    print(
        f"{len(dataset.items)} items, {len(dataset.boms)} structures, {len(dataset.stock)} quants of stock in {target}"
    )
    print(f"next: in an estate, data: {{from: data/{name}}}")
    return Exit.PASS


def _writing(delimiter: str, decimal: str, charset: str) -> "Writing":
    import codecs

    from pilotplant.dataset.tables import Writing
    from pilotplant.model.errors import UsageError

    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(f"--delimiter {delimiter!r} must be one character, and no quote or line break")
    if decimal not in (".", ","):
        raise UsageError(f"--decimal {decimal!r} must be . or ,")
    try:
        codecs.lookup(charset)
    except LookupError:
        raise UsageError(f"--charset {charset!r} is no character set that is known here") from None
    return Writing(delimiter, decimal, charset)
