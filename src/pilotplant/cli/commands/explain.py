"""`pilotplant explain`: what a code or name means, from the registries that the program itself uses."""

from inspect import cleandoc
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import guarded
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.faults.catalogue import Entry
    from pilotplant.load.arrivals.arrival import Arrivals


@guarded
def explain(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            help="An error code, a problem, a check, a fault, an operation, a defect, a shape, a metric.",
        ),
    ],
) -> int:
    """Say what an error code, a problem of a simulator, a check, a fault, an operation, a shape or a metric means."""
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import did_you_mean

    known = _everything()
    text = known.get(code) or known.get(code.upper())
    if text is None:  # the defects are those of another program, which takes a moment to ask
        known |= _defects()
        text = known.get(code)
    if text is None:
        raise UsageError(f"nothing is called `{code}`{did_you_mean(code, known)}")
    print(text)
    return Exit.PASS


def _defects() -> dict[str, str]:
    from pilotplant.prove.planted import planted

    told = {}
    for name, defect in planted().items():
        where = f"Named by the check {defect.check}, in the scenario {defect.scenario}."
        told[name] = f"defect {name}: {defect.name}\n  {defect.about}\n  {where}"
        told.setdefault(name.partition("_")[0], told[name])  # as `prove --defect` takes it
    return told


def _everything() -> dict[str, str]:
    from pilotplant.checks.judge import checks
    from pilotplant.faults.catalogue import entries
    from pilotplant.load.arrivals.arrival import shapes
    from pilotplant.model.errors import REGISTRY
    from pilotplant.model.problem import PROBLEMS
    from pilotplant.model.threshold import COUNTS, LATENCIES, SHARES
    from pilotplant.systems import catalog

    operations = catalog.operations()
    told = {
        code: f"{code} (exit {int(kind.exit)})\n  {kind.meaning}\n  help: {kind.help}"
        for code, kind in REGISTRY.items()
    }
    for code, problem in PROBLEMS.items():
        definite = "nothing was changed, for certain" if problem.definite else "whether anything was changed is open"
        told[code] = (
            f"{code}: HTTP {problem.status}, {problem.title}\n  {problem.__doc__}\n  A caller knows: {definite}."
        )
    for name, check in checks().items():
        told[name] = f"check {name}\n  {check.ABOUT}\n  {(check.__doc__ or '').strip()}"
    for name, about in (LATENCIES | COUNTS | SHARES).items():
        how = f"{name} p95 < 5s" if name in LATENCIES else f"{name} == 0"
        told[name] = f"metric {name}\n  {about}\n  In a threshold: {how}"
    for name, shape in shapes().items():
        told[name] = _of_shape(name, shape)
    for entry in entries():
        # `burst` is a shape, too
        told[entry.kind] = "\n".join(filter(None, (_of_fault(entry), told.get(entry.kind))))
    for name, operation in operations.items():
        refusals = ", ".join(rejection.code for rejection in operation.rejects) or "nothing of its own"
        told[name] = (
            f"operation {name}: {operation.method} {operation.path}\n  {operation.about}\n  May refuse with: {refusals}"
        )
    for name, event in catalog.events().items():
        told[name] = f"event {name}\n  {event.about}\n  Keys: {', '.join(event.keys)}"
    for name, stimulus in catalog.stimuli().items():
        fields = stimulus.parameters.model_fields
        takes = ", ".join(f"{field}={info.default!r}" for field, info in fields.items()) or "nothing"
        about = f"stimulus {name}\n  {(stimulus.plan.__doc__ or '').strip()}\n  Takes under `with`: {takes}"
        # A stimulus is often called like the operation that its last act is.
        told[name] = f"{told[name]}\n{about}" if name in told else about
    return told


def _of_shape(name: str, shape: "type[Arrivals]") -> str:
    lines = [f"shape {name} (of the arrivals of a load profile)", indent(shape.about(), "  ")]
    lines += [indent(cleandoc(shape.__doc__ or ""), "  "), "  Its settings:"]
    lines += [f"    {field} [{default}]" for field, default in shape.settings().items() if field != "shape"]
    return "\n".join(lines)


def _of_fault(entry: "Entry") -> str:
    lines = [f"fault {entry.kind} (strikes {entry.strikes})", indent(entry.about, "  "), "  Its own settings:"]
    for field in entry.own:
        lines.append(f"    {field.name}: {field.takes} [{field.default}]  {field.about}")
    if not entry.own:
        lines[-1] = "  It has no settings of its own."
    lines.append("  As every fault it takes:")
    lines += [f"    {field.name}: {field.takes} [{field.default}]  {field.about}" for field in entry.common]
    return "\n".join([*lines, "  Example:", f"    {entry.example}"])
