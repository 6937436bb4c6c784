"""The reference middleware's door: who is let in, what is taken once, and when it is acknowledged."""

import asyncio
import json
import sqlite3
from pathlib import Path

import httpx
import pytest

from pilotplant.reference.inbox import Inbox
from pilotplant.reference.signature import SignatureCheck
from pilotplant.reference.store import Store
from tests.unit.reference_estate import EPOCH, SECRET, Estate, run, running, sign

CHECK = SignatureCheck(SECRET, age_max_s=300)


def test_a_right_signature_is_accepted() -> None:
    assert CHECK.objection(sign(b"{}", EPOCH), b"{}", EPOCH + 299) == ""


def test_while_a_secret_is_changed_one_right_signature_of_two_is_enough() -> None:
    old, new = sign(b"{}", EPOCH, "old"), sign(b"{}", EPOCH)
    assert CHECK.objection(f"{old},{new.split(',')[1]}", b"{}", EPOCH) == ""


@pytest.mark.parametrize(
    ("header", "body", "now", "says"),
    [
        pytest.param("", b"{}", EPOCH, "missing", id="none"),
        pytest.param("t=١,v1=00", b"{}", EPOCH, "malformed", id="digits of another script"),
        pytest.param(sign(b"{}", EPOCH).split(",")[0], b"{}", EPOCH, "malformed", id="half"),
        pytest.param(sign(b"{}", EPOCH, "guess"), b"{}", EPOCH, "not match", id="other secret"),
        pytest.param(sign(b"{}", EPOCH), b"{ }", EPOCH, "not match", id="other body"),
        pytest.param(sign(b"{}", EPOCH).replace("t=1", "t=2"), b"{}", EPOCH, "not match", id="other moment"),
        pytest.param(f"t={int(EPOCH)},v1=é", b"{}", EPOCH, "not match", id="not even ASCII"),
        pytest.param(sign(b"{}", EPOCH), b"{}", EPOCH + 301, "too old", id="old"),
        pytest.param(sign(b"{}", EPOCH), b"{}", EPOCH - 301, "future", id="future"),
    ],
)
def test_a_wrong_signature_is_refused(header: str, body: bytes, now: float, says: str) -> None:
    assert says in CHECK.objection(header, body, now)


def test_forged_and_replayed_events_are_answered_with_401_and_leave_nothing() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            body = b'{"id":"1","source":"/plm","type":"x","data":{}}'
            assert await middleware.deliver(body, sign(body, EPOCH, "guess")) == 401
            assert await estate.tell("mes.order.completed", {}, when=EPOCH - 600) == 401
            assert await middleware.open() == 0
        return estate

    assert not run(main()).seen


def test_a_duplicate_is_acknowledged_and_not_processed_even_if_both_arrive_at_once() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            same = {"change": "ECO-1", "reason": ""}
            await estate.complete("CNF-1")
            body_of = [
                estate.tell("plm.change.cancelled", same, number="7"),
                estate.tell("plm.change.cancelled", same, number="7"),
            ]
            assert await asyncio.gather(*body_of) == [202, 202]
            await estate.complete("CNF-1")
            await middleware.settled()
        return estate

    assert len(run(main()).documents) == 1


def test_equal_ids_of_different_sources_are_different_events() -> None:
    async def main() -> Estate:
        estate = Estate()
        order = {"item": "M-1", "lot": "", "good": 1, "scrap": 0, "unit": "EA", "posting_date": "2026-01-02"}
        async with running(estate) as middleware:
            for plant in ("DE01", "US01"):
                done = {**order, "plant": plant, "confirmation": "CNF-1", "consumption": []}
                await estate.tell("mes.order.completed", done, source=f"/mes/{plant}", number="1")
            await middleware.settled()
        return estate

    assert len(run(main()).documents) == 2


def test_when_202_is_answered_the_event_can_be_read_from_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        estate = Estate()
        estate.bends.append(lambda seen: httpx.ConnectError("down"))
        async with running(estate, tmp_path / "reference.sqlite"):
            assert await estate.complete("CNF-1") == 202
            # Another connection sees only what was committed.
            other = sqlite3.connect(tmp_path / "reference.sqlite")
            assert other.execute("select count(*) from inbox").fetchone() == (1,)
            assert other.execute("select state from work").fetchone() == ("open",)
            other.close()

    run(main())


def test_an_event_that_cannot_be_stored_is_not_acknowledged() -> None:
    database = sqlite3.connect(":memory:")

    async def main() -> None:
        estate = Estate()
        async with running(estate, database):
            database.execute("drop table work")
            with pytest.raises(sqlite3.OperationalError):
                await estate.complete("CNF-1")
            assert database.execute("select count(*) from inbox").fetchone()[0] == 0, "so it is taken when sent again"

    run(main())
    database.close()


def test_what_an_event_means_is_remembered_with_it_or_not_at_all() -> None:
    store = Store(":memory:")
    inbox = Inbox(store)

    def fail(event: object) -> None:
        raise RuntimeError("the process dies here")

    body = json.dumps({"id": "1", "source": "/plm", "type": "a", "data": {}}).encode()
    with pytest.raises(RuntimeError):
        inbox.accept(body, received_at=0, apply={"a": fail}, ignored=frozenset(), set_aside=fail)
    seen: list[str] = []
    assert inbox.accept(
        body, received_at=0, apply={"a": lambda event: seen.append(event.id)}, ignored=frozenset(), set_aside=fail
    )
    assert seen == ["1"]
    store.close()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        pytest.param("mes.order.completed", {"plant": "DE01"}, id="fields are missing"),
        pytest.param("plm.change.released", "ECO-1", id="another shape"),
        pytest.param(
            "plm.change.released",
            {
                "change": "ECO-1",
                "priority": "low",
                "effectivity": {"kind": "immediate", "at": "2026-01-01T00:00:00Z"},
                "affected": [{"item": "M-1", "to_revision": "7", "plants": ["DE01"]}],
            },
            id="a revision that is none",
        ),
    ],
)
def test_poison_is_set_aside_told_once_and_blocks_nobody(kind: str, data: object) -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            for _ in range(2):
                assert await estate.tell(kind, data, number="bad") == 202
            await estate.complete("CNF-1")
            await middleware.settled()
        return estate

    estate = run(main())
    (raised,) = estate.exceptions
    assert (raised["reason"], raised["owner"], raised["subject"]) == ("unreadable-event", "plant-it", "subject")
    assert len(estate.documents) == 1


def test_signed_bytes_that_are_no_event_are_set_aside_too() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            for body in (b"", b"\xff", b"[]", b'{"id": 1}'):
                assert await middleware.deliver(body, sign(body, EPOCH)) == 202
            await middleware.settled()
        return estate

    assert len(run(main()).exceptions) == 4


def test_an_unknown_type_is_kept_with_a_warning_and_an_uninteresting_one_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = sqlite3.connect(":memory:")

    async def main() -> None:
        estate = Estate()
        async with running(estate, database):
            assert await estate.tell("erp.stock.posted", {}) == 202
            assert await estate.tell("qms.scar.answered", {}) == 202

    run(main())
    states = database.execute("select type, state from inbox order by type").fetchall()
    assert [tuple(row) for row in states] == [("erp.stock.posted", "ignored"), ("qms.scar.answered", "unknown")]
    assert [record.message.split(" is kept")[0] for record in caplog.records] == [
        "an event of the unknown type qms.scar.answered"
    ]
    database.close()


def test_new_fields_do_no_harm() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.complete("CNF-1", shift="early", operators=["A", "B"])
            await middleware.settled()
        return estate

    assert len(run(main()).documents) == 1
