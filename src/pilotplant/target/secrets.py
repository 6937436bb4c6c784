"""Secrets of a target: named by the variable that holds them, never written into a file or an artefact."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.kernel.draws import Draws
from pilotplant.model.errors import UsageError

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Secrets = Mapping[str, str]
"""Values by the name of their variable."""


class FromEnvironment(BaseModel):
    """A secret: `{env: HUB_PASSWORD}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: Variable

    def of(self, secrets: Secrets) -> str:
        """Its value in this run."""
        return secrets[self.env]


def named_in(spec: object) -> Iterator[str]:
    """The variables that a document names, wherever they stand in it."""
    if isinstance(spec, FromEnvironment):
        yield spec.env
    elif isinstance(spec, BaseModel):
        for name in type(spec).model_fields:
            yield from named_in(getattr(spec, name))
    elif isinstance(spec, Mapping):
        for value in spec.values():
            yield from named_in(value)
    elif isinstance(spec, list | tuple):
        for value in spec:
            yield from named_in(value)


def resolved(names: Iterable[str], environment: Mapping[str, str], draws: Draws, *, told: bool) -> Secrets:
    """The values. One that is not set is drawn from the seed where the target can be told of it: where we start it."""
    wanted = list(dict.fromkeys(names))
    absent = [name for name in wanted if not environment.get(name)]
    if absent and not told:
        raise UsageError(
            f"the target names secrets that the environment does not hold: {', '.join(absent)}",
            help="Set these variables; only a target that Pilotplant starts itself can be told others.",
        )
    return {name: environment.get(name) or draws.token(f"target|{name}") for name in wanted}
