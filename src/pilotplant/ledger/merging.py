"""One ledger out of the segments that several processes have written.

Whoever writes a segment counts from a number of its own (`base_of`), so a record can name one of another segment. Along
every message between the processes `t` grows by at least `TICK_S`: a request comes before its commit, and that before
the answer. So order by `t` contains the order of the messages. Where no message lies between, `UNCERTAIN_S` says how
far apart two moments have to be before one was surely earlier; checks leave open what is closer (`Header.segments`).
"""

import os
from collections.abc import Iterator
from heapq import merge as merged_by
from math import inf
from pathlib import Path
from typing import Any

import msgspec

from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import (
    Ack,
    AnyRecord,
    Commit,
    Deliver,
    Emit,
    Exposed,
    FaultBitten,
    Loss,
    Obligation,
    Read,
    Reconcile,
    Record,
    Reject,
    Request,
    ResponseEnd,
    ResponseFirst,
)
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.errors import InternalError, LedgerError

SEGMENTS = "segments"
MAIN = "main"
_SEAL = "whole"
TICK_S = 1e-6
UNCERTAIN_S = 0.005

_NUMBERED: dict[type[Record], tuple[str, ...]] = {
    Obligation: ("trigger",),
    Commit: ("exchange", "repeat_of", "stale_over"),
    Reject: ("exchange",),
    Read: ("exchange",),
    ResponseFirst: ("exchange",),
    ResponseEnd: ("exchange",),
    Emit: ("cause",),
    Deliver: ("emit",),
    Ack: ("emit",),
    FaultBitten: ("touched",),
    Exposed: ("exchange",),
    Loss: ("cause",),
}
"""What names other records by their number."""
_WITH_BODY = (Request, ResponseEnd, Emit)


def base_of(segment: int) -> int:
    """From which number a segment counts; 0 is that of the process which has the estate."""
    return segment << 40


def segment_in(directory: Path, name: str) -> Path:
    """Where a process writes its segment; made if it is not there."""
    folder = directory / SEGMENTS / name.replace("@", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def seal(folder: Path) -> None:
    """Say of a segment that nothing is missing: its writer has closed it."""
    (folder / _SEAL).touch()


def whole(path: Path) -> Ledger:
    """The ledger of a run, put together now if the run was killed before it could."""
    if path.is_dir() and not (path / "ledger.msgpack").exists() and (path / SEGMENTS / MAIN).is_dir():
        merge(path)
    return Ledger(path)


def merge(directory: Path) -> None:
    """Make the ledger of a run from its segments; one whose writer was killed counts to its last whole block."""
    folders = sorted(path for path in (directory / SEGMENTS).iterdir() if (path / "ledger.msgpack").exists())
    main = Ledger(directory / SEGMENTS / MAIN)
    ledgers = [Ledger(folder) for folder in folders]
    made = segment_in(directory, "merged")
    writer = LedgerWriter(made, msgspec.structs.replace(main.header, torn=_torn(directory, main.header)))
    try:
        _Merging(writer).take(ledgers)
    finally:
        writer.close()
    for name in ("bodies.pack", "ledger.msgpack"):
        os.replace(made / name, directory / name)
    made.rmdir()


def _torn(directory: Path, header: Header) -> tuple[float, ...]:
    """By system, from which moment on its segment is missing: after the last record, if nobody has sealed it."""
    if not header.segments:
        return ()
    ends = [_end(segment_in(directory, system)) for system in header.systems]
    return tuple(ends) if min(ends) < inf else ()


def _end(folder: Path) -> float:
    if (folder / _SEAL).exists():
        return inf
    try:
        return max((record.t for record in Ledger(folder)), default=0.0)
    except LedgerError:  # it was killed before it had begun
        return 0.0


class _Merging:
    def __init__(self, writer: LedgerWriter) -> None:
        self._writer = writer
        self._numbers: dict[int, int] = {0: 0}

    def take(self, ledgers: list[Ledger]) -> None:
        streams = [_moments(place, ledger) for place, ledger in enumerate(ledgers)]
        packs = [(ledger.path.parent / "bodies.pack").open("rb") for ledger in ledgers]
        try:
            for _t, place, record in merged_by(*streams, key=lambda entry: entry[:2]):
                self._write(record, packs[place])
        finally:
            for pack in packs:
                pack.close()

    def _write(self, record: AnyRecord, pack: Any) -> None:
        kind = type(record)
        fields = {name: getattr(record, name) for name in record.__struct_fields__[2:]}
        for name in _NUMBERED.get(kind, ()):
            fields[name] = self._number(fields[name])
        if kind in _WITH_BODY and fields["body"]:
            pack.seek(fields["body"])
            fields["body"] = self._writer.body(pack.read(int.from_bytes(pack.read(4), "little")))
        if isinstance(record, Reconcile):
            fields["rows"] = tuple((*row[:3], self._number(row[3]), self._number(row[4])) for row in record.rows)
        number = self._numbers[record.seq] = self._writer.seq + 1
        written = self._writer.write(kind, record.t, *fields.values())
        if written != number:
            raise InternalError(f"a record was to be number {number}, and is number {written}")

    def _number(self, seq: int) -> int:
        """The number that a record has now. One that was never written, since its process was killed, keeps a place."""
        if seq not in self._numbers:
            self._writer.seq += 1
            self._numbers[seq] = self._writer.seq
        return self._numbers[seq]


def _moments(place: int, ledger: Ledger) -> Iterator[tuple[float, int, AnyRecord]]:
    for record in ledger:
        yield record.t, place, record
