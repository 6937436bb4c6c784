"""What a system should hold given what another owns, as this target carries it over: mapped, left out, enriched.

Without rules, a copy has to be equal. A rule is about one field of the command that a correct middleware would send
(`lines`, `lines.component`); they are applied in order.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotplant.model.errors import UsageError

_CONFIG = ConfigDict(extra="forbid", frozen=True)


class ProjectionRule(BaseModel):
    """One rule: `{field: lines.component, table: {"PH-*": ""}}`, `{field: steps, ignored: true}`."""

    model_config = _CONFIG

    field: str = ""
    ignored: bool = False
    """What it holds does not matter."""
    additions: Literal["", "allowed"] = ""
    """`allowed`: what is held may have more rows than what is intended."""
    table: dict[str, str] = {}
    """What values become (names may end in `*`); the row of one that becomes nothing is left out."""
    digits: Annotated[int | None, Field(ge=0, le=12)] = None
    """Numbers may be rounded to so many digits, half up or half down."""
    function: Annotated[str, Field(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")] = ""
    """`package.module:function` of the project: takes the intended command as plain data, returns what is intended
    here, or `None` where nothing is."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        said = [self.ignored, bool(self.additions), bool(self.table), self.digits is not None, bool(self.function)]
        if sum(said) != 1:
            raise ValueError("a rule is one of `ignored`, `additions`, `table`, `digits` or `function`")
        if bool(self.field) == bool(self.function):
            raise ValueError("a rule is about a `field`, unless it is a `function`")
        if "." in self.field and not self.table:
            first = self.field.partition(".")[0]
            raise ValueError(f"only a `table` leads into a list; this rule is about all of it: `field: {first}`")
        return self


Function = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Projection:
    """The rules of a target, by operation."""

    rules: Mapping[str, Sequence[ProjectionRule]] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)

    def intended(self, operation: str, command: Any) -> Any:
        """What is intended here, given what a copy would be; `None` where nothing is."""
        for rule in self.rules.get(operation, ()):
            if command is None:
                return None
            if rule.table:
                command = _mapped(command, rule.field.split("."), rule.table)
            elif rule.function:
                command = self._called(rule.function, command)
        return command

    def compared(self, operation: str, wanted: Any, held: Any) -> tuple[Any, Any]:
        """Both as they are compared: without what may differ."""
        for rule in self.rules.get(operation, ()):
            name = rule.field
            if wanted is None or held is None or name not in wanted.__struct_fields__:
                continue
            there, here = getattr(held, name), getattr(wanted, name)
            if rule.ignored:
                held = msgspec.structs.replace(held, **{name: here})
            elif rule.additions and isinstance(here, tuple) and isinstance(there, tuple):
                asked = {_key(row) for row in here}
                held = msgspec.structs.replace(held, **{name: tuple(row for row in there if _key(row) in asked)})
            elif rule.digits is not None:
                held = msgspec.structs.replace(held, **{name: _near(here, there, 0.5 * 10.0**-rule.digits)})
        return wanted, held

    def _called(self, name: str, command: Any) -> Any:
        try:
            told = self.functions[name](msgspec.to_builtins(command))
            return None if told is None else msgspec.convert(told, type(command))
        except Exception as error:  # whatever the project's function does is the project's to mend
            raise UsageError(f"the projection {name} failed: {type(error).__name__}: {error}") from error


def projection(rules: Mapping[str, Sequence[ProjectionRule]], folder: Path) -> Projection:
    """The projection of a target; its functions are imported from the project."""
    names = {rule.function for each in rules.values() for rule in each if rule.function}
    return Projection(rules, {name: _imported(name, folder) for name in sorted(names)})


def _imported(name: str, folder: Path) -> Function:
    module, _, function = name.partition(":")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found: Function = getattr(import_module(module), function)
    except Exception as error:  # importing runs the project's code
        raise UsageError(f"the projection {name} cannot be imported: {type(error).__name__}: {error}") from None
    return found


def _mapped(content: Any, path: list[str], table: Mapping[str, str]) -> Any:
    """The struct with the values at this path as the table has them; `None` where a value becomes nothing."""
    name, rest = path[0], path[1:]
    if not hasattr(content, name):
        return content
    value = getattr(content, name)
    if isinstance(value, tuple) and rest:
        rows = (_mapped(row, rest, table) for row in value)
        return msgspec.structs.replace(content, **{name: tuple(row for row in rows if row is not None)})
    if rest or not isinstance(value, str):
        return content
    told = _looked_up(value, table)
    return None if told == "" else msgspec.structs.replace(content, **{name: told})


def _looked_up(value: str, table: Mapping[str, str]) -> str:
    if value in table:
        return table[value]
    return next((told for pattern, told in table.items() if "*" in pattern and fnmatchcase(value, pattern)), value)


def _key(row: Any) -> Any:
    return row[0] if isinstance(row, tuple) and row else row


def _near(wanted: Any, held: Any, apart: float) -> Any:
    """What is held, where it is as far from what is wanted as rounding may be, as if it were that."""
    if isinstance(wanted, float) and isinstance(held, float):
        return wanted if abs(wanted - held) <= apart + 1e-9 * max(1.0, abs(wanted)) else held
    if not (isinstance(wanted, tuple) and isinstance(held, tuple)):
        return held
    keyed = {_key(row): row for row in wanted}
    if len(keyed) == len(wanted) and all(isinstance(row, tuple) and row for row in wanted):
        return tuple(_near(keyed[_key(row)], row, apart) if _key(row) in keyed else row for row in held)
    if len(wanted) != len(held):
        return held
    return tuple(_near(ours, theirs, apart) for ours, theirs in zip(wanted, held, strict=True))
