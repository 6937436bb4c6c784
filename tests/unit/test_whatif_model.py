"""What a model is told: one over another, field by field; and nothing that means nothing."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.run.whatif import model_of
from pilotplant.scenario.loading import load_run, load_target
from pilotplant.target.model import TargetSpec
from tests.unit.whatif_runs import project, setup_of

RETRY = {"kind": "exponential", "first": "1s", "cap": "20s", "budget": "3m", "honours_retry_after": False}


def over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A target's model and what a scenario says, together."""
    merged = ModelSpec.model_validate(below).merged(ModelSpec.model_validate(above))
    return merged.model_dump()


def test_another_kind_leaves_the_rest_as_it_was() -> None:
    retry = over({"retry": RETRY}, {"retry": {"kind": "fixed"}})["retry"]
    assert (retry["kind"], retry["first"], retry["budget"], retry["honours_retry_after"]) == ("fixed", 1, 180, False)
    intake = {"kind": "polling", "every": "30s", "batch_size": 5}
    assert over({"intake": intake}, {"intake": {"kind": "events"}})["intake"]["kind"] == "events"
    assert over({"intake": intake}, {"intake": {"every": "10s"}})["intake"]["every"] == 10
    assert over({"intake": intake}, {"intake": {"kind": "batch", "at": ["02:00"]}})["intake"]["batch_size"] == 5
    breaker = over({"breaker": {"failures": 2, "open_for": "9s"}}, {"breaker": {"failures": 7}})["breaker"]
    assert breaker == {"failures": 7, "open_for": 9}
    assert over({"breaker": {}}, {"breaker": None})["breaker"] is None


def test_a_time_is_replaced_as_a_whole_and_names_are_joined() -> None:
    exponential, fixed = {"kind": "exponential", "mean": "1s"}, "2s"
    lognormal = {"kind": "lognormal", "median": "1s", "p95": "2s"}
    assert over({"mapping": lognormal}, {"mapping": fixed})["mapping"]["median"] == 0
    assert over({"mapping": exponential}, {"mapping": {"mean": "3s"}})["mapping"]["kind"] == "exponential"
    assert over({"mapping": lognormal}, {"mapping": {"mean": "3s"}})["mapping"]["kind"] == "fixed"
    assert over({"targets": {"erp": 1}}, {"targets": {"mes": 2}})["targets"] == {"erp": 1, "mes": 2}
    both = over({"mappings": {"a": lognormal, "b": fixed}}, {"mappings": {"a": exponential}})["mappings"]
    assert (both["a"]["kind"], both["b"]["mean"]) == ("exponential", 2)


def test_a_kind_varied_over_a_target_comes_to_its_model() -> None:
    setup = setup_of("eco-cascade", "model.retry.kind=fixed")
    retry = model_of(setup, TargetSpec(target="t", model=ModelSpec.model_validate({"retry": RETRY}))).retry
    assert (retry.kind, retry.first, retry.budget) == ("fixed", 1, 180)
    assert retry.pause_s(4, 0.0, 0.0) == 1


def test_the_longest_pause_is_that_of_the_kind() -> None:
    assert ModelSpec.model_validate({"retry": {"kind": "fixed", "first": "9m"}}).longest_wait_s() == 540


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ({"intake": {"kind": "events", "every": "30s"}}, "every"),
        ({"intake": {"kind": "events", "batch_size": 3}}, "batch_size"),
        ({"intake": {"kind": "polling", "every": "1s", "at": ["02:00"]}}, "at"),
        ({"retry": {"kind": "fixed", "cap": "1s", "factor": 9}}, "factor"),
        ({"retry": {"kind": "none", "budget": "1s"}}, "budget"),
    ],
)
def test_a_field_that_says_nothing_of_the_kind_is_refused(model: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=f"`{field}` says nothing"):
        ModelSpec.model_validate(model)


def test_a_resolved_model_may_be_read_again() -> None:
    for model in ({}, {"intake": {"kind": "polling", "every": "1s"}}, {"retry": {"kind": "none"}}):
        read = ModelSpec.model_validate(model)
        assert ModelSpec.model_validate(read.model_dump(mode="json")) == read


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("model.intake.every=30s", "`every` says nothing where `kind` is `events`"),
        ("model.intake.kind=polling", "polling needs `every`"),
        ("model.intake.kind=batch", "a batch needs `at`"),
    ],
)
def test_what_does_not_come_together_is_refused(said: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        model_of(setup_of("eco-cascade", said), TargetSpec(target="t", model=ModelSpec()))


WRONG = """\
  lanes: {engineering-chnage: 3}
  targets: {erpp: 1}
  lookups: {erp.bom.releese: 2, erp.stock.documents: 1, desk.exception.raise: 1}
  mappings: {nope: 4s}
  priority: [production-confirmatoin]
"""
TOLD = [
    "there is no flow `engineering-chnage`; did you mean `engineering-change`?",
    "there is no system `erpp`; did you mean `erp`?",
    "there is no operation `erp.bom.releese` that changes anything; did you mean `erp.bom.release`?",
    "there is no operation `erp.stock.documents` that changes anything",
    "no query of that system says anything of `desk.exception.raise`",
    "there is no flow `nope`",
    "there is no flow `production-confirmatoin`; did you mean `production-confirmation`?",
]


def test_names_in_a_target_are_checked_each_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("target: odd\nmodel:\n" + WRONG)
    with pytest.raises(DocumentError) as caught:
        load_target(project(), str(path))
    told = sorted(problem.message for problem in caught.value.problems)
    for expected in TOLD:
        assert any(message.startswith(expected.partition(";")[0]) for message in told), expected
    assert sum("did you mean" in message for message in told) >= 4
    assert [problem.line for problem in caught.value.problems] == [3, 4, 5, 5, 5, 6, 7]


def test_names_in_a_scenario_and_in_an_override_are_checked_too(tmp_path: Path) -> None:
    text = "scenario: odd\nestate: three-plants\nflows: [engineering-change]\nmodel:\n" + WRONG
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_run(project(), [str(tmp_path / "odd.yaml")], (), "reference")
    assert len(caught.value.problems) == len(TOLD)
    with pytest.raises(DocumentError) as caught:
        setup_of("eco-cascade", "model.targets.erpp=4")
    assert "erpp" in caught.value.problems[0].message


def test_a_target_that_polls_has_to_say_how_often(tmp_path: Path) -> None:
    path = tmp_path / "polls.yaml"
    path.write_text("target: polls\nmodel: {intake: {kind: polling}}\n")
    with pytest.raises(DocumentError) as caught:
        load_target(project(), str(path))
    assert "polling needs `every`" in caught.value.problems[0].message
