"""Where a target puts what it gives up, if not on the exception desk: read there, and told to the desk in its name."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pilotplant.model.durations import Duration
from pilotplant.target.identity import pattern_of
from pilotplant.target.words import Url, Word

_CONFIG = ConfigDict(extra="forbid", frozen=True)


class Part(BaseModel):
    """Where a part of an exception stands: `Betreff`, or `{field: Betreff, pattern: "CNF-[0-9]+", values: {…}}`."""

    model_config = _CONFIG

    field: str = ""
    constant: str = ""
    pattern: Annotated[str, AfterValidator(pattern_of)] = ""
    """What of the text is meant: the first group, or the whole match."""
    values: dict[str, str] = {}
    """Codes of the target and what they mean here."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.field) == bool(self.constant):
            raise ValueError("a part is read from a `field`, or is a `constant`")
        return self

    def of(self, item: Any) -> str:
        """This part of an item; empty where it is not there."""
        if self.constant:
            return self.constant
        value = looked_up(item, self.field)
        text = "" if value is None or isinstance(value, dict | list) else str(value)
        if self.pattern:
            match = re.search(self.pattern, text)
            text = (next(filter(None, match.groups()), "") if match.groups() else match[0]) if match else ""
        return self.values.get(text, text)


def _part(value: object) -> object:
    return {"field": value} if isinstance(value, str) else value


SpecPart = Annotated[Part, BeforeValidator(_part, json_schema_input_type=str | Part)]


class Sql(BaseModel):
    """A table of a SQLite file; each row of the query is an exception."""

    model_config = _CONFIG

    sqlite: Word
    query: Annotated[str, Field(pattern=r"(?is)^\s*select\b")]


class ExceptionsSpec(BaseModel):
    """Where the target gives up, and what stands where in it. One of `endpoint`, `poll`, `file`, `sql`."""

    model_config = _CONFIG

    endpoint: bool = False
    """The target posts them to `{estate}/_pilotplant/exceptions`."""
    poll: Url | None = None
    """An address of the target that lists them."""
    file: Word = ""
    """A file with one JSON document a line."""
    sql: Sql | None = None
    every: Annotated[Duration, Field(ge=0.05)] = 0.25
    items: str = ""
    """A path to the list within what is read; empty: it is the list, or one exception."""
    subject: SpecPart
    """What it is about: the number of the change or confirmation."""
    message: SpecPart | None = None
    """What names the message where no subject can be read: its id. So dead letters count that nobody can read."""
    plant: SpecPart
    owner: SpecPart
    """`engineering`, `planning`, `procurement` or `plant-it`."""
    reason: SpecPart
    flow: SpecPart

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum((self.endpoint, self.poll is not None, bool(self.file), self.sql is not None)) != 1:
            raise ValueError("exceptions come from one of `endpoint`, `poll`, `file` or `sql`")
        return self

    def entries(self, content: Any) -> list[Any]:
        """What is listed in what was read."""
        listed = looked_up(content, self.items) if self.items else content
        return listed if isinstance(listed, list) else [listed] if listed else []

    def told(self, content: Any) -> list[dict[str, str]]:
        """The exceptions in what was read, as the desk wants them; what names neither subject nor message is none."""
        entries = self.entries(content)
        parts = ("subject", "plant", "owner", "reason", "flow")
        told = [{name: getattr(self, name).of(entry) for name in parts} for entry in entries]
        if self.message is not None:
            for each, entry in zip(told, entries, strict=True):
                each["subject"] = each["subject"] or self.message.of(entry)
        return [each for each in told if each["subject"]]


def looked_up(content: Any, path: str) -> Any:
    """What stands at a path of plain data; nothing where there is none."""
    for part in path.split("."):
        content = content.get(part) if isinstance(content, Mapping) else None
    return content
