"""`pilotplant list`: what there is."""

from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotplant.resources import Kind, Project


@guarded
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            help="scenarios targets flows loadtests estates profiles systems operations events stimuli shapes faults "
            "checks metrics defects",
        ),
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """List what a scenario can name: of one kind, or of every kind that the project holds."""
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import did_you_mean

    found = open_project(project)
    settings = settings_of(found, format=format_)
    everything = {name: entries(found) for name, entries in _KINDS.items() if kind in (None, name)}
    if not everything:
        raise UsageError(
            f"there is no kind `{kind}`{did_you_mean(kind or '', _KINDS)}", help=f"Known: {', '.join(_KINDS)}"
        )
    if settings.format == "json":
        print_json(everything)
        return Exit.PASS
    for name, entries in everything.items():
        print(f"{name}:")
        width = max((len(entry) for entry in entries), default=0)
        for entry, about in entries.items():
            print(f"  {entry:<{width}}  {about}".rstrip())
    return Exit.PASS


def _documents(kind: "Kind") -> "Callable[[Project], dict[str, str]]":
    def read(project: "Project") -> dict[str, str]:
        from pilotplant.model.documents import Document
        from pilotplant.model.errors import DocumentError

        told: dict[str, str] = {}
        for name, path in project.names(kind).items():
            try:
                content = Document.read(path).data
            except DocumentError:
                told[name] = "(invalid: see `pilotplant validate`)"
                continue
            about = content.get("about", "") if isinstance(content, dict) else ""
            told[name] = " ".join(str(about).split())
        return told

    return read


def _systems(project: "Project") -> dict[str, str]:
    from pilotplant.systems import catalog

    return {
        name: f"{len(kind.operations)} operations, {len(kind.events)} events" for name, kind in catalog.kinds().items()
    }


def _operations(project: "Project") -> dict[str, str]:
    from pilotplant.systems import catalog

    return {name: f"{o.method} {o.path}  {_first(o.about)}" for name, o in sorted(catalog.operations().items())}


def _events(project: "Project") -> dict[str, str]:
    from pilotplant.systems import catalog

    return {name: _first(event.about) for name, event in sorted(catalog.events().items())}


def _stimuli(project: "Project") -> dict[str, str]:
    from pilotplant.systems import catalog

    return {name: _first(s.plan.__doc__ or "") for name, s in sorted(catalog.stimuli().items())}


def _shapes(project: "Project") -> dict[str, str]:
    from pilotplant.load.arrivals.arrival import Arrivals, shapes

    common = Arrivals.settings()
    return {
        name: f"{_first(shape.about())} [{', '.join(each for each in shape.settings() if each not in common)}]"
        for name, shape in shapes().items()
    }


def _metrics(project: "Project") -> dict[str, str]:
    from pilotplant.model.threshold import COUNTS, LATENCIES, SHARES

    return LATENCIES | COUNTS | SHARES


def _faults(project: "Project") -> dict[str, str]:
    from pilotplant.faults.catalogue import entries

    return {
        entry.kind: f"{_first(entry.about)} [{', '.join(field.name for field in entry.own) or 'nothing to set'}]"
        for entry in entries()
    }


def _checks(project: "Project") -> dict[str, str]:
    from pilotplant.checks.judge import checks

    return {name: check.ABOUT for name, check in checks().items()}


def _defects(project: "Project") -> dict[str, str]:
    from pilotplant.prove.planted import planted

    return {name: f"{defect.name} ({defect.check}, {defect.scenario})" for name, defect in planted().items()}


def _first(text: str) -> str:
    return text.strip().split("\n")[0]


_KINDS = {
    "scenarios": _documents("scenarios"),
    "targets": _documents("targets"),
    "flows": _documents("flows"),
    "loadtests": _documents("loadtests"),
    "estates": _documents("estates"),
    "profiles": _documents("profiles"),
    "systems": _systems,
    "operations": _operations,
    "events": _events,
    "stimuli": _stimuli,
    "shapes": _shapes,
    "faults": _faults,
    "checks": _checks,
    "metrics": _metrics,
    "defects": _defects,
}
