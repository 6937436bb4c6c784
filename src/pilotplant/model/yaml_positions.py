"""Reads YAML into plain data in which every key and value knows where it stands, and survives hostile input.

Built from PyYAML's events, not from its composer: events come without recursion, so that depth, aliases and duplicate
keys are judged before they can hurt, and the values that YAML 1.1 is notorious for (`no`, `on`, `12:30`, `0010`, dates)
stay the text that was written.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

DEPTH_MAX = 100
SHOWN_MAX = 60
VALUES_MAX = 500_000
"""Of values once all aliases are followed: a few lines of nested aliases can stand for billions."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = "tag:yaml.org,2002:"

_BY_TAG: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
}
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")  # 0010 is the number of an operation, not ten
_BASED = re.compile(r"0x[0-9a-fA-F]{1,32}|0o[0-7]{1,32}")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


class Place(NamedTuple):
    """A stretch of one line, counted from 1; `end_column` is the first column after it."""

    line: int
    column: int
    end_column: int


@dataclass(frozen=True)
class Complaint:
    """Something that is wrong at a place of a document."""

    code: str
    message: str
    place: Place
    help: str = ""


@dataclass(slots=True, eq=False)
class Node:
    """A value as it was written, and the plain data it stands for."""

    place: Place
    data: Any = None
    written: str = ""
    """The text of a scalar, before it became a number or a truth value."""
    scalar: bool = False
    quoted: bool = False
    entries: "dict[str, Entry]" = field(default_factory=dict)
    """Of a mapping, by key."""
    items: "list[Node]" = field(default_factory=list)
    """Of a list."""
    size: int = 0
    """How many values it stands for with all aliases followed; 0 while it is still open."""


class Entry(NamedTuple):
    """A key of a mapping and its value."""

    key: Place
    node: Node


class Unreadable(Exception):
    """The text is not YAML, or not YAML that is accepted here; nothing after this place was read."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.message)
        self.complaint = complaint


def compose(text: str) -> tuple[Node | None, list[Complaint]]:
    """The document in a text, and all that is wrong with it; no document when it cannot be read to its end."""
    composer = _Composer(LINE_BREAK.split(text))
    try:
        _refuse_unprintable(text)
        composer.read(text)
    except Unreadable as unreadable:
        return None, [*composer.complaints, unreadable.complaint]
    return composer.root, composer.complaints


def _refuse_unprintable(text: str) -> None:
    if found := _UNPRINTABLE.search(text):
        lines = LINE_BREAK.split(text[: found.start()])
        column = len(lines[-1]) + 1
        raise _stop(
            f"the character U+{ord(found[0]):04X} is not text",
            Place(len(lines), column, column + 1),
            help="Save it as UTF-8.",
        )


def _stop(message: str, place: Place, code: str = "PP-YAML-SYNTAX", help: str = "") -> Unreadable:
    return Unreadable(Complaint(code, message, place, help))


class _Key(NamedTuple):
    name: str
    place: Place
    merges: bool


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read; `key` waits for its value."""

    node: Node
    flow: bool
    key: _Key | None = None
    merged: list[Node] = field(default_factory=list)
    size: int = 1


