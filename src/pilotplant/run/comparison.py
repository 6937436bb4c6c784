"""After quiescence: what every system holds against what it is meant to hold: all that was promised or changed."""

from collections.abc import Iterable

import msgspec

from pilotplant.checks.folds.anonymous import ROUNDED
from pilotplant.flows.expansion import Expander
from pilotplant.ledger.records import Amount, Compare
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import Replica
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import System

VALUES_MAX = 20


def worth_comparing(estate: Estate, expander: Expander) -> Iterable[str]:
    """What was promised, what came about in its place or is owed though no flow of this run says so, and what was
    changed."""
    instead = filter(estate.stands, expander.alternatives)
    owed = (effect for effect in expander.strays if estate.stands(effect) and _is_owed(estate, effect))
    return dict.fromkeys((*expander.effects, *instead, *owed, *estate.changed()))


def _is_owed(estate: Estate, effect: str) -> bool:
    """Whether a system of record asks for this fact, whatever flows are judged."""
    name, *keys = effect.split("|")
    replica = catalog.kinds()[name.partition(".")[0]].replicas[name]
    return replica.intended(estate, tuple(keys)) is not None


def compare(estate: Estate, ledger: LedgerWriter, effects: Iterable[str], *, dated: bool = True) -> int:
    """Write a `Compare` record for each of these effects that has a replica; how many there were. `dated`: with wrong
    dates, which are not looked for where nobody judges them."""
    compared, anonymous = 0, _weigh_anonymous(estate, ledger)
    for effect in effects:
        name, *keys = effect.split("|")
        kind = name.partition(".")[0]
        replica = catalog.kinds()[kind].replicas.get(name)
        system = estate.holding(effect)
        if replica is None or system is None or catalog.discloses(name):
            continue  # what was disclosed is judged by what held when it was
        held = replica.held(system.state, tuple(keys))
        intended = estate.intended(replica, tuple(keys))
        wanted = replica.form(system.state, intended) if intended else None
        present = replica.form(system.state, held) if held else None
        wanted, present = estate.projection.compared(name, wanted, present)
        if anonymous and wanted is not None and present is None:
            asked = replica.amount(wanted)
            ledger.write(Amount, estate.world.env.now, system.number, ledger.operations[name], effect, asked)
        together = replica.together(system.state, tuple(keys))
        told = _of_sum(estate, system, replica, *together) if together else difference(wanted, present)
        values = replica.moments(estate, tuple(keys)) if dated and held and intended else ()
        if told and wanted is not None and present is not None and not together:
            values += differing(wanted, present)
        compared += 1
        ledger.write(
            Compare,
            estate.world.env.now,
            system.number,
            ledger.operations[name],
            effect,
            told,
            values[:VALUES_MAX],
        )
    return compared


def _of_sum(estate: Estate, system: System, replica: Replica, group: tuple[tuple[str, ...], ...], held: float) -> str:
    """How a sum differs from what is intended for all that it sums up; which of them is wrong, nobody can know."""
    commands = (estate.intended(replica, keys) for keys in group)
    wanted = sum(replica.amount(replica.form(system.state, command)) for command in commands if command is not None)
    if abs(wanted - held) <= ROUNDED * len(group):
        return ""
    keys = list(zip(*group, strict=True))
    listed = ", ".join(next(each for each in keys if len(set(each)) > 1))
    return f"the sum for {listed} is {held:g}, intended is {wanted:g}"


def _weigh_anonymous(estate: Estate, ledger: LedgerWriter) -> bool:
    """Write how much was booked that nothing ties to its cause; whether there is any."""
    found = False
    for system in estate:
        for name, replica in system.kind.replicas.items():
            for keys, quantity in replica.anonymous(system.state).items():
                effect = "|".join((name, *keys))
                ledger.write(
                    Amount, estate.world.env.now, system.number, ledger.operations[name], effect, round(quantity, 6)
                )
                found = True
    return found


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


def differing(intended: msgspec.Struct, held: msgspec.Struct) -> tuple[tuple[str, str, str], ...]:
    """Each single value that differs: (what, held, intended). Of what is not there the text is empty."""
    told: list[tuple[str, str, str]] = []
    for name in intended.__struct_fields__:
        wanted, present = _single(name, getattr(intended, name)), _single(name, getattr(held, name))
        for what in dict.fromkeys((*wanted, *present)):
            if wanted.get(what) != present.get(what):
                told.append((what, present.get(what, ""), wanted.get(what, "")))
    return tuple(told)


def _single(name: str, value: object) -> dict[str, str]:
    """The single values in a field. Rows are told by their first column, since they have no order of their own."""
    if not isinstance(value, tuple):
        return {name: str(value)}
    found: dict[str, str] = {}
    for place, row in enumerate(value):
        key, *cells = row if isinstance(row, tuple) and row else (place, row)
        for column, cell in enumerate(cells):
            what = f"{name} {key}" + (f" {column + 1}" if len(cells) > 1 else "")
            found[what if what not in found else f"{what} #{place}"] = str(cell)
    return found


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(" ".join(map(str, entry)) for entry in value[:6]) + (", …]" if len(value) > 6 else "]")
    return str(value)
