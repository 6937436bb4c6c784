"""The file channel: what stands in a folder when, what faults make of it, and what the ledger says."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.channels.cloudevents import Outgoing
from pilotplant.channels.files import PATIENCE_S, FileDrop
from pilotplant.channels.sheets import sheet
from pilotplant.exchange.dropping import FileSpec
from pilotplant.faults.fault import Fault, fault_kinds
from pilotplant.faults.plan import FaultPlan
from pilotplant.ledger.records import Ack, Deliver, FaultBitten
from pilotplant.model.errors import DocumentError
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.fetching import FileIntake, Incomplete
from pilotplant.scenario.loading import load_run
from tests.different.running import SHIPPED
from tests.estates import Bench, bench

EVENT = {
    "id": "mes@CN01-00000001",
    "source": "/mes/CN01",
    "type": "mes.order.completed",
    "subject": "CN01/CNF-1",
    "traceparent": "00-a-b-01",
    "data": {
        "plant": "CN01",
        "confirmation": "CNF-1",
        "item": "000000000000012345",
        "lot": "",
        "good": 3.5,
        "scrap": 0.0,
        "unit": "EA",
        "posting_date": "2026-03-02",
        "consumption": [
            {"item": "ITM-1", "lot": "L1", "quantity": 7.25, "unit": "kg"},
            {"item": '齿轮; "A", B', "lot": "", "quantity": 1.0, "unit": "EA"},
        ],
    },
}
BARE = {**EVENT, "id": "mes@CN01-00000002", "data": {**EVENT["data"], "consumption": []}}  # type: ignore[dict-item]


class Share:
    """A folder with the drops of one system; every time that the drop waits, the folder is looked at."""

    def __init__(self, built: Bench, folder: Path, faults: list[Fault], *, lasts: bool = False, **spec: Any) -> None:
        self.built = built
        self.looks: list[dict[str, int]] = []
        self.on_wait: Callable[[], None] = lambda: None
        self.plan = FaultPlan(faults, built.world.draws)
        self.drop = FileDrop(
            built["mes@CN01"],
            FileSpec(**spec),
            folder,
            world=built.world,
            ledger=built.ledger,
            faults=self.plan,
            hold=self._hold,
            strike=self._nobody,
            fail=_raise,
            keeps=any(fault.empties for fault in faults),
            lasts=lasts,
        )

    async def _hold(self, until: float) -> None:
        self.looks.append(self.there())
        self.on_wait()
        if until > self.built.world.env.now:
            self.built.pass_time(until - self.built.world.env.now)

    async def _nobody(self, step: object, bite: object) -> None:
        raise AssertionError(step)

    def there(self) -> dict[str, int]:
        """Names and sizes."""
        return {path.name: path.stat().st_size for path in sorted(self.drop.folder.iterdir())}

    def send(self, count: int = 1) -> None:
        """So many events."""
        for number in range(count):
            emit = self.built.ledger.write(FaultBitten, 0.0, "an event", 0, number)
            body = msgspec.json.encode({**EVENT, "id": f"event-{number}"})
            self.drop.send(Outgoing(emit, "mes.order.completed", "mes@CN01", ("CN01", f"CNF-{number}"), body))


def _raise(error: BaseException) -> None:
    raise error


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def dropped(folder: Path, story: Callable[[Share], Any], *faults: dict[str, Any], **spec: Any) -> Share:
    """A story told with a share."""
    made = [fault_kinds()[each["fault"]].model_validate(each) for each in faults]

    async def main() -> Share:
        share = Share(bench(folder), folder / "share", made, **spec)
        outcome = story(share)
        if asyncio.iscoroutine(outcome):
            await outcome
        await settle()
        await share.drop.close()
        return share

    return asyncio.run(main())


@pytest.mark.parametrize(("form", "comma"), [("csv", False), ("csv", True), ("xml", False)])
def test_what_is_written_is_what_is_read(tmp_path: Path, form: str, comma: bool) -> None:
    content = sheet(form, [msgspec.json.encode(EVENT), msgspec.json.encode(BARE)], decimal_comma=comma)
    intake = FileIntake(tmp_path, _nothing, SystemClock(), every_s=1.0)
    read = msgspec.json.encode(intake.events(tmp_path / f"a.{form}", content))
    assert msgspec.json.decode(read) == [EVENT, BARE]
    if comma:
        assert b"3,5" in content and b";" in content


async def _nothing(body: bytes) -> None:
    del body


@pytest.mark.parametrize(("form", "cut"), [("csv", 4), ("csv", 9), ("csv", 120), ("xml", 3), ("xml", 60)])
def test_a_file_that_is_cut_off_is_not_read(tmp_path: Path, form: str, cut: int) -> None:
    content = sheet(form, [msgspec.json.encode(EVENT)], decimal_comma=False)
    intake = FileIntake(tmp_path, _nothing, SystemClock(), every_s=1.0)
    with pytest.raises((Incomplete, ValueError)):
        intake.events(tmp_path / f"a.{form}", content[:-cut])


def test_a_file_stands_complete_and_is_known_when_it_was_fetched(tmp_path: Path) -> None:
    async def story(share: Share) -> None:
        share.send()
        await settle()
        assert list(share.there()) == ["mes-CN01-000001.csv"]
        assert share.drop.pending == 1
        assert [each.waits for each in share.built.records(Deliver)] == [True]
        assert share.built.records(Ack) == []
        (share.drop.folder / "mes-CN01-000001.csv").unlink()
        await asyncio.sleep(0.06)
        assert [(each.status, each.note) for each in share.built.records(Ack)] == [(200, "fetched")]
        assert share.drop.pending == 0

    dropped(tmp_path, story)


def test_a_folder_that_outlives_runs_holds_nothing_of_another_run(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    left = (
        "mes-CN01-000001.csv",
        "mes-CN01-000001.csv.done",
        "mes-CN01-R00A1B2-000007.xml",
        "mes-CN01-000002.csv.part",
    )
    own = ("mes-CN01-000003.csv.bak", "mes-CN01.csv", "erp-000001.csv", "notes.txt")
    for name in (*left, *own):
        (folder / name).write_bytes(b"of yesterday")
    (folder / "mes-CN01-000009.csv").mkdir()

    async def story(share: Share) -> None:
        assert set(share.there()) == {*own, "mes-CN01-000009.csv"}
        share.built.world.mark = "R00A1B2-"
        share.send()
        await settle()
        assert set(share.there()) - set(own) == {
            "mes-CN01-000009.csv",
            "mes-CN01-R00A1B2-000001.csv",
            "mes-CN01-R00A1B2-000001.csv.done",
        }

    share = dropped(tmp_path, story, lasts=True, finish="marker")
    assert set(share.there()) == {*own, "mes-CN01-000009.csv"}, "what nobody has fetched is of no use to the next run"


def test_what_was_fetched_is_written_again_for_a_target_that_has_lost_it(tmp_path: Path) -> None:
    async def story(share: Share) -> None:
        share.send()
        await settle()
        (share.drop.folder / "mes-CN01-000001.csv").unlink()
        await asyncio.sleep(0.06)
        share.drop.folder.rmdir()  # it stood in the folder of the target, which is gone as well
        share.drop.send_again()
        await settle()
        assert list(share.there()) == ["mes-CN01-000002.csv"] and share.drop.pending == 1
        assert [each.emit for each in share.built.records(Deliver)] == [share.built.records(Ack)[0].emit] * 2

    dropped(tmp_path, story, {"fault": "killed", "restart": "cold", "nth": 9})


def test_what_nobody_fetches_keeps_nobody_waiting_for_ever(tmp_path: Path) -> None:
    async def story(share: Share) -> None:
        share.send()
        await settle()
        share.built.pass_time(PATIENCE_S + 1)
        assert share.drop.pending == 0
        assert share.built.records(Ack) == []

    dropped(tmp_path, story)


def test_a_batch_is_collected_until_its_time(tmp_path: Path) -> None:
    async def story(share: Share) -> None:
        share.send(3)
        await settle()
        assert share.there() == {}
        assert share.drop.pending == 3
        share.built.pass_time(19 * 3600)  # 06:13 in Suzhou when it begins; 01:13 of the next day
        await settle()
        assert share.there() == {}
        share.built.pass_time(3600)
        await settle()
        assert list(share.there()) == ["mes-CN01-000001.csv"]

    share = dropped(tmp_path, story, at="02:00")
    assert len(share.built.records(Deliver)) == 3


def test_the_last_batch_comes_when_the_plants_have_stopped(tmp_path: Path) -> None:
    async def story(share: Share) -> None:
        share.send(2)
        share.drop.flush()
        share.drop.flush()

    assert len(dropped(tmp_path, story, every=86400).there()) == 1


def test_a_marker_says_that_a_file_is_complete(tmp_path: Path) -> None:
    share = dropped(tmp_path, lambda share: share.send(), finish="marker", format="xml")
    assert list(share.there()) == ["mes-CN01-000001.xml", "mes-CN01-000001.xml.done"]


NAME = "mes-CN01-000001.csv"


@pytest.mark.parametrize(
    ("fault", "meanwhile", "afterwards"),
    [
        ({"fault": "file-half-written"}, [f"{NAME}.part"], [NAME]),
        ({"fault": "file-renamed-early"}, [NAME], [NAME]),
        ({"fault": "file-locked"}, [NAME, f"{NAME}.lock"], [NAME]),
        ({"fault": "file-duplicated"}, [NAME], [NAME, "mes-CN01-000002.csv"]),
        ({"fault": "file-empty"}, ["mes-CN01-000002.csv"], [NAME, "mes-CN01-000002.csv"]),
        ({"fault": "file-wrong-charset"}, ["mes-CN01-000002.csv"], [NAME, "mes-CN01-000002.csv"]),
        ({"fault": "file-out-of-order"}, [], [NAME]),
    ],
    ids=lambda value: value["fault"] if isinstance(value, dict) else "",
)
def test_what_a_fault_makes_of_a_file(
    tmp_path: Path, fault: dict[str, Any], meanwhile: list[str], afterwards: list[str]
) -> None:
    share = dropped(tmp_path, lambda share: share.send(), fault)
    assert list(share.looks[0]) == meanwhile
    assert list(share.there()) == afterwards
    whole = share.there()[NAME]
    if fault["fault"] in ("file-half-written", "file-renamed-early", "file-locked"):
        assert 0 < share.looks[0][meanwhile[0]] < whole
    assert share.plan.bitten[fault["fault"]] == 1
    if fault["fault"] == "file-empty":
        assert share.there()["mes-CN01-000002.csv"] == 0


def test_who_takes_away_what_is_not_complete_says_that_it_has_it(tmp_path: Path) -> None:
    async def story(share: Share) -> None:
        share.on_wait = lambda: (share.drop.folder / NAME).unlink()
        share.send()
        await asyncio.sleep(0.08)
        assert share.there() == {}
        assert [each.status for each in share.built.records(Ack)] == [200]

    dropped(tmp_path, story, {"fault": "file-renamed-early"})


def test_what_nobody_can_read_tells_nothing(tmp_path: Path) -> None:
    share = dropped(tmp_path, lambda share: share.send(), {"fault": "file-wrong-charset"})
    assert [each.bent for each in share.built.records(Deliver)] == [""]
    (tmp_path / "twice").mkdir()
    share = dropped(tmp_path / "twice", lambda share: share.send(), {"fault": "file-duplicated"})
    assert [each.bent for each in share.built.records(Deliver)] == ["", "file-duplicated"]


def test_a_fault_of_files_needs_a_system_that_drops_some() -> None:
    override = "faults=[{fault: file-empty, match: {system: mes}}]"
    with pytest.raises(DocumentError) as refused:
        load_run(SHIPPED, ["shift-change"], [override], "null")
    assert refused.value.problems[0].message == "no system that it is matched to drops files"
