"""What `pilotplant contracts` and `gate` say and how they exit, for each way in which they can end."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotplant.conformance.fuzzing.required import require_schemathesis
from pilotplant.conformance.pact_judge import require_pact
from pilotplant.model.errors import UsageError
from tests.contract.stand_ins import broker, serving
from tests.integration.command_line import Project

ENTRY: dict[str, Any] = {
    "description": "an item is read",
    "providerStates": [{"name": "an item at a plant", "params": {"plant": "DE01", "item": "ITM-1"}}],
    "request": {"method": "GET", "path": "/plants/DE01/items/ITM-1"},
    "response": {"status": 200, "body": {"item": "ITM-1"}},
}


def pact(**changed: Any) -> dict[str, Any]:
    parties = {"consumer": {"name": "hub"}, "provider": {"name": "erp"}}
    metadata = {"pactSpecification": {"version": "3.0.0"}}
    return {**parties, "metadata": metadata, "interactions": [{**ENTRY, **changed}]}


def written(folder: Path, content: Any) -> str:
    folder.mkdir(exist_ok=True)
    raw = content if isinstance(content, str) else json.dumps(content)
    (folder / "hub-erp.json").write_text(raw, encoding="utf-8")
    return str(folder)


VERIFY = ("contracts", "verify", "--estate", "small", "-q", "--pacts")


def test_a_pact_that_is_kept(project: Project, tmp_path: Path) -> None:
    done = project.call(*VERIFY, written(tmp_path / "p", pact()), "--format", "json")
    assert done.code == 0, done.said
    assert done.err == "", "what the Pact library says is not for the user"
    assert json.loads(done.out)["verification"]["checked"][0]["verdict"] == "pass"


def test_a_pact_that_is_broken_says_what_was_expected_and_what_came(project: Project, tmp_path: Path) -> None:
    wrong = pact(response={"status": 200, "body": {"item": "ITM-1", "colour": "red"}})
    done = project.call(*VERIFY, written(tmp_path / "p", wrong), "--format", "github")
    assert done.code == 1, done.said
    assert "FAIL hub → erp: an item is read given an item at a plant" in done.out
    assert "missing the following keys: colour" in done.out and "expected" in done.out and "got" in done.out
    assert done.out.startswith("::error title=hub → erp%3A an item is read")


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ("{", 2, "PP-PACT"),
        ({"consumer": {"name": "hub"}}, 2, "names its provider"),
        ({**pact(), "provider": {"name": "crm"}}, 2, "the estate has no system `crm`"),
        (pact(response="200"), 2, "interaction 1 has no `response`"),
        ({**pact(), "metadata": {"pactSpecification": {"version": "9.0"}}}, 2, "version 9.0"),
        ({**pact(), "interactions": []}, 4, "no interactions to verify"),
    ],
)
def test_what_cannot_be_verified(project: Project, tmp_path: Path, content: Any, code: int, said: str) -> None:
    done = project.call(*VERIFY, written(tmp_path / "p", content))
    assert done.code == code, done.said
    assert said in done.out + done.err and "Traceback" not in done.err


def test_an_empty_folder_is_unknown(project: Project, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    assert project.call(*VERIFY, str(tmp_path / "p")).code == 4


def test_pacts_of_a_broker_and_a_broker_that_is_gone(project: Project) -> None:
    with serving(broker({"erp": [pact()]})) as url:
        done = project.call(*VERIFY, url)
        assert done.code == 0, done.said
    done = project.call(*VERIFY, url)
    assert done.code == 5 and "PP-BROKER" in done.err, done.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("contracts", "verify", "--states", "x.yaml"), "about a real system"),
        (("contracts", "verify", "--url", "erp.example"), "--url is an address"),
        (("contracts", "verify", "--url", "http://127.0.0.1:1", "--header", "a: ${NO_SUCH_VARIABLE}"), "is not set"),
        (("contracts", "verify", "--as", "SAP"), "--as is `NAME=SYSTEM`"),
        (("contracts", "fuzz", "--estate", "small", "--system", "erb"), "did you mean"),
        (("contracts", "diff", "nowhere", "nowhere"), "there is no file or folder"),
        (("contracts", "record", "nowhere"), "nowhere"),
        (("contracts", "coverage", "--at-least", "luck=50"), "there is no coverage of `luck`"),
        (("gate", "--scenario", "nowhere"), "there is no scenario `nowhere`"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(project: Project, arguments: tuple[str, ...], said: str) -> None:
    done = project.call(*arguments)
    assert done.code == 2, done.said
    assert said in done.err and "Traceback" not in done.err


def test_the_gate_asks_what_the_configuration_asks_for(project: Project) -> None:
    table = '\n[gate]\nscenarios = ["short"]\ntargets = ["quick"]\ncoverage = ["events=1", "operations=99"]\n'
    configuration = project.root / "pilotplant.toml"
    configuration.write_text(configuration.read_text(encoding="utf-8") + table, encoding="utf-8")
    done = project.call("gate", "--version", "1.2", "-q")
    assert done.code == 3, done.said
    assert "scenario short" in done.out and "FAIL    quick: coverage operations" in done.out
    assert "NO — version 1.2" in done.out
    assert {path.name for path in (project.root / "reports/gate").iterdir()} == {
        "gate.json",
        "gate.xml",
        "gate.md",
        "gate.html",
    }


def test_the_gate_leaves_out_scenarios_of_another_mode_and_says_so(project: Project) -> None:
    from pilotplant.cli.commands.gate import _scenarios
    from pilotplant.configuration import Settings
    from pilotplant.resources import Project as Found
    from pilotplant.resources import bundled

    found = Found(project.root, bundled(), writable=True)
    names, (note,) = _scenarios(found, Settings(gate_mode="inprocess"))
    assert "business-day" not in names and "eco-cascade" in names
    assert note.startswith("scenarios that are not for the mode inprocess: business-day")
    assert _scenarios(found, Settings(gate_scenarios=("business-day",))) == (("business-day",), ())


def test_the_gate_asks_the_estate_and_the_systems_that_the_pacts_mean(project: Project, tmp_path: Path) -> None:
    written(project.root / "promises", {**pact(), "provider": {"name": "SAP"}, "consumer": {"name": "quick"}})
    table = '\n[gate]\nscenarios = ["short"]\ntargets = ["quick"]\npacts = "promises"\nestate = "small"\n'
    configuration = project.root / "pilotplant.toml"
    before = configuration.read_text(encoding="utf-8") + table
    configuration.write_text(before + 'aliases = ["SAP"]\n', encoding="utf-8")
    done = project.call("gate", "-q")
    assert done.code == 2 and "gate.aliases is `NAME=SYSTEM`" in done.err, done.said
    configuration.write_text(before + 'aliases = ["SAP=erp"]\n', encoding="utf-8")
    done = project.call("gate", "-q")
    assert "pact SAP" in done.out and "FAIL    quick: pact" not in done.out, done.said


def test_a_project_without_pacts_is_told_so_and_nothing_stands_in_for_them(project: Project) -> None:
    done = project.call("contracts", "verify", "-q")
    assert done.code == 4 and "this project has no pacts: put some into contracts" in done.err, done.said
    done = project.call("contracts", "coverage", "--format", "json")
    assert json.loads(done.out)["parts"]["pacts"]["reached"] == 0


@pytest.mark.parametrize(
    ("module", "require"),
    [
        ("pilotplant.conformance.pact_judge", require_pact),
        ("pilotplant.conformance.fuzzing.required", require_schemathesis),
    ],
)
def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch, module: str, require: Any) -> None:
    monkeypatch.setattr(f"{module}.find_spec", lambda _name: None)
    with pytest.raises(UsageError) as caught:
        require()
    assert caught.value.help == "pip install 'pilotplant[contracts]'"
