"""The simulators read and answer XML for those who speak it, and find what a target's rules say in it."""

from datetime import UTC, datetime
from pathlib import Path

from pilotplant.dialects.codecs.codec import codecs
from pilotplant.dialects.rest import Rest
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.ledger.records import Commit
from pilotplant.model.script import REFUSE
from pilotplant.run.comparison import compare
from pilotplant.target.extensions import extended
from pilotplant.target.identity import Identities, Rule
from tests.estates import Bench, bench

XML = {b"content-type": b"text/xml; charset=utf-8"}


def call(estate: Bench, body: bytes, headers: dict[bytes, bytes] = XML) -> WireResponse:
    boundary = estate.boundary("erp")
    boundary.dialect = Rest(estate["erp"].operations)
    exchange = boundary.open(WireRequest("POST", "/stock-documents", b"", headers, body))
    if exchange.script is not REFUSE:
        exchange.commit()
    return exchange.response


def open_bench(folder: Path) -> Bench:
    return bench(folder, erp={"auth": {"kind": "none"}})


def posting(estate: Bench, *lines: tuple[str, float, str], plant: str = "DE01") -> bytes:
    item = next(key[1] for key in estate.estate.dataset.plant_items if key[0] == plant)
    unit = estate.estate.dataset.items[item].unit
    told = [
        {"movement": movement, "item": item, "quantity": quantity, "unit": unit, "item_text": text}
        for movement, quantity, text in lines
    ]
    date = datetime.fromtimestamp(estate.world.now().business, UTC).date().isoformat()
    return codecs()["xml"].encode({"plant": plant, "posting_date": date, "lines": told}, "StockDocument")


def instructed(estate: Bench) -> None:
    erp = estate["erp"]
    erp.operations = extended(erp.operations, {"erp.stock.post": {"lines.item_text": "text"}})
    rule = Rule(field="lines.item_text", pattern=r"CNF-\d+", all=True)
    erp.identified = Identities({"erp.stock.post": {"source_document": [rule]}}).find


def test_a_single_line_is_a_list_and_the_answer_is_xml(tmp_path: Path) -> None:
    estate = open_bench(tmp_path)
    instructed(estate)
    answer = call(estate, posting(estate, ("receipt", 2.5, "CNF-1")))
    assert (answer.status, dict(answer.headers)[b"content-type"]) == (201, b"application/xml")
    assert codecs()["xml"].decode(answer.body)["document"].isdigit()
    (commit,) = estate.records(Commit)
    assert commit.effect.split("|")[2] == "CNF-1"


def test_numbers_may_have_blanks_around_them_and_are_finite(tmp_path: Path) -> None:
    estate = open_bench(tmp_path)
    body = posting(estate, ("receipt", 2.5, "")).replace(b"<item_text/>", b"")
    for written, status in ((b" 5 ", 201), (b"\n5.0\n", 201), (b"nan", 400), (b"-inf", 400), (b"1e400", 400)):
        assert call(estate, body.replace(b">2.5<", b">" + written + b"<")).status == status, written


def test_refusals_are_problems_in_xml(tmp_path: Path) -> None:
    estate = open_bench(tmp_path)
    answer = call(estate, b"<StockDocument><plant>XX99</plant></StockDocument>")
    told = codecs()["xml"].decode(answer.body)
    assert dict(answer.headers)[b"content-type"] == b"application/problem+xml"
    assert (answer.status, told["code"], told["definite"]) == (422, "invalid-request", "true")
    answer = call(estate, b"<!DOCTYPE x><x/>")
    assert answer.status == 400 and b"document type" in answer.body
    answer = call(estate, b"a;b", headers={b"content-type": b"text/csv"})
    assert answer.status == 415


def test_who_accepts_json_gets_it_and_a_browser_too(tmp_path: Path) -> None:
    estate = open_bench(tmp_path)
    for accept in (b"application/json", b"text/html,application/xml;q=0.9,*/*;q=0.8"):
        headers = {**XML, b"accept": accept}
        answer = call(estate, b"<x/>", headers=headers)
        assert dict(answer.headers)[b"content-type"] == b"application/problem+json"


def test_a_line_for_several_is_one_effect_for_each_and_repeating_it_repeats_all(tmp_path: Path) -> None:
    estate = open_bench(tmp_path)
    instructed(estate)
    body = posting(estate, ("receipt", 5, "CNF-1 CNF-2"), ("scrap", 1, "CNF-2"))
    call(estate, body)
    call(estate, body)
    commits = estate.records(Commit)
    told = [tuple(commit.effect.split("|")[2:4]) for commit in commits]
    assert told == [("CNF-1", "receipt"), ("CNF-2", "receipt"), ("CNF-2", "scrap")] * 2
    assert [commit.repeat_of for commit in commits[3:]] == [commit.seq for commit in commits[:3]]


def test_what_the_rules_find_is_not_shown_to_the_target(tmp_path: Path) -> None:
    estate = open_bench(tmp_path)
    instructed(estate)
    answer = call(estate, posting(estate, ("receipt", 5, "CNF-1")))
    assert b"CNF-1" not in answer.body
    found = estate["erp"].state.documents
    assert found.of_source("DE01", "CNF-1") == [] and len(found.of_cause("DE01", "CNF-1")) == 1
    assert compare(estate.estate, estate.ledger, []) == 0, "and nothing of it is anonymous"
