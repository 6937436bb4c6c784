"""Says in plain English what pydantic found wrong, at the place in the document where it is."""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from pilotplant.model.field_places import KEY, Loc, Spot, field_names, find, literals
from pilotplant.model.suggestions import did_you_mean, listed, nearest
from pilotplant.model.yaml_positions import Complaint, Node, shown

REPORTED_MAX = 200
"""Of one document: whoever has more has one cause."""

_MAPPING = "a mapping of fields"
_DATE = "a date such as 2026-03-31"
_MOMENT = "a date and time such as 2026-03-31T12:00:00Z"
_ADDRESS = "an address such as http://localhost:8080/events"
_WANTED = {
    "string_type": "text",
    "bytes_type": "text",
    "path_type": "a path",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of less than 4,300 digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dataclass_type": _MAPPING,
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "none_required": "empty",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "url_type": _ADDRESS,
    "url_parsing": _ADDRESS,
}
"""What was wanted instead, for errors that say that the value is of another kind."""

_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "string_pattern_mismatch": "a text of the form {pattern}",
}
_CHOICES = ("literal_error", "enum")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")


@dataclass(frozen=True)
class _Error:
    """An error of pydantic with its place."""

    type: str
    loc: Loc
    context: dict[str, Any]
    message: str
    spot: Spot
    """Of a field that is unknown or missing: the mapping it is in, or should be in."""
    wanted: tuple[str, ...] = ()
    """Set when several members of a union each wanted something else."""

    @property
    def name(self) -> str:
        """The last key of the place."""
        names = [part for part in self.loc if part != KEY]
        return str(names[-1]) if names else ""


def explain(error: ValidationError, model: type[BaseModel], root: Node) -> list[Complaint]:
    """All that is wrong, each once, at its place."""
    errors = []
    for raw in error.errors(include_url=False, include_input=False):
        loc = raw["loc"]
        spot = find(root, loc[:-1] if raw["type"] in ("missing", "extra_forbidden") else loc, model)
        errors.append(_Error(raw["type"], loc, raw.get("ctx", {}), raw["msg"], spot))
    settled = _without_echoes(_settled(errors, 0))
    return list(dict.fromkeys(_complaint(each) for each in settled[:REPORTED_MAX]))


def _settled(errors: list[_Error], level: int) -> list[_Error]:
    """Of each union the errors of the member that was most likely meant; pydantic reports those of all members."""
    kept: list[_Error] = []
    unions: dict[Loc, dict[str | int, list[_Error]]] = defaultdict(lambda: defaultdict(list))
    for each in errors:
        if len(each.spot.unions) <= level:
            kept.append(each)
        else:
            position = each.spot.unions[level]
            unions[each.loc[:position]][each.loc[position]].append(each)
    for prefix, members in unions.items():
        kept += _settled(_likeliest(len(prefix), list(members.values())), level + 1)
    return kept


def _likeliest(depth: int, members: list[list[_Error]]) -> list[_Error]:
    if len(members) == 1:
        return members[0]
    other_kind = [m for m in members if any(len(e.loc) == depth + 1 and _wanted(e) for e in m)]
    meant = [m for m in members if m not in other_kind]
    if meant:
        return min(meant, key=len)
    every = [e for m in other_kind for e in m if _wanted(e)]
    context = next((e.context for e in every if e.type in _CHOICES), {})
    wanted = tuple(dict.fromkeys(_wanted(e) for e in every))
    return [_Error(every[0].type, every[0].loc, context, every[0].message, every[0].spot, wanted)]


def _without_echoes(errors: list[_Error]) -> list[_Error]:
    """Leave out a missing field that is there, misspelt: the suggestion already says so."""
    misspelt = {(id(e.spot.node), nearest(e.name, _absent(e.spot))) for e in errors if e.type == "extra_forbidden"}
    return [e for e in errors if e.type != "missing" or (id(e.spot.node), e.name) not in misspelt]


def _absent(spot: Spot) -> set[str]:
    """The fields that the mapping may have and does not have."""
    return field_names(spot.types) - set(spot.node.entries)


