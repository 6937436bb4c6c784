"""Reading a ledger back: block by block, never the whole file, and up to the last whole block after a crash."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from pilotplant.ledger.header import MAGIC, Header
from pilotplant.ledger.records import NAMES, AnyRecord, Record
from pilotplant.model.errors import LedgerError


class Ledger:
    """A finished (or torn) ledger on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path / "ledger.msgpack" if path.is_dir() else path
        try:
            with self.path.open("rb") as file:
                self.header, self._start = _read_header(file.read(1 << 22), self.path)
        except OSError as error:
            raise LedgerError(f"cannot read {self.path}: {error.strerror}") from None
        self.torn_bytes = 0

    def blocks(self) -> Iterator[list[AnyRecord]]:
        """The records, a block at a time."""
        decode = msgspec.msgpack.Decoder(list[AnyRecord]).decode
        self.torn_bytes = 0
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            if size <= self._start:
                return
            position = file.seek(self._start)
            while position + 4 <= size:
                end = position + 4 + int.from_bytes(file.read(4), "little")
                if end > size:
                    break
                try:
                    block = decode(file.read(end - position - 4))
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    raise LedgerError(f"{self.path}: block at byte {position} is damaged: {error}") from None
                yield block
                position = end
            self.torn_bytes = size - position

    def __iter__(self) -> Iterator[AnyRecord]:
        for block in self.blocks():
            yield from block

    def body(self, offset: int) -> bytes:
        """A body from the pack beside the ledger."""
        if not offset:
            return b""
        try:
            with (self.path.parent / "bodies.pack").open("rb") as pack:
                pack.seek(offset)
                length = int.from_bytes(pack.read(4), "little")
                return pack.read(length)
        except OSError as error:
            raise LedgerError(f"cannot read the bodies of {self.path}: {error.strerror}") from None


def describe(header: Header, record: Record) -> dict[str, object]:
    """A record with its numbers resolved to names: for people, JSON and reports."""
    shown: dict[str, object] = {"kind": NAMES[type(record)]}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name == "system":
            value = header.systems[value]
        elif name == "operation":
            value = header.operations[value].name
        elif name == "flow":
            value = header.flows[value]
        shown[name] = value
    return shown


def _read_header(content: bytes, path: Path) -> tuple[Header, int]:
    start = len(MAGIC) + 4
    if not content.startswith(MAGIC) or len(content) < start:
        raise LedgerError(f"{path} is not a Pilotplant ledger")
    end = start + int.from_bytes(content[len(MAGIC) : start], "little")
    try:
        return msgspec.msgpack.decode(content[start:end], type=Header), end
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path}: its header is damaged: {error}") from None
