"""Two versions of the contracts, found in folders or files, compared document by document."""

from collections.abc import Iterator
from pathlib import Path

from pilotplant.contracts.evolution import flows, interfaces
from pilotplant.contracts.evolution.change import ANSWER, Change, Compared
from pilotplant.contracts.evolution.loading import HELP, Contract, ReadFlow, load, operations
from pilotplant.contracts.evolution.schemas import Comparison
from pilotplant.model.errors import UsageError

_KINDS = {"system": "an interface", "event": "an event", "flow": "a flow"}


def compare(old: Path, new: Path, read_flow: ReadFlow) -> Compared:
    """All differences between two versions."""
    before, after = load(old, read_flow), load(new, read_flow)
    if old.is_file() and new.is_file() and len(before) == len(after) == 1:  # whatever they are called
        after = dict(zip(before, after.values(), strict=True))
    contracts = (*before.values(), *after.values())
    if not any(each.kind != "system" or operations(each.content) for each in contracts):
        raise UsageError(f"neither `{old}` nor `{new}` describes any operation", help=HELP)
    found: list[Change] = []
    names = sorted(before.keys() | after.keys())
    for name in names:
        try:
            found += _document(name, before.get(name), after.get(name))
        except RecursionError:
            raise UsageError(f"`{name}` is nested too deep to be compared") from None
    return Compared(str(old), str(new), len(names), tuple(found))


def _document(name: str, old: Contract | None, new: Contract | None) -> Iterator[Change]:
    if old is None or new is None:
        contract = old or new
        assert contract is not None
        yield _whole(name, contract, gone=new is None)
    elif old.kind != new.kind:
        raise UsageError(
            f"`{name}` is {_KINDS[old.kind]} in one version and {_KINDS[new.kind]} in the other", help=HELP
        )
    elif old.flow is not None and new.flow is not None:
        yield from flows.compare(name, old.flow, new.flow)
    elif old.kind == "system":
        yield from interfaces.compare(name, old.content, new.content)
    else:
        yield from Comparison(name, old.content, new.content, ANSWER).compare(old.schema, new.schema, "")


def _whole(name: str, contract: Contract, *, gone: bool) -> Change:
    """A document that only one of the versions has."""
    what = contract.kind
    if gone:
        why = {"flow": "", "system": "nobody answers there any more", "event": "it is not stated any more"}[what]
        return Change(name, what, "is gone", breaks_consumer=why, because="nothing of it is asked for any more")
    consumer = "it has to be kept as well" if what == "flow" else ""
    producer = {"flow": "", "system": "it has to be offered", "event": "it has to be stated"}[what]
    return Change(name, what, "is new", consumer, producer)