class _Composer:
    """Puts events together with a stack of its own instead of recursion."""

    def __init__(self, lines: list[str]) -> None:
        self.root: Node | None = None
        self.complaints: list[Complaint] = []
        self._lines = lines
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._verbatim: set[int] = set()
        """Lines that continue a quoted or literal text: tabs at their beginning are content."""
        self._by_event: dict[type, Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._start_document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
        }

    def read(self, text: str) -> None:
        try:
            for event in yaml.parse(text, Loader=LOADER):
                handle = self._by_event.get(type(event))
                if handle is not None:
                    handle(event)
        except yaml.MarkedYAMLError as error:
            raise _in_plain_words(error, self._lines) from error
        except yaml.YAMLError as error:
            raise _stop(f"this is not YAML: {error}", Place(1, 1, 2)) from error
        self._refuse_tabs()

    def _refuse_tabs(self) -> None:
        for number, line in enumerate(self._lines, start=1):
            content = line.lstrip(" \t")
            indent = line[: len(line) - len(content)]
            if "\t" in indent and content and content[0] != "#" and number not in self._verbatim:
                self.complaints.append(_tab(number, indent))

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        begin = start.column + 1
        last = end.column if end.line == start.line else len(self._lines[start.line].rstrip())
        return Place(start.line + 1, begin, max(last + 1, begin + 1))

    def _start_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _stop("a second document begins here; a file holds one", self._place(event), help="Use two files.")

    def _start(self, event: Any) -> None:
        place = self._place(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", _TAG + ("map" if mapping else "seq")):
            raise _stop(f"the tag `{event.tag}` is not accepted here", place, help="Write plain data, without tags.")
        if len(self._open) >= DEPTH_MAX:
            raise _stop(f"values are nested more than {DEPTH_MAX} deep", place, "PP-YAML-LIMIT")
        if self._expects_key():
            raise _no_key(place)
        node = Node(place, data={} if mapping else [])
        self._remember(event.anchor, node)
        self._open.append(_Open(node, bool(event.flow_style)))

    def _end(self, event: Any) -> None:
        frame = self._open.pop()
        node = frame.node
        first = next(iter(node.entries.values()), None)
        if frame.flow and event.end_mark.line + 1 == node.place.line:
            node.place = node.place._replace(end_column=event.end_mark.column + 1)
        elif first is not None and not frame.flow:
            node.place = first.key
        for source in frame.merged:
            for key, entry in source.entries.items():
                if key not in node.entries:
                    node.entries[key] = entry
                    node.data[key] = entry.node.data
        node.size = frame.size
        self._add(node)

    def _scalar(self, event: Any) -> None:
        place = self._place(event)
        plain = event.tag is None and event.implicit[0]
        node = Node(place, written=event.value, scalar=True, quoted=not plain, size=1)
        if not plain:
            self._verbatim.update(range(event.start_mark.line + 2, event.end_mark.line + 2))
        try:
            node.data = _resolved(event.value) if plain else _tagged(event.value, event.tag)
        except ValueError as error:
            self.complaints.append(Complaint("PP-VALUE", str(error), place))
        self._remember(event.anchor, node)
        self._add(node)

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        place = self._place(event)
        if node is None:
            help = "A text that begins with `*` has to be quoted."
            raise _stop(f"there is no anchor `&{event.anchor}` above this place", place, help=help)
        if not node.size:
            raise _stop(f"`*{event.anchor}` stands inside what it refers to", place)
        if self._expects_key() and not node.scalar:
            raise _no_key(place)
        self._add(node)

    def _remember(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.data, dict) and self._open[-1].key is None

    def _add(self, node: Node) -> None:
        """Put a finished value where it belongs: at the top, as the next key, under the waiting key, into the list."""
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        if self._expects_key():
            frame.key = _Key(node.written, node.place, merges=node.written == "<<" and not node.quoted)
            return
        frame.size += node.size
        if frame.size > VALUES_MAX:
            message = f"more than {VALUES_MAX:,} values, counting what each alias stands for"
            raise _stop(message, node.place, "PP-YAML-LIMIT")
        if frame.key is not None:
            key, frame.key = frame.key, None
            self._add_entry(frame, key, node)
        else:
            frame.node.items.append(node)
            frame.node.data.append(node.data)

    def _add_entry(self, frame: _Open, key: _Key, node: Node) -> None:
        entries = frame.node.entries
        if key.merges:
            sources = node.items if isinstance(node.data, list) else [node]
            if not all(isinstance(source.data, dict) for source in sources):
                raise _stop("`<<` takes a mapping, or a list of mappings", key.place)
            frame.merged += sources
        elif key.name in entries:
            message = f"the key `{shown(key.name)}` is there twice; the first is on line {entries[key.name].key.line}"
            self.complaints.append(Complaint("PP-YAML-DUPLICATE-KEY", message, key.place))
        else:
            entries[key.name] = Entry(key.place, node)
            frame.node.data[key.name] = node.data


def shown(text: str) -> str:
    """A text from a document for use in a sentence: on one line, and not too long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN_MAX else flat[: SHOWN_MAX - 1] + "…"


def _resolved(text: str) -> Any:
    """What a plain scalar stands for."""
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"the number {shown(text)} is too large")
        return number
    return text


def _tagged(text: str, tag: str | None) -> Any:
    """What a scalar with a tag, or in quotes, stands for."""
    if tag in (None, "!", _TAG + "str"):
        return text
    expected = _BY_TAG.get(str(tag).removeprefix(_TAG))
    if expected is None:
        raise ValueError(f"the tag `{shown(str(tag))}` is not accepted; write plain data, without tags")
    data = _resolved(text)
    if not isinstance(data, expected):
        raise ValueError(f"`{shown(text)}` is not what its tag says")
    return data


def _no_key(place: Place) -> Unreadable:
    return _stop("a key must be plain text", place, help="Was a text in braces or brackets meant? Put it in quotes.")


def _tab(number: int, indent: str) -> Complaint:
    column = indent.index("\t") + 1
    place = Place(number, column, len(indent) + 1)
    return Complaint("PP-YAML-SYNTAX", "a tab indents this line", place, "YAML is indented with spaces only.")


_PLAIN_WORDS = (
    (
        "mapping values are not allowed",
        "`: ` cannot stand here",
        "Is the indentation right? Put a text with `: ` in quotes.",
    ),
    ("could not find expected ':'", "a `:` is missing after this key, or before it", "Is the indentation right?"),
    ("expected ',' or ']'", "a `,` or the closing `]` is missing", "The list begins on line {begin}."),
    ("expected ',' or '}'", "a `,` or the closing `}` is missing", "The mapping begins on line {begin}."),
    ("did not find expected '-'", "an entry `- …` of the list was expected here", "Is the indentation right?"),
    (
        "did not find expected key",
        "this does not continue what stands before it",
        "Is it indented like its neighbours? A text that begins with `{`, `[` or a quote has to be quoted as a whole.",
    ),
    ("<block end>", "this does not continue what stands before it", "Is it indented like its neighbours?"),
    ("unexpected end of stream", "the quoted text that begins here has no end", "Close the quote."),
    ("unknown escape character", "unknown escape after `\\` in double quotes", "Use single quotes, or write `\\\\`."),
)


def _in_plain_words(error: yaml.MarkedYAMLError, lines: list[str]) -> Unreadable:
    mark: Any = error.problem_mark or error.context_mark
    line = min(mark.line, len(lines) - 1) if mark else 0
    column = mark.column + 1 if mark else 1
    if mark and mark.line >= len(lines):
        column = len(lines[line]) + 1
    content = lines[line].lstrip(" \t")
    indent = lines[line][: len(lines[line]) - len(content)]
    if "\t" in indent:
        return Unreadable(_tab(line + 1, indent))
    place = Place(line + 1, column, column + 1)
    problem = str(error.problem or error)
    if "cannot start any token" in problem:
        character = lines[line][column - 1 : column]
        return _stop(f"a text that begins with `{character}` has to be quoted", place)
    for sign, message, help in _PLAIN_WORDS:
        if sign in problem:
            begin: Any = error.context_mark
            if begin and "begins here" in message:
                place = Place(begin.line + 1, begin.column + 1, begin.column + 2)
            return _stop(message, place, help=help.replace("{begin}", str(begin.line + 1 if begin else line + 1)))
    return _stop(problem, place)
