"""Where hostile events end: exactly what they are about counts, and only what the desk took."""

from pathlib import Path
from typing import Any

import pytest

from pilotplant.checks.folds.promises import EXCEPTION
from pilotplant.conformance.fuzzing.middleware import _Ends
from pilotplant.faults.hostile import Hostile
from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import ILLEGIBLE, Ack, Commit, Deliver, FaultBitten, Reject
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.systems.catalog import ledger_table

HEADER = Header("test", 1, 0.0, 1.0, "live", ("mes", "desk"), ledger_table())
NUMBERS = HEADER.operation_numbers()
HOSTILE = "hostile"


def fault() -> Hostile:
    about = {"fault": HOSTILE, "match": {"operation": "mes.order.completed"}, "how": "no-json", "nth": 1}
    return Hostile.model_validate(about)


def ended(
    folder: Path, *records: Any, subjects: tuple[str, ...] = ("DE01/CNF-80",), declared: bool = True
) -> list[str]:
    """Where events about these subjects ended, after their acknowledgement and these records."""
    writer = LedgerWriter(folder, HEADER)
    for position, subject in enumerate(subjects):
        label = f"{HOSTILE}#{position + 1}" if position else HOSTILE
        emit = 1000 + position
        writer.write(FaultBitten, 0.0, label, 0, emit)
        writer.write(Deliver, 0.0, emit, 1, HOSTILE, subject)
        writer.write(Ack, 0.0, emit, 1, 202, "")
    for kind, *fields in records:
        writer.write(kind, 0.0, *fields)
    writer.close()
    found = _Ends(Ledger(folder), [fault() for _ in subjects], declared=declared).events()
    return [event.ended for event in found]


def raised(subject: str, kind: type = Commit) -> tuple[Any, ...]:
    effect = f"{EXCEPTION}|DE01|{subject}|unreadable-event"
    more = ("refused", 422, True) if kind is Reject else ()
    return (kind, 1, 7, NUMBERS[EXCEPTION], effect, 0, *more)


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ((raised("CNF-80"),), "excepted"),
        ((raised("DE01/CNF-80"),), "excepted"),
        ((raised("CNF-80", Reject),), "dropped"),
        (((Commit, 0, 7, NUMBERS["erp.stock.post"], "erp.stock.post|DE01|CNF-80|receipt|ITM-1|", 0),), "applied"),
        (((Commit, 0, 0, NUMBERS["erp.stock.post"], "erp.stock.post|DE01|CNF-80|receipt|ITM-1|", 0),), "dropped"),
        ((), "dropped"),
    ],
    ids=["named", "named in full", "refused by the desk", "carried out", "by the system itself", "nothing"],
)
def test_an_end_is_what_the_event_is_about(tmp_path: Path, told: Any, end: str) -> None:
    assert ended(tmp_path, *told) == [end]


def test_a_number_that_begins_with_another_is_another(tmp_path: Path) -> None:
    subjects = ("DE01/CNF-80", "DE01/CNF-801")
    assert ended(tmp_path, raised("CNF-801"), subjects=subjects) == ["dropped", "excepted"]


def test_what_names_nothing_known_speaks_of_one_that_cannot_be_read(tmp_path: Path) -> None:
    told = raised("message-4711")
    assert ended(tmp_path, told, subjects=("DE01/CNF-80", ILLEGIBLE)) == ["dropped", "excepted"]


def test_nothing_is_carried_out_for_what_cannot_be_read(tmp_path: Path) -> None:
    posted = (Commit, 0, 7, NUMBERS["erp.stock.post"], "erp.stock.post|DE01|CNF-1|receipt|ITM-1|", 0)
    assert ended(tmp_path, posted, subjects=(ILLEGIBLE,)) == ["dropped"]


def test_a_refusal_of_a_nameless_exception_excuses_nobody(tmp_path: Path) -> None:
    refused = (Reject, 1, 7, NUMBERS[EXCEPTION], "", 0, "invalid", 422, True)
    assert ended(tmp_path, refused, subjects=(ILLEGIBLE,)) == ["dropped"]


def test_who_says_nowhere_where_it_gives_up_is_not_accused(tmp_path: Path) -> None:
    """Its dead letters may stand where nobody looks; who tells the desk of others tells it of all."""
    assert ended(tmp_path, declared=False) == ["unseen"]
    (tmp_path / "b").mkdir()
    subjects = ("DE01/CNF-80", "DE01/CNF-90")
    assert ended(tmp_path / "b", raised("CNF-90"), subjects=subjects, declared=False) == ["dropped", "excepted"]
