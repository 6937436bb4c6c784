"""After quiescence: what every system holds against what it is meant to hold: all that was promised or changed."""

from collections.abc import Iterable

import msgspec

from pilotplant.ledger.records import Compare
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate


def compare(estate: Estate, ledger: LedgerWriter, effects: Iterable[str]) -> int:
    """Write a `Compare` record for each of these effects that has a replica; how many there were."""
    compared = 0
    for effect in effects:
        name, *keys = effect.split("|")
        kind = name.partition(".")[0]
        replica = catalog.kinds()[kind].replicas.get(name)
        system = estate.serving(kind, keys[0]) if keys else None
        if replica is None or system is None:
            continue
        held = replica.held(system.state, tuple(keys))
        intended = replica.intended(estate, tuple(keys))
        told = difference(
            replica.form(system.state, intended) if intended else None,
            replica.form(system.state, held) if held else None,
        )
        compared += 1
        ledger.write(
            Compare,
            estate.world.env.now,
            system.number,
            ledger.operations[name],
            effect,
            told,
        )
    return compared


def difference(intended: msgspec.Struct | None, held: msgspec.Struct | None) -> str:
    """How what is held differs from what is intended, in words; empty where they agree."""
    if intended == held:
        return ""
    if held is None:
        return "nothing is held"
    if intended is None:
        return "something is held, and nothing is intended"
    told: list[str] = []
    for name in intended.__struct_fields__:
        wanted, present = getattr(intended, name), getattr(held, name)
        if wanted != present:
            told.append(f"{name} is {_shown(present)}, intended is {_shown(wanted)}")
    return "; ".join(told)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(" ".join(map(str, entry)) for entry in value[:6]) + (", …]" if len(value) > 6 else "]")
    return str(value)
