"""Where a target puts what it gives up: read again and again, and a file from where reading ended the last time."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from pilotplant.dialects.codecs.codec import Unreadable, codec_of, codecs
from pilotplant.target.exceptions import ExceptionsSpec
from pilotplant.target.words import filled

READ_MAX = 4 * 1024 * 1024
"""Of a file at once; no line is longer."""
_NOTED_MAX = 3


class GivenUp:
    """The place that a target file names. What cannot be read raises; what is not there yet is nothing."""

    def __init__(
        self,
        spec: ExceptionsSpec,
        fill: Mapping[str, str],
        folder: Path,
        http: httpx.AsyncClient,
        note: Callable[[str], None],
    ) -> None:
        self._spec = spec
        self._fill = fill
        self._folder = folder
        self._http = http
        self._note = note
        self._lines = _Lines(folder / filled(spec.file, fill)) if spec.file else None
        self._bad = 0
        self.absent = ""
        """What was not there when it was last looked for."""

    @property
    def place(self) -> str:
        """Where that is."""
        if self._spec.poll is not None:
            return filled(self._spec.poll, self._fill)
        return filled(self._spec.sql.sqlite if self._spec.sql else self._spec.file, self._fill)

    async def read(self) -> AsyncIterator[Any]:
        """What stands there now, in parts; of a file only what is new."""
        self.absent = ""
        if self._spec.poll is not None:
            yield await self._polled()
        elif self._spec.sql is not None:
            yield await asyncio.to_thread(self._rows, self._folder / self.place, self._spec.sql.query)
        else:
            while lines := await asyncio.to_thread(self._more):
                yield self._documents(lines)

    async def _polled(self) -> Any:
        answer = await self._http.get(self.place)
        if answer.status_code >= 400:
            raise ValueError(f"status {answer.status_code}")
        codec = codec_of(answer.headers.get("content-type", "").encode()) or codecs()["json"]
        return codec.decode(answer.content)

    def _rows(self, path: Path, query: str) -> list[dict[str, Any]]:
        if not path.exists():
            self.absent = f"there is no file {path}"
            return []
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]
        except sqlite3.OperationalError as error:
            if not str(error).startswith("no such table"):
                raise
            self.absent = str(error)  # some make it when they need it
            return []
        finally:
            connection.close()

    def _more(self) -> list[tuple[int, bytes]]:
        assert self._lines is not None
        try:
            return self._lines.more()
        except FileNotFoundError:
            self.absent = f"there is no file {self._lines.path}"
            return []

    def _documents(self, lines: list[tuple[int, bytes]]) -> list[Any]:
        found = []
        for number, line in lines:
            if not line.strip():
                continue
            try:
                found.append(codecs()["json"].decode(line))
            except Unreadable:
                self._bad += 1
                if self._bad <= _NOTED_MAX:
                    more = ", and more lines may be" if self._bad == _NOTED_MAX else ""
                    self._note(f"exceptions: line {number} of {self.place} is no JSON and is left out{more}")
        return found


class _Lines:
    """The whole lines of a file that grows. One that was begun anew is read anew. The last line may be half written, or
    whole without a line break after it: it is whole if it is a document."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._which = 0
        self._offset = 0
        self._number = 0
        self._unended = False
        """Whether the last line was taken before its line break was there."""

    def more(self) -> list[tuple[int, bytes]]:
        """The next lines that are there, with their numbers."""
        with self.path.open("rb") as file:
            state = os.fstat(file.fileno())
            if state.st_ino != self._which or state.st_size < self._offset:
                self._which, self._offset, self._number, self._unended = state.st_ino, 0, 0, False
            file.seek(self._offset)
            content = file.read(READ_MAX)
        if self._unended and content.startswith(b"\n"):
            self._offset, content = self._offset + 1, content[1:]
        end = content.rfind(b"\n") + 1
        unended = _is_document(content[end:])
        if unended:
            end = len(content)
        elif not end and len(content) == READ_MAX:
            raise ValueError(f"line {self._number + 1} is longer than {READ_MAX // 1024 // 1024} MiB")
        taken = content[:end].removesuffix(b"\n").split(b"\n") if end else []
        lines = list(enumerate(taken, start=self._number + 1))
        self._offset += end
        self._number += len(lines)
        self._unended = unended or (self._unended and not content)
        return lines


def _is_document(line: bytes) -> bool:
    try:
        return isinstance(codecs()["json"].decode(line), dict)
    except Unreadable:
        return False
