"""What runs came to, by the hash of their inputs: a file that is only ever appended to.

A sweep that is interrupted loses nothing that was finished: each line is written at once. A torn or damaged line is
passed over, and a line of another version of the engine never matches.
"""

import os
from pathlib import Path

import msgspec

from pilotplant.sweep.measuring import Measurement


class Cache:
    """The runs that need not be made again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, Measurement] = {}
        decode = msgspec.json.Decoder(Measurement).decode
        torn = False
        if path.is_file():
            for line in path.read_bytes().split(b"\n"):
                try:
                    measurement = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    torn |= bool(line)
                    continue
                self._known[measurement.key] = measurement
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        if torn:
            os.write(self._file, b"\n")

    def get(self, key: str) -> Measurement | None:
        """What the run of this key came to, if it was made."""
        return self._known.get(key)

    def put(self, measurement: Measurement) -> None:
        """Keep it: in one write, so that others may append to the same file. What a disk had no room for is told by the
        next write, and its first half is a torn line."""
        line = msgspec.json.encode(measurement) + b"\n"
        while line:
            line = line[os.write(self._file, line) :]
        self._known[measurement.key] = measurement

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
