"""`pilotplant ledger`: look into a ledger, or export it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import ProjectOption, RunArgument, guarded, open_project, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotplant.ledger.reader import Ledger

app = typer.Typer(help="Look into a ledger, or export it.", no_args_is_help=True, rich_markup_mode=None)

KindOption = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="Only records of this kind (commit, req, …).")
]
MatchOption = Annotated[
    str | None, typer.Option("--match", metavar="TEXT", help="Only records that mention this (an item, a change, …).")
]


@app.command()
@guarded
def show(
    run: RunArgument = "",
    kind: KindOption = None,
    match: MatchOption = None,
    around: Annotated[int | None, typer.Option("--around", metavar="SEQ", help="Only records near this one.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 100,
    bodies: Annotated[bool, typer.Option("--bodies", help="Show the bodies of requests, answers and events.")] = False,
    project: ProjectOption = None,
) -> int:
    """Show records of a ledger, one a line."""
    ledger = _open(run, project)
    first = 0 if around is None else max(1, around - limit // 2)
    shown = 0
    for described in _selected(ledger, kind, match):
        seq = described["seq"]
        assert isinstance(seq, int)
        if seq < first:
            continue
        if shown == limit or (around is not None and seq >= first + limit):
            if around is None:
                print(f"… more; raise --limit above {limit}", file=sys.stderr)
            break
        print(_line(described))
        if bodies and isinstance(offset := described.get("body"), int) and offset:
            print(f"        {ledger.body(offset).decode('utf-8', 'replace')[:2000]}")
        shown += 1
    if ledger.torn_bytes:
        print(f"the last {ledger.torn_bytes} bytes are torn: the writer was killed", file=sys.stderr)
    return Exit.PASS


@app.command()
@guarded
def export(
    run: RunArgument = "",
    kind: KindOption = None,
    match: MatchOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output if none.")
    ] = None,
    project: ProjectOption = None,
) -> int:
    """Export a ledger as JSON lines, numbers resolved to names, bodies included."""
    import msgspec

    ledger = _open(run, project)
    target = out.open("wb") if out else sys.stdout.buffer
    try:
        for described in _selected(ledger, kind, match):
            offset = described.get("body")
            if isinstance(offset, int):
                described["body"] = ledger.body(offset).decode("utf-8", "replace")
            target.write(msgspec.json.encode(described) + b"\n")
    finally:
        target.flush()
        if out:
            target.close()
    return Exit.PASS


def _open(run: str, project: str | None) -> "Ledger":
    from pilotplant.ledger.merging import whole
    from pilotplant.run.latest import run_directory

    if run and Path(run).is_file():
        return whole(Path(run))
    found = open_project(project)
    return whole(run_directory(settings_of(found).out or found.runs_dir(), run))


def _selected(ledger: "Ledger", kinds: list[str] | None, match: str | None) -> "Iterator[dict[str, object]]":
    from pilotplant.ledger.reader import describe
    from pilotplant.ledger.records import KINDS
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import did_you_mean

    for kind in kinds or ():
        if kind not in KINDS:
            raise UsageError(f"there is no kind `{kind}`{did_you_mean(kind, KINDS)}", help=f"Known: {', '.join(KINDS)}")
    wanted = tuple(KINDS[kind] for kind in kinds or KINDS)
    for record in ledger:
        if isinstance(record, wanted):
            described = describe(ledger.header, record)
            if not match or match in str(described):
                yield described


def _line(described: dict[str, object]) -> str:
    rest = "  ".join(
        f"{name}={_short(value)}"
        for name, value in described.items()
        if name not in ("kind", "seq", "t", "system") and value not in ("", 0, (), False)
    )
    where = str(described.get("system", ""))
    return f"#{described['seq']:<6} {described['t']:>9.3f}  {described['kind']!s:<12} {where:<9} {rest}"


def _short(value: object) -> str:
    text = "/".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 90 else text[:87] + "…"
