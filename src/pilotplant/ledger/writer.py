"""The one writer of a process. A record is encoded at once and not kept.

The file is the magic, a framed header, then framed blocks; a frame is a 32-bit length and a msgpack array of at most
1,000 records or 100 ms. After `kill -9` it is readable to the last whole block. Bodies stand in a pack of their own,
each framed by its length; a record points at the offset. Known secrets are blotted out of both, wherever they stand,
before anything is written; they keep their length, and so the frames theirs.
"""

import os
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from pilotplant.ledger.header import MAGIC, Header
from pilotplant.ledger.records import Commit, Emit, Record

BLOCK = 1000

_PASSING_MAX = 8


class LedgerWriter:
    """Appends records; owns `seq`."""

    def __init__(self, directory: Path, header: Header, *, secrets: tuple[str, ...] = (), first: int = 0) -> None:
        self.header = header
        self.operations = header.operation_numbers()
        self.systems = header.system_numbers()
        self.seq = first
        self.progress = 0
        """`seq` of the last record that shows the estate or the target moving on."""
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._records = bytearray()
        self._count = 0
        self._bodies = bytearray()
        self._body_offset = 1
        self._secrets = tuple(_blot(secret) for secret in secrets if secret)
        self._passing: deque[tuple[bytes, bytes]] = deque(maxlen=_PASSING_MAX)
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        self._file = os.open(directory / "ledger.msgpack", flags, 0o644)
        self._pack = os.open(directory / "bodies.pack", flags, 0o644)
        encoded = msgspec.msgpack.encode(header)
        _write_all(self._file, MAGIC + len(encoded).to_bytes(4, "little") + encoded)
        _write_all(self._pack, b"\0")

    def write(self, kind: type[Record], t: float, *fields: Any) -> int:
        """Append a record of this kind and return its `seq`."""
        self.seq = seq = self.seq + 1
        end = len(self._records)
        try:
            self._encode_into(kind(seq, t, *fields), self._records, -1)
        except BaseException:
            del self._records[end:]  # half a record would make the whole block unreadable
            raise
        if kind is Commit or kind is Emit:
            self.progress = seq
        self._count += 1
        if self._count == BLOCK:
            self.flush()
        return seq

    def body(self, content: bytes) -> int:
        """Keep a body and return where it stands; 0 stands for none."""
        if not content:
            return 0
        offset = self._body_offset
        self._bodies += len(content).to_bytes(4, "little")
        self._bodies += content
        self._body_offset = offset + 4 + len(content)
        return offset

    def keep_secret(self, secret: str) -> None:
        """Take note of a secret that is known only now, and only for a while: a token."""
        self._passing.append(_blot(secret))

    def betrays(self, content: bytes) -> bool:
        """Whether a known secret stands in there."""
        for known in (self._secrets, self._passing):
            for secret, _blotted in known:
                if secret in content:
                    return True
        return False

    def flush(self) -> None:
        """Write the open block. Bodies go first: a record never points at bytes that are not there."""
        if self._file < 0:  # whoever is interrupted may still say how it ended, after the end
            self._records, self._bodies, self._count = bytearray(), bytearray(), 0
            return
        if self._bodies:
            bodies, self._bodies = self._blotted(self._bodies), bytearray()
            _write_all(self._pack, bodies)
        if self._count:
            block = b"\xdc" + self._count.to_bytes(2, "big") + self._blotted(self._records)
            self._records = bytearray()
            self._count = 0
            _write_all(self._file, len(block).to_bytes(4, "little") + block)

    def _blotted(self, content: bytearray) -> bytearray:
        for secret, blot in (*self._secrets, *self._passing):
            if secret in content:
                content = content.replace(secret, blot)
        return content

    def close(self) -> None:
        """Write what is left and let go of the files."""
        if self._file >= 0:
            self.flush()
            os.close(self._file)
            os.close(self._pack)
            self._file = -1


def _write_all(file: int, content: bytes | bytearray) -> None:
    """Write everything or nothing: half a block would damage what follows it."""
    start = os.lseek(file, 0, os.SEEK_CUR)
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError:
        os.ftruncate(file, start)
        os.lseek(file, start, os.SEEK_SET)
        raise


def _blot(secret: str) -> tuple[bytes, bytes]:
    known = secret.encode()
    return known, b"*" * len(known)
