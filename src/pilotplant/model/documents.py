"""Documents that people write in YAML: read once, validated against a model, with all problems of all files at once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from pilotplant.model.errors import REGISTRY, DocumentError, Problem
from pilotplant.model.excerpt import excerpt
from pilotplant.model.field_places import Loc, find
from pilotplant.model.field_problems import REPORTED_MAX, explain
from pilotplant.model.suggestions import did_you_mean
from pilotplant.model.yaml_positions import LINE_BREAK, Complaint, Node, Place, compose

SIZE_MAX = 4 * 1024 * 1024

Model = TypeVar("Model", bound=BaseModel)


class Problems:
    """Collects what is wrong, over many documents, so that all of it is reported at once."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: Problem) -> None:
        """Note a problem."""
        self._found.append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several problems."""
        self._found.extend(problems)

    def sorted(self) -> list[Problem]:
        """Each problem once, by file and line."""
        return sorted(dict.fromkeys(self._found), key=lambda problem: (problem.path, problem.line, problem.column))

    def raise_if_any(self) -> None:
        """Raise them all in one error, if there are any."""
        if self._found:
            raise DocumentError(self.sorted())


class Document:
    """A YAML document whose values know where they stand."""

    def __init__(self, path: str, lines: list[str], root: Node) -> None:
        self.path = path
        self._lines = lines
        self._root = root

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; raises with all that keeps it from being a document."""
        name = _as_seen_from_here(path)
        try:
            if path.exists() and not path.is_file():
                raise _unreadable(name, "this is not a file")
            if path.stat().st_size > SIZE_MAX:
                raise _unreadable(name, f"the file is larger than {SIZE_MAX // 1024 // 1024} MiB", "PP-YAML-LIMIT")
            raw = path.read_bytes()
        except OSError as error:
            reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror or error)
            raise _unreadable(name, reason) from error
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise _unreadable(name, f"the file is not text in UTF-8: byte {error.start} on line {line}") from error
        return cls.parse(text, name)

    @classmethod
    def parse(cls, text: str, path: str) -> Self:
        """Read a text; `path` is what problems name as its place."""
        text = text.removeprefix("\ufeff")
        if len(text) > SIZE_MAX:
            raise _unreadable(path, f"the text is larger than {SIZE_MAX // 1024 // 1024} MiB", "PP-YAML-LIMIT")
        lines = LINE_BREAK.split(text)
        root, complaints = compose(text)
        if root is None and not complaints:
            complaints = [Complaint("PP-YAML-SYNTAX", "the document is empty", Place(1, 1, 2), "Write its fields.")]
        if root is None or complaints:
            raise DocumentError([_problem(path, lines, complaint) for complaint in complaints[:REPORTED_MAX]])
        return cls(path, lines, root)

    @property
    def data(self) -> Any:
        """The document as plain data."""
        return self._root.data

    def validate(self, model: type[Model]) -> Model:
        """The document as an instance of a model; raises with all that is wrong."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise DocumentError(self.problems_of(error, model)) from None

    def problems_of(self, error: ValidationError, model: type[BaseModel], at: Loc = ()) -> list[Problem]:
        """What pydantic found wrong with the part `at` some place, in order and in plain English."""
        part = find(self._root, at).node
        problems = Problems()
        problems.extend(_problem(self.path, self._lines, complaint) for complaint in explain(error, model, part))
        return problems.sorted()

    def problem(
        self,
        loc: Loc,
        code: str,
        message: str,
        *,
        help: str = "",
        key: bool = False,
        candidates: Iterable[str] = (),
        given: str = "",
    ) -> Problem:
        """A problem at the value, or with `key` at the key, to which `loc` leads.

        With `candidates` the message ends with the one that looks most like what was given: `given`, or else the key or
        the value at that place.
        """
        spot = find(self._root, loc)
        written = given or (str(loc[-1]) if key and loc else spot.node.written)
        place = spot.key if key and spot.key is not None else spot.place
        complaint = Complaint(code, message + did_you_mean(written, candidates), place, help)
        return _problem(self.path, self._lines, complaint)


def read_and_validate(path: Path, model: type[Model], problems: Problems) -> Model | None:
    """The model in a file; or nothing, and then what is wrong with it is among the problems."""
    try:
        return Document.read(path).validate(model)
    except DocumentError as error:
        problems.extend(error.problems)
        return None


def _as_seen_from_here(path: Path) -> str:
    """Relative to the current directory where possible: that is what terminals and CI annotations turn into links."""
    absolute, here = path.absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else path).as_posix()


def _unreadable(path: str, message: str, code: str = "PP-FILE") -> DocumentError:
    return DocumentError([Problem(code, message, path, help=REGISTRY[code].help)])


def _problem(path: str, lines: list[str], complaint: Complaint) -> Problem:
    place = complaint.place
    kind = REGISTRY.get(complaint.code)
    return Problem(
        code=complaint.code,
        message=complaint.message,
        path=path,
        line=place.line,
        column=place.column,
        excerpt=excerpt(lines[place.line - 1], place.column, place.end_column),
        help=complaint.help or (kind.help if kind else ""),
    )
