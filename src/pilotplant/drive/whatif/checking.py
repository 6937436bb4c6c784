"""Whether a model means anything: flows, systems and operations that exist. Places are paths below `model`."""

from collections.abc import Iterable, Iterator

from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.pieces import query_for
from pilotplant.flows.checking import Flaw, Path
from pilotplant.systems import catalog


def flaws_of_model(model: ModelSpec, flows: Iterable[str], *, whole: bool = False) -> Iterator[Flaw]:
    """Every name that nothing bears; of a `whole` model, one that no other is laid over, also what is missing."""
    if whole and (missing := model.intake.missing()):
        yield Flaw(("model", "intake"), missing, code="PP-VALUE")
    known = tuple(flows)
    named: list[tuple[Path, str]] = [
        *((("lanes", name), name) for name in model.lanes),
        *((("mappings", name), name) for name in model.mappings),
        *((("priority", position), name) for position, name in enumerate(model.priority)),
    ]
    for place, name in named:
        if name not in known:
            yield Flaw(("model", *place), f"there is no flow `{name}`", name, known)
    for name in model.targets:
        if name not in catalog.kinds():
            yield Flaw(("model", "targets", name), f"there is no system `{name}`", name, tuple(catalog.kinds()))
    commands = {name: operation for name, operation in catalog.operations().items() if not operation.query}
    for name in model.lookups:
        place = ("model", "lookups", name)
        if name not in commands:
            yield Flaw(place, f"there is no operation `{name}` that changes anything", name, tuple(commands))
        elif query_for(commands[name]) is None:
            yield Flaw(place, f"no query of that system says anything of `{name}`", code="PP-VALUE")
