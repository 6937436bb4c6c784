"""A what-if experiment as its YAML document describes it, or as the command line puts it together."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pilotplant.model.documents import Document
from pilotplant.model.errors import UsageError
from pilotplant.model.instants import seconds
from pilotplant.resources import Project

POINTS_MAX = 20_000
VALUES_MAX = 2_000
_BOUND = r"-?[\d.]+[a-z]*|(?:[\d.]+[a-z]+)+"
_RANGE = re.compile(rf"(?P<start>{_BOUND}):(?P<end>{_BOUND}):(?P<step>[\d.]+)(?P<unit>[a-z]*)")


Value = Any
"""Whatever a field of a document may hold."""


def values_of(text: str) -> list[Value]:
    """`1:9:2` is 1, 3, 5, 7, 9; `10m:1h:10m` is 10m to 60m; `fifo,priority` are these two. Raises `ValueError`."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        try:
            return [yaml.safe_load(part) for part in _parted(text)]
        except yaml.YAMLError:
            raise ValueError(f"{text!r} is no list of values") from None
    start, end = (_in_unit(match[name], match["unit"], text) for name in ("start", "end"))
    step = float(match["step"])
    if step <= 0 or end < start:
        raise ValueError(f"{text!r} is not a range: it goes up from the first to the second by the third")
    count = int((end - start) / step + 1e-9) + 1
    if count > VALUES_MAX:
        raise ValueError(f"{text!r} has {count:,} values; at most {VALUES_MAX:,}")
    return [_number(start + number * step, match["unit"]) for number in range(count)]


def _in_unit(bound: str, unit: str, text: str) -> float:
    """The start or end of a range in the unit of its step, which it may leave out."""
    with suppress(ValueError):
        return float(bound.removesuffix(unit))
    try:
        return seconds(bound) / seconds(f"1{unit}")
    except ValueError:
        raise ValueError(f"{text!r} mixes units: write numbers, or durations such as 10m:1h:10m") from None


def _number(value: float, unit: str) -> Value:
    rounded = round(value, 9)
    plain: Value = int(rounded) if rounded == int(rounded) else rounded
    return f"{plain}{unit}" if unit else plain


def _parted(text: str) -> list[str]:
    """The parts between commas that stand in no bracket."""
    parts, depth, current = [], 0, ""
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth <= 0:
            parts.append(current)
            current = ""
        else:
            current += letter
    return [part for part in (*parts, current) if part.strip()]


def _values(given: Any) -> Any:
    if isinstance(given, list):
        return given
    return values_of(given) if isinstance(given, str) else [given]


Values = Annotated[list[Any], BeforeValidator(_values), Field(min_length=1, max_length=VALUES_MAX)]


class ReplicationsSpec(BaseModel):
    """How often each point is run: at least `min` times, and up to `max` times until the error is small enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: Annotated[int, Field(ge=2, le=10_000)] = 5
    max: Annotated[int, Field(ge=2, le=10_000)] = 5
    until_rel_error: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Half the 95 % interval of the first metric, relative to its mean."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"`max` ({self.max}) is less than `min` ({self.min})")
        return self


def lost(told: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str, str]]:
    """Of paths in the order in which they are applied, and where each comes from: those that a later one sets over,
    with that one."""
    for number, (path, where) in enumerate(told):
        for over, place in told[number + 1 :]:
            if path == over or path.startswith(f"{over}."):
                yield path, where, over, place


class SweepSpec(BaseModel):
    """A what-if experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    sweep: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    about: str = ""
    scenario: str
    target: str = ""
    """Whose model it is; the parameters in `set`, `vary` and `alternatives` go before."""
    set_: Annotated[dict[str, Any], Field(alias="set")] = {}
    """Fields of scenario, estate, profiles and model that are other in all points."""
    vary: dict[str, Values] = {}
    """By path, the values that a field takes; points are all combinations."""
    alternatives: dict[str, dict[str, Any]] = {}
    """Named settings that are compared at every point."""
    metrics: Annotated[list[str], Field(min_length=1)]
    """Figures of the runs; the first one decides when there are enough replications."""
    replications: ReplicationsSpec = ReplicationsSpec()
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _nothing_lost(self) -> Self:
        """What is set first and then set over would be compared as if it held."""
        for name, settings in (self.alternatives or {"": {}}).items():
            told = [(path, "`set`") for path in self.set_]
            told += [(path, f"the alternative `{name}`") for path in settings]
            told += [(path, "`vary`") for path in self.vary]
            for path, where, over, place in lost(told):
                raise ValueError(f"`{path}` in {where} would do nothing: {place} has `{over}`, which goes before it")
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        points = max(1, len(self.alternatives))
        for values in self.vary.values():
            points *= len(values)
        if points > POINTS_MAX:
            raise ValueError(f"that are {points:,} points; at most {POINTS_MAX:,}")
        return self


class Point(BaseModel):
    """One combination of values."""

    model_config = ConfigDict(frozen=True)

    number: int
    alternative: str
    values: dict[str, Any]
    """By path that is varied."""
    overrides: tuple[str, ...]
    """All that is other than in the documents, as `--set` takes it."""


def points_of(spec: SweepSpec) -> list[Point]:
    """All points, in order."""
    points: list[Point] = []
    names = list(spec.vary)
    for alternative, settings in (spec.alternatives or {"": {}}).items():
        for combination in product(*spec.vary.values()):
            values = dict(zip(names, combination, strict=True))
            told = {**spec.set_, **settings, **values}
            overrides = tuple(f"{path}={written(value)}" for path, value in told.items())
            points.append(Point(number=len(points), alternative=alternative, values=values, overrides=overrides))
    return points


def written(value: Any) -> str:
    """A value as `--set` reads it back."""
    text = yaml.safe_dump(value, default_flow_style=True, width=100_000, allow_unicode=True)
    return text.removesuffix("\n...\n").strip()


def load_sweep(project: Project, name: str) -> SweepSpec:
    """A study of the project, or the file that the name is the path of."""
    return Document.read(project.find("studies", name)).validate(SweepSpec)


def is_sweep(project: Project, name: str) -> bool:
    """Whether a name means a study, and not a scenario."""
    if name in project.names("studies"):
        return True
    if not name.endswith((".yaml", ".yml")) or not Path(name).is_file():
        return False
    content = Document.read(Path(name)).data
    return isinstance(content, dict) and "sweep" in content


def varied(texts: Iterable[str]) -> dict[str, list[Value]]:
    """What `--vary path=values` says."""
    found: dict[str, list[Value]] = {}
    for text in texts:
        path, separator, values = text.partition("=")
        if not separator or not all(path.split(".")) or not values:
            raise UsageError(f"--vary {text!r} is not of the form path=a:b:step or path=x,y,z")
        if path in found:
            raise UsageError(f"--vary {path} is given twice", help=f"Name all values at once: --vary {path}=X,Y,Z.")
        try:
            found[path] = values_of(values)
        except ValueError as error:
            raise UsageError(f"--vary {path}: {error}") from None
        if not found[path] or len(found[path]) > VALUES_MAX:
            raise UsageError(f"--vary {path} has {len(found[path]):,} values; from 1 to {VALUES_MAX:,}")
    return found
