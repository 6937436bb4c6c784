"""One ledger out of the segments that several processes have written.

Whoever writes a segment counts from a number of its own (`base_of`), so a record can name one of another segment. Along
every message between the processes `t` grows by at least `TICK_S`: a request comes before its commit, and that before
the answer. So order by `t` contains the order of the messages. Where no message lies between, `UNCERTAIN_S` says how
far apart two moments have to be before one was surely earlier; checks leave open what is closer (`undecided`).
"""

import os
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge as merged_by
from math import inf
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

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
_SEGMENT_BITS = 40
KEPT = 1 << 14
"""Of how many records of a segment the new numbers are in memory."""


def base_of(segment: int) -> int:
    """From which number a segment counts; 0 is that of the process which has the estate."""
    return segment << _SEGMENT_BITS


class Moment(NamedTuple):
    """When a record was written, and by which process."""

    t: float
    segment: int


def moment_of(record: Request | ResponseFirst | ResponseEnd | Deliver | Ack, header: Header) -> Moment:
    """That of a record about a message. Those of requests and answers are written at the door of their system."""
    if isinstance(record, Deliver | Ack):
        return Moment(record.t, 0)
    return Moment(record.t, header.segment(record.system))


def undecided(one: Moment, other: Moment) -> bool:
    """Whether nobody can say which of two came first: different processes wrote them, and too close together."""
    return one.segment != other.segment and abs(one.t - other.t) <= UNCERTAIN_S


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
        with ExitStack() as files:
            _Merging(writer, made, files).take(ledgers)
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


class _Numbers:
    """Which numbers the records of a segment have now: of the latest in memory, of all before them in a file. Nearly
    all that is named has just happened, yet an event may be sent again, and a fact booked again, hours later."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._latest = array("q")
        self._before = 0
        """How many are in the file."""

    def put(self, position: int, number: int) -> None:
        """The next record of the segment has this number. Between two of them there are gaps where writing failed."""
        self._latest.extend([0] * (position - self._before - len(self._latest)))
        self._latest.append(number)
        if len(self._latest) >= 2 * KEPT:
            self._file.seek(0, os.SEEK_END)
            self._file.write(self._latest[:-KEPT].tobytes())
            self._before += len(self._latest) - KEPT
            del self._latest[:-KEPT]

    def get(self, position: int) -> int:
        """The number of the record at this position; 0 if there is none, or none yet."""
        if position >= self._before:
            return self._latest[position - self._before] if position < self._before + len(self._latest) else 0
        self._file.seek(position * self._latest.itemsize)
        return array("q", self._file.read(self._latest.itemsize))[0]


class _Merging:
    def __init__(self, writer: LedgerWriter, directory: Path, files: ExitStack) -> None:
        self._writer = writer
        self._files = files
        self._numbers = {
            segment: _Numbers(files.enter_context(TemporaryFile(dir=directory)))  # noqa: SIM115
            for segment in {0, *writer.header.segments}
        }
        self._places: dict[int, int] = {0: 0}
        """The numbers of records that were named before they came, or never came: few, since only a kill does that."""

    def take(self, ledgers: list[Ledger]) -> None:
        streams = [_moments(place, ledger) for place, ledger in enumerate(ledgers)]
        packs = [self._files.enter_context((ledger.path.parent / "bodies.pack").open("rb")) for ledger in ledgers]
        for _t, place, record in merged_by(*streams, key=lambda entry: entry[:2]):
            self._write(record, packs[place])

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
        number = self._writer.seq + 1
        segment, position = _whose(record.seq)
        self._numbers[segment].put(position, number)
        written = self._writer.write(kind, record.t, *fields.values())
        if written != number:
            raise InternalError(f"a record was to be number {number}, and is number {written}")

    def _number(self, seq: int) -> int:
        """The number that a record has now. One that was never written, since its process was killed, keeps a place."""
        segment, position = _whose(seq)
        number = self._numbers[segment].get(position) if seq else 0
        if not number and seq not in self._places:
            self._writer.seq += 1
            self._places[seq] = self._writer.seq
        return number or self._places[seq]


def _whose(seq: int) -> tuple[int, int]:
    """Which segment a record is of, and its position there."""
    return seq >> _SEGMENT_BITS, seq & ((1 << _SEGMENT_BITS) - 1)


def _moments(place: int, ledger: Ledger) -> Iterator[tuple[float, int, AnyRecord]]:
    for record in ledger:
        yield record.t, place, record
