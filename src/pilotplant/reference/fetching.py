"""Events that come as files: each file is read when it is complete, and removed when all of it is durable.

A file is complete when it says so at its end (the line `#end` with the number of events, the closing tag), whatever its
name says; those that are being written or are locked are left alone. Its events go through the inbox like all others,
so that a file that comes twice is known.
"""

import csv
import io
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args, get_origin
from xml.etree import ElementTree

import msgspec

from pilotplant.reference.clock import Clock
from pilotplant.reference.messages import OrderCompleted

log = logging.getLogger("pilotplant.reference")
ENDINGS = (".csv", ".xml")
GIVE_UP_S = 5.0
"""What cannot be read for so long never will be: a person has to look at it."""
PAUSE_AFTER_DEFECT_S = 1.0
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_READ_AS: dict[str, type[msgspec.Struct]] = {"mes.order.completed": OrderCompleted}
"""Files hold text only; what is a number follows from what is expected."""

Fields = dict[str, Any]


class Incomplete(Exception):
    """The file does not end as a complete one does."""


class FileIntake:
    """Fetches what lies in one folder. `take` makes what it is given durable before it returns."""

    def __init__(self, folder: Path, take: Callable[[bytes], Awaitable[None]], clock: Clock, *, every_s: float) -> None:
        self._folder = folder
        self._take = take
        self._clock = clock
        self._every_s = every_s
        self._unreadable_since: dict[Path, float] = {}

    async def watch(self) -> None:
        """Look into the folder again and again; a defect of ours must not blind it for good."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("fetching files failed and goes on")
                await self._clock.sleep(PAUSE_AFTER_DEFECT_S)
            await self._clock.sleep(self._every_s)

    async def look(self) -> None:
        """Fetch all that is ready, in the order of the names."""
        for path in self.candidates():
            await self.fetch(path)

    def candidates(self) -> list[Path]:
        """The files whose names say that they are complete, and that nobody has locked."""
        there = {path.name for path in self._folder.iterdir()} if self._folder.is_dir() else set()
        names = (name for name in sorted(there) if name.endswith(ENDINGS) and f"{name}.lock" not in there)
        return [self._folder / name for name in names]

    async def fetch(self, path: Path) -> None:
        """Read a file, and remove it once all is taken."""
        content = _read(path)
        try:
            events = self.events(path, content)
        except (Incomplete, ValueError) as error:
            await self._leave(path, content, error)
            return
        for event in events:
            await self._take(msgspec.json.encode(event))
        self._unreadable_since.pop(path, None)
        _remove(path)

    def events(self, path: Path, content: bytes) -> list[Fields]:
        """What a complete file holds; raises `Incomplete` if it is not, and a `ValueError` if it cannot be read."""
        text = content.decode("utf-8")
        found = self.of_xml(text) if path.suffix == ".xml" else self.of_csv(text)
        return [typed(fields) for fields in found]

    def of_csv(self, text: str) -> list[Fields]:
        """The events of a CSV file."""
        head = text.partition("\n")[0]
        comma = ";" in head
        rows = list(csv.reader(io.StringIO(text), delimiter=";" if comma else ","))
        if not rows or rows[-1] != ["#end", str(len(rows) - 2)]:
            raise Incomplete("the last line does not say how many events there are")
        return [nested(zip(rows[0], row, strict=True), comma=comma) for row in rows[1:-1]]

    def of_xml(self, text: str) -> list[Fields]:
        """The events of an XML file."""
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise Incomplete(str(error)) from error
        if root.get("count") != str(len(root)):
            raise Incomplete("it holds another number of events than it says")
        found = [grown(event) for event in root]
        return [fields for fields in found if isinstance(fields, dict)]

    async def _leave(self, path: Path, content: bytes, error: Exception) -> None:
        """It may be complete at the next look. If it stays as it is, it is set aside, and a person is told."""
        now = self._clock.monotonic()
        if now - self._unreadable_since.setdefault(path, now) < GIVE_UP_S:
            return
        log.warning("%s cannot be read: %s", path.name, error)
        del self._unreadable_since[path]
        if content:  # an empty file says nothing to anybody
            await self._take(content)
        _set_aside(path)


def _read(path: Path) -> bytes:
    # Not in a thread: files of a shop floor are small, and whoever reads while others write must see one moment.
    return path.read_bytes()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _set_aside(path: Path) -> None:
    path.replace(path.with_name(path.name + ".bad"))


def nested(cells: Any, *, comma: bool) -> Fields:
    """The fields of a line: `data.consumption.0.lot` is the lot of the first consumption."""
    fields: Fields = {}
    for name, text in cells:
        if not text:
            continue
        *outer, last = name.split(".")
        place = fields
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = text.replace(",", ".") if comma and _DECIMAL_COMMA.fullmatch(text) else text
    listed: Fields = _listed(fields)
    return listed


def _listed(value: Any) -> Any:
    """Fields that are numbered are lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(part) for key, part in value.items()}
    return [inner[key] for key in sorted(inner, key=int)] if inner and all(key.isdigit() for key in inner) else inner


def grown(element: ElementTree.Element) -> Any:
    """What an element holds: fields, a list, or a text."""
    if element.get("list") is not None:
        return [grown(entry) for entry in element]
    if len(element):
        return {part.tag: grown(part) for part in element}
    return element.text or ""


def typed(fields: Fields) -> Fields:
    """The event with its data as what they are read as elsewhere."""
    kind = _READ_AS.get(str(fields.get("type")))
    data = fields.get("data")
    if kind is None or not isinstance(data, dict):
        return fields
    read = msgspec.convert(whole(data, kind), kind, strict=False)
    return {**fields, "data": msgspec.to_builtins(read)}


def whole(data: Fields, kind: Any) -> Fields:
    """The data with what a line leaves empty: a text that is empty, a list without entries."""
    filled: Fields = dict(data)
    for field in msgspec.structs.fields(kind):
        entry = get_args(field.type)[0] if get_origin(field.type) is tuple else None
        if entry is not None:
            filled[field.name] = [whole(each, entry) for each in data.get(field.name, ())]
        elif field.type is str:
            filled.setdefault(field.name, "")
    return filled