def _complaint(error: _Error) -> Complaint:
    spot, place, name = error.spot, error.spot.place, shown(error.name)
    if error.type == "missing":
        return Complaint("PP-FIELD-MISSING", f"missing field `{name}`", place)
    if error.type == "extra_forbidden":
        entry = spot.node.entries.get(error.name)
        meant = did_you_mean(error.name, _absent(spot))
        fields = field_names(spot.types)
        help = f"The fields here are {listed(fields)}." if fields else ""
        return Complaint("PP-FIELD-UNKNOWN", f"unknown field `{name}`{meant}", entry.key if entry else place, help)
    if error.type in ("union_tag_invalid", "union_tag_not_found"):
        return _undecided(error)
    if error.type in ("value_error", "assertion_error"):
        return Complaint("PP-VALUE", " ".join(str(error.context.get("error", error.message)).split()), place)
    given = f"`{name}`" if spot.at_key else _given(spot.node)
    if wanted := error.wanted or tuple(filter(None, [_wanted(error)])):
        written = error.name if spot.at_key else spot.node.written
        meant = did_you_mean(written, _choices(error.context))
        code = "PP-VALUE" if error.type in _CHOICES else "PP-FIELD-TYPE"
        return Complaint(code, f"must be {' or '.join(wanted)}, got {given}{meant}", place, _how(spot.node, wanted))
    if error.type in ("too_short", "too_long"):
        given = str(error.context["actual_length"])
    return Complaint("PP-VALUE", f"{_bound(error)}, got {given}", place)


def _undecided(error: _Error) -> Complaint:
    """A mapping whose kind is decided by one of its fields, and that field is wrong or missing."""
    field = str(error.context.get("discriminator", "")).strip("'")
    known = _choices({"expected": error.context.get("expected_tags", "")}) or sorted(literals(error.spot.types, field))
    entry = error.spot.node.entries.get(field)
    if entry is None:
        message = f"missing field `{field}`, which decides about the others"
        return Complaint("PP-FIELD-MISSING", message, error.spot.place, f"It is one of {listed(known)}.")
    meant = did_you_mean(entry.node.written, known)
    message = f"`{field}` must be {_one_of(known)}, got {_given(entry.node)}{meant}"
    return Complaint("PP-VALUE", message, Spot(entry.node, entry.key, False, (), ()).place)


def _wanted(error: _Error) -> str:
    """What was wanted, if the value is of another kind, or not one of a choice."""
    return _one_of(_choices(error.context)) if error.type in _CHOICES else _WANTED.get(error.type, "")


def _choices(context: dict[str, Any]) -> list[str]:
    """The texts in `'a', 'b' or 'c'`, as pydantic lists them."""
    return _QUOTED.findall(str(context.get("expected", "")))


def _one_of(known: list[str]) -> str:
    quoted = [f"`{each}`" for each in known]
    return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"


def _given(node: Node) -> str:
    """What stands there, as it was written."""
    if not node.scalar:
        return "a list" if isinstance(node.data, list) else "a mapping"
    if isinstance(node.data, str):
        return f'"{shown(node.data)}"'
    return shown(node.written) or "nothing"


def _how(node: Node, wanted: tuple[str, ...]) -> str:
    """How to write what was wanted, when it is a matter of quotes or brackets."""
    if wanted == ("text",) and node.scalar and not node.quoted and node.written:
        return f'Put it in quotes: "{shown(node.written)}".'
    if wanted == ("text",) and not node.scalar:
        return "A text that begins with `{` or `[` has to be quoted."
    if wanted == ("a list",) and node.scalar and node.written:
        return f"Write it as a list: [{shown(node.written)}]."
    return ""


def _bound(error: _Error) -> str:
    context = error.context
    if error.type in ("too_short", "too_long"):
        count = context["min_length"] if error.type == "too_short" else context["max_length"]
        entries = "entry" if count == 1 else "entries"
        return f"must have at {'least' if error.type == 'too_short' else 'most'} {count} {entries}"
    if error.type in _BOUNDS:
        # 0.0 was written as 0 in the model, more often than not.
        plain = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in context.items()}
        return f"must be {_BOUNDS[error.type].format_map(plain)}"
    # Rarer errors keep pydantic's sentence, which reads well once its subject is gone.
    return re.sub(r"^(?:Input|Value|String|List|Dictionary|[A-Z]\w+) should ", "must ", error.message)
