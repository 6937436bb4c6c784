"""Rules by which identities are found in what a target sends, where it does not set them in the field made for them.

For each key of an operation's effect an ordered list: the first rule that finds something decides. A rule reads a field
(of the line, where its path begins with the list's name, else of the whole command) or a composite of fields; takes
from its text what a pattern matches; and completes what the target has cut off from what flows promise.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pilotplant.model.operation import Operation
from pilotplant.systems.identified import Found, with_identity

_FIELD = re.compile(r"\{([\w.]+)\}")
_CONFIG = ConfigDict(extra="forbid", frozen=True)


def pattern_of(text: str) -> str:
    """The text, if it is a regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    return text


class Truncated(BaseModel):
    """The target cuts the identity to so many characters and keeps its start or its end."""

    model_config = _CONFIG

    to: Annotated[int, Field(ge=1)]
    keep: Literal["start", "end"] = "start"

    def cut(self, text: str) -> str:
        """A whole identity as the target sends it."""
        return text[: self.to] if self.keep == "start" else text[-self.to :]


class Rule(BaseModel):
    """Where an identity stands: `{field: lines.item_text, pattern: "CNF-[0-9]+", all: true}`."""

    model_config = _CONFIG

    field: str = ""
    composite: str = ""
    """Several fields as one text: `{doc_type}-{doc_number}`."""
    pattern: Annotated[str, AfterValidator(pattern_of)] = ""
    """What of the text is the identity: a group with the name of a key, else the first group, else all of it."""
    all: bool = False
    """Every match is one: the line sums up what belongs to all of them."""
    values: dict[str, str] = {}
    """What the target calls something, and its identity here."""
    truncated: Truncated | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.field) == bool(self.composite):
            raise ValueError("a rule reads either a `field` or a `composite`")
        if self.composite and not self.reads():
            raise ValueError("a `composite` names the fields that it is made of: `{doc_type}-{doc_number}`")
        if self.all and not self.pattern:
            raise ValueError("`all` goes with a `pattern`")
        return self

    def reads(self) -> tuple[str, ...]:
        """The paths of the fields that it reads."""
        return (self.field,) if self.field else tuple(_FIELD.findall(self.composite))

    def groups(self) -> tuple[str, ...]:
        """The keys that its pattern tells besides the one that it is for."""
        return tuple(re.compile(self.pattern).groupindex)


Rules = Mapping[str, Mapping[str, list[Rule]]]
"""By operation and key."""


class Identities:
    """Finds the identities in commands."""

    def __init__(self, rules: Rules) -> None:
        self._rules = {operation: dict(keys) for operation, keys in rules.items()}
        self.promised: Mapping[str, object] = {}
        """Set by the run: the identities of all effects that flows promise, in order."""
        self._read = 0
        self._known: dict[tuple[str, ...], list[str]] = {}
        """By operation, place of a key and the other keys: which values of that key were promised."""

    def find(self, operation: Operation, command: Any) -> Any:
        """The command with its identities, line by line where it has lines."""
        rules = self._rules.get(operation.name)
        if not rules:
            return command
        each = operation.effect.each
        if not each:
            found = self._found(operation, rules, command, None)
            return with_identity(command, found) if found else command
        lines = []
        for line in getattr(command, each):
            found = self._found(operation, rules, command, line)
            lines.append(with_identity(line, found) if found else line)
        return msgspec.structs.replace(command, **{each: tuple(lines)})

    def _found(self, operation: Operation, rules: Mapping[str, list[Rule]], command: Any, line: Any) -> Found:
        found: dict[str, tuple[str, ...]] = {}
        for key, ordered in rules.items():
            for rule in ordered:
                told = self._told(operation, key, rule, command, line)
                found |= {name: parts for name, parts in told.items() if name not in found}
                if key in told:
                    break
        return found

    def _told(self, operation: Operation, key: str, rule: Rule, command: Any, line: Any) -> Found:
        each = operation.effect.each
        text = _text(rule, lambda path: _value(path, each, command, line))
        if not text:
            return {}
        told = _matches(rule, key, text) if rule.pattern else {key: (text,)}
        if rule.values:
            told = {**told, key: tuple(rule.values.get(part, part) for part in told.get(key, ()))}
        if rule.truncated is None:
            return told
        whole = [self._whole(operation, key, rule.truncated, part, command, line) for part in told.get(key, ())]
        found = tuple(filter(None, whole)) if all(whole) else ()
        return {name: parts for name, parts in {**told, key: found}.items() if parts}

    def _whole(self, operation: Operation, key: str, cut: Truncated, part: str, command: Any, line: Any) -> str:
        """The one promised identity that the target can have meant; empty where there is none, or more than one."""
        self._learn()
        keys = operation.effect.keys
        values = {name: str(getattr(line, name, None) or getattr(command, name, "")) for name in keys}
        others = tuple(values[name] for name in keys if name != key)
        known = self._known.get((operation.name, str(keys.index(key)), *others), ())
        meant = {each for each in known if cut.cut(each) == part}
        return meant.pop() if len(meant) == 1 else ""

    def _learn(self) -> None:
        for effect in islice(self.promised, self._read, None):
            name, *keys = effect.split("|")
            if name in self._rules:
                for place, value in enumerate(keys):
                    others = (*keys[:place], *keys[place + 1 :])
                    self._known.setdefault((name, str(place), *others), []).append(value)
        self._read = len(self.promised)


def _value(path: str, each: str, command: Any, line: Any) -> str:
    first, _, rest = path.partition(".")
    if rest:
        value = getattr(line, rest, None) if first == each and line is not None else None
    else:
        value = getattr(command, first, None)
    return "" if value is None else str(value)


def _text(rule: Rule, value: Callable[[str], str]) -> str:
    if rule.field:
        return value(rule.field)
    parts = {path: value(path) for path in rule.reads()}
    return _FIELD.sub(lambda found: parts[found[1]], rule.composite) if all(parts.values()) else ""


def _matches(rule: Rule, key: str, text: str) -> Found:
    told: dict[str, list[str]] = {}
    for match in _found(rule, text):
        named = {name: part for name, part in match.groupdict().items() if part}
        if key not in named:
            named[key] = next(filter(None, match.groups()), "") if match.groups() else match[0]
        for name, part in named.items():
            if part and part not in told.setdefault(name, []):
                told[name].append(part)
    return {name: tuple(parts) for name, parts in told.items() if parts}


def _found(rule: Rule, text: str) -> Iterator[re.Match[str]]:
    if rule.all:
        yield from re.finditer(rule.pattern, text)
    elif match := re.search(rule.pattern, text):
        yield match
