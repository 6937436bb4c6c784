"""What an operation answers. Handlers are pure: they change their own state and return one of these, nothing else."""

from typing import Any

import msgspec

from pilotplant.model.problem import Rejection


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The command was carried out.

    `effects` names the effects where the command's own fields do not say it all: pairs of key values and version.
    `undoes` lists identities of effects that no longer stand. `stale` says that something newer was overwritten.
    `touches` names rows of lists that changed though the effect is about something else: the list operation, and what
    identifies the row.
    """

    result: Any = None
    emit: tuple[Any, ...] = ()
    jobs: tuple[Any, ...] = ()
    effects: tuple[tuple[tuple[str, ...], int], ...] | None = None
    undoes: tuple[str, ...] = ()
    stale: bool = False
    etag: str = ""
    touches: tuple[tuple[str, ...], ...] = ()


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The rules of the system say no. Nothing was changed."""

    rejection: Rejection
    etag: str = ""


class Found(msgspec.Struct, frozen=True, gc=False):
    """The answer of a query. `reveals` lists what it shows as (effect id, version); `None` means: everything."""

    result: Any
    reveals: tuple[tuple[str, int], ...] | None = None
    etag: str = ""


Outcome = Committed | Refused | Found
