"""Pacts are recorded from a run: they verify, find what is different, tell no secrets, and count for nothing."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.conformance.recording import Recorded, record
from pilotplant.conformance.stage import Scenery
from pilotplant.conformance.verification import Verification
from pilotplant.conformance.verifying import verify
from pilotplant.contracts.pacts import Interaction, read_folder
from pilotplant.dialects.rest import Rest
from pilotplant.model.errors import LedgerError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.resources import find_project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_estate, load_run
from pilotplant.systems.erp.stock import FindDocuments, find_documents
from tests.estates import EPOCH

SEED = 2


@pytest.fixture(scope="module")
def ran(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = find_project(str(repository), {}, repository)
    (setup,), target = load_run(project, ["eco-cascade"], [], "reference")
    directory = tmp_path_factory.mktemp("run")
    run(RunRequest(project, setup, target, SEED, only_null_target, "inprocess", directory=directory))
    return directory


@cache
def scenery(repository: Path, seed: int, epoch: float) -> Scenery:
    return Scenery(load_estate(find_project(str(repository), {}, repository), "three-plants"), seed, epoch)


def verified(repository: Path, pacts: list[Interaction]) -> Verification:
    def of(interaction: Interaction) -> Scenery:
        return scenery(repository, interaction.origin["seed"], interaction.origin["epoch"])

    return asyncio.run(verify(pacts, of, "the simulators", {}, lambda _progress: None))


def test_what_was_recorded_is_kept(repository: Path, ran: Path, tmp_path: Path) -> None:
    recorded = record(ran)
    assert not recorded.left_out, "nothing in this run is without a provider state"
    recorded.write(tmp_path)
    pacts = read_folder(tmp_path)
    assert {pact.provider for pact in pacts} == {"plm", "erp", "mes", "desk"}
    assert {pact.kind for pact in pacts} == {"http", "message"}
    assert 15 <= len(pacts) == recorded.interactions <= 60 and recorded.seen > 10 * len(pacts)
    found = verified(repository, pacts)
    assert [each for each in found.checked if each.verdict is not Verdict.PASS] == []
    assert found.exit is Exit.PASS and all(each.derived for each in found.checked)


def test_a_field_that_is_called_otherwise_is_found_out(
    repository: Path, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(ran).write(tmp_path)
    encode = Rest.encode
    monkeypatch.setattr(Rest, "encode", lambda rest, result: encode(rest, result).replace(b'"version":', b'"number":'))
    pacts = [pact for pact in read_folder(tmp_path) if pact.provider == "erp" and pact.kind == "http"]
    failed = [each for each in verified(repository, pacts).checked if each.verdict is Verdict.FAIL]
    assert failed
    assert all("version" in mismatch.expected for each in failed for mismatch in each.mismatches)


def test_they_are_labelled_and_tell_no_secrets(ran: Path, tmp_path: Path) -> None:
    for path in record(ran, "hub").write(tmp_path):
        document = msgspec.json.decode(path.read_bytes())
        assert document["consumer"]["name"] == "hub"
        assert document["metadata"]["pilotplant"]["derived"] is True
        assert b"authorization" not in path.read_bytes().lower()


def test_a_document_is_found_again_where_an_erp_shows_it_late(tmp_path: Path) -> None:
    """The state waits until what was booked is shown, as the profile of the plant says."""

    async def looked_up() -> Any:
        async with scenery(find_project().root, 0, EPOCH).stage() as stage:
            stage.choose("erp", "US01")
            stage.system.state.read_lag_s = 0.05
            await stage.bring_about("a stock document", {"plant": "US01", "source_document": "CNF-1"})
            system = stage.system
            query = msgspec.convert({"plant": "US01", "source_document": "CNF-1"}, FindDocuments)
            return find_documents.handler(system.state, query, stage.prepared.world.now())

    assert len(asyncio.run(looked_up()).result.items) == 1


def entry(description: str, state: dict[str, Any], path: str) -> dict[str, Any]:
    request = {"method": "GET", "path": path}
    told = {"description": description, "providerStates": [state], "request": request, "response": {"status": 200}}
    return {"type": "Synchronous/HTTP", **told}


def test_what_does_not_come_about_again_is_left_out_and_named(repository: Path) -> None:
    there = {"name": "an item at a plant", "params": {"plant": "DE01", "item": "ITM-1"}}
    kept, lost = entry("kept", there, "/plants/DE01/items/ITM-1"), entry("lost", there, "/plants/DE01/items/ITM-NO")
    origin = {"derived": True, "estate": "three-plants", "seed": 0, "epoch": EPOCH}
    parties = {"consumer": {"name": "hub"}, "provider": {"name": "erp"}}
    metadata = {"pactSpecification": {"version": "4.0"}, "pilotplant": origin}
    recorded = Recorded("hub", {"erp": {**parties, "metadata": metadata, "interactions": [kept, lost]}})
    recorded.leave_out(verified(repository, recorded.taken_apart()).checked)
    assert [each["description"] for each in recorded.pacts["erp"]["interactions"]] == ["kept"]
    (told,) = recorded.left_out
    assert told.startswith("lost: tried out, it does not come about again (") and "422" in told


def test_a_folder_without_a_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="holds no run"):
        record(tmp_path)
    assert Recorded("hub").interactions == 0
