"""Two versions of the contracts, found in folders or files, compared document by document."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pilotplant.contracts.evolution import flows, interfaces
from pilotplant.contracts.evolution.change import ANSWER, Change, Compared
from pilotplant.contracts.evolution.schemas import Comparison
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.errors import DocumentError, Problem, UsageError

_HELP = "Name OpenAPI documents, JSON Schemas of events, flows, or folders of them, such as contracts/."
_PATTERNS = ("openapi/*.json", "events/*.json", "flows/*.yaml")
Read = Callable[[Path], FlowSpec]


def compare(old: Path, new: Path, read_flow: Read) -> Compared:
    """All differences between two versions."""
    before, after = _documents(old), _documents(new)
    if old.is_file() and new.is_file():  # two files are compared whatever they are called
        after = dict(zip(before, after.values(), strict=True))
    found: list[Change] = []
    names = sorted(before.keys() | after.keys())
    for name in names:
        found += _document(name, before.get(name), after.get(name), read_flow)
    return Compared(str(old), str(new), len(names), tuple(found))


def _documents(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise UsageError(f"there is no file or folder `{path}`", help=_HELP)
    found = {each.relative_to(path).as_posix(): each for pattern in _PATTERNS for each in path.glob(pattern)}
    if not found:
        found = {each.name: each for suffix in ("*.json", "*.yaml") for each in path.glob(suffix)}
    if not found:
        raise UsageError(f"there are no contracts in `{path}`", help=_HELP)
    return {name: each for name, each in found.items() if each.name != "asyncapi.json"}


def _document(name: str, old: Path | None, new: Path | None, read_flow: Read) -> Iterator[Change]:
    if old is None or new is None:
        path = old or new
        assert path is not None
        yield _whole(name, path, gone=new is None)
    elif old.suffix == ".json":
        yield from _json(name, _read(old), _read(new))
    else:
        yield from flows.compare(name, read_flow(old), read_flow(new))


def _whole(name: str, path: Path, *, gone: bool) -> Change:
    """A document that only one of the versions has."""
    what = "flow" if path.suffix != ".json" else "system" if "paths" in _read(path) else "event"
    if gone:
        why = {"flow": "", "system": "nobody answers there any more", "event": "it is not stated any more"}[what]
        return Change(name, what, "is gone", breaks_consumer=why, because="nothing of it is asked for any more")
    consumer = "it has to be kept as well" if what == "flow" else ""
    producer = {"flow": "", "system": "it has to be offered", "event": "it has to be stated"}[what]
    return Change(name, what, "is new", consumer, producer)


def _json(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if "paths" in old and "paths" in new:
        yield from interfaces.compare(name, old, new)
    else:
        yield from Comparison(name, old, new, ANSWER).compare(old, new, "")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError([Problem("PP-FILE", f"this is not JSON: {error}", str(path), help=_HELP)]) from None
    if not isinstance(content, dict):
        raise DocumentError([Problem("PP-FILE", "this is no contract, but a list or a value", str(path), help=_HELP)])
    return content
