"""From names to checked documents: overrides, references, and all problems at once."""

from pathlib import Path

import pytest

from pilotplant.faults.catalogue import entries
from pilotplant.faults.fault import fault_kinds
from pilotplant.model.errors import DocumentError, Problem, UsageError
from pilotplant.resources import Project, bundled
from pilotplant.scenario.loading import load_run, load_scenario, load_scenarios, load_target, validate_all
from pilotplant.scenario.model import ScenarioSpec
from pilotplant.scenario.overrides import overridden

GOOD = """\
scenario: good
estate: three-plants
stimuli:
  - {do: mes.order.complete, at: 1s}
flows: [production-confirmation]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one scenario."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios/good.yaml").write_text(GOOD)
    return Project(tmp_path, bundled(), writable=True)


def problems_of(project: Project, text: str, *overrides: str) -> list[Problem]:
    """What is wrong with a scenario of this text."""
    (project.root / "scenarios/odd.yaml").write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_run(project, ["odd"], overrides, "null")
    return caught.value.problems


def test_a_scenario_comes_with_everything_it_names(project: Project) -> None:
    setup = load_scenario(project, "good")
    assert setup.scenario.scenario == "good"
    assert set(setup.setup.profiles) == {"plm", "erp", "mes", "desk"}
    assert [flow.flow for flow in setup.flows] == ["production-confirmation"]
    assert setup.untested == []


def test_what_ships_is_valid(project: Project) -> None:
    checked = validate_all(project)
    assert {"scenarios/eco-cascade", "targets/reference", "profiles/erp/cloud"} <= set(checked)


def test_names_are_checked_even_where_the_shape_is_wrong(project: Project) -> None:
    text = GOOD.replace("three-plants", "three-plant") + "nonsense: 1\nthresholds: [findings p95 < 3]\n"
    found = problems_of(project, text)
    assert [problem.code for problem in found] == ["PP-NOT-FOUND", "PP-FIELD-UNKNOWN", "PP-VALUE"]
    assert [problem.line for problem in found] == [2, 6, 7]


def test_problems_of_several_scenarios_and_of_the_target_come_together(project: Project) -> None:
    (project.root / "scenarios/odd.yaml").write_text(GOOD.replace("at: 1s", "at: soon"))
    (project.root / "scenarios/other.yaml").write_text(GOOD.replace("production-confirmation", "production"))
    (project.root / "target.yaml").write_text("target: t\ndeliver: {url: nowhere}\n")
    with pytest.raises(DocumentError) as caught:
        load_run(project, ["odd", "other"], [], str(project.root / "target.yaml"))
    assert {Path(problem.path).name for problem in caught.value.problems} == {"odd.yaml", "other.yaml", "target.yaml"}
    with pytest.raises(DocumentError):
        load_scenarios(project, ["odd"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("  - {do: mes.order.complete}", "a stimulus has either `at`, or `count` and `over`, or `rate` and `for`"),
        ("  - {do: mes.order.complete, at: 1s, rate: 2/s, for: 1s}", "a stimulus has either `at`"),
        ("  - {do: mes.order.complete, rate: 2/s}", "`rate` and `for` go together"),
        ("  - {do: mes.order.complete, count: 2}", "`count` and `over` go together"),
        ("  - {do: mes.order.complete, rate: 0/s, for: 1s}", "is not a rate"),
        ("  - {do: mes.order.complete, rate: 9999/s, for: 1h}", "more than 1,000,000 occurrences"),
        ("  - {do: mes.order.complete, at: 8000h}", "must be 604800 or less"),
        ("  - {do: mes.order.complete, at: -1}", "must be 0 or more"),
        ("  - {do: mes.order.complete, at: .inf}", "is not a duration"),
        ("  - {do: mes.order.complete, at: 1e300}", "must be 604800 or less"),
        ("  - {do: mes.order.completed, at: 1s}", "there is no stimulus `mes.order.completed`; did you mean"),
        ("  - {do: mes.order.complete, at: 1s, with: {quantity_max: 0}}", "must be 1 or more"),
        ("  - {do: mes.order.complete, at: 1s, with: {quantity: 3}}", "unknown field `quantity`; did you mean"),
    ],
)
def test_a_wrong_stimulus_is_refused_at_its_place(project: Project, wrong: str, message: str) -> None:
    (found,) = problems_of(project, GOOD.replace("  - {do: mes.order.complete, at: 1s}", wrong))
    assert message in found.message
    assert found.line == 4


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("{fault: response-list}", "there is no fault `response-list`; did you mean `response-lost`?"),
        ("{fault: response-lost, match: {operation: erp.stock.pst}}", "did you mean `erp.stock.post`?"),
        ("{fault: response-lost, match: {system: epr}}", "the estate has no system `epr`; did you mean `erp`?"),
        ("{fault: response-lost, probability: 0}", "must be more than 0"),
        ("{fault: latency}", "missing field `delay_s`"),
        ("{fault: latency, delay_s: 1, probability: -0.1}", "must be more than 0"),
        ("{fault: latency, delay_s: 1, window: {from_s: 2}}", "the stimuli are over after 1 s"),
        ("{fault: latency, delay_s: 1, window: {from_s: 0.5, to_s: 0.2}}", "before it begins"),
        ("{fault: duplicate, match: {operation: erp.stock.post}}", "strikes the delivery of events"),
        ("{fault: response-lost, match: {operation: mes.order.completed}}", "strikes requests"),
        ("{fault: failed-before-commit, status: 418}", "must be one of"),
        ("{fault: failed-before-commit, status: 500, retry_after_s: 1}", "goes with 429 and 503"),
        ("{fault: failed-before-commit, status: 422, match: {system: erp}}", "has to be named"),
        ("{fault: failed-before-commit, status: 403, match: {operation: erp.item.get}}", "changes nothing"),
        ("{fault: failed-before-commit, status: 422, match: {operation: mes.routing.publish}}", "no flow says"),
        ("{fault: rejected-late, match: {operation: erp.bom.release}}", "is done at once"),
        ("{fault: stale-read, lag_s: 1, match: {operation: erp.bom.release}}", "is no query"),
        ("{fault: unknown-value, match: {operation: mes.order.completed}}", "has no field `priority`"),
        ("{fault: poison, how: impossible, match: {operation: erp.stock.posted}}", "names no item"),
        ("{fault: outage, match: {operation: erp.stock.post, system: mes}}", "nothing of `mes` can match"),
        ("{fault: outage, match: {operation: erp.stock.post, keys: {plnt: DE01}}}", "did you mean `plant`?"),
        ("{fault: outage, match: {keys: {plant: DE02}}}", "the estate has no plant `DE02`; did you mean `DE01`?"),
        ("{fault: outage, match: {keys: {colour: red}}}", "nothing has a key `colour`"),
        ("{fault: correlated-outage, systems: [erp, epr]}", "the estate has no system `epr`; did you mean `erp`?"),
        ("{fault: token-revoked, match: {system: mes}}", "issues tokens"),
        ("{fault: token-expires-early, after_s: 1, match: {operation: erp.stock.post}}", "where tokens are issued"),
    ],
)
def test_a_wrong_fault_is_refused_at_its_place(project: Project, fault: str, message: str) -> None:
    (found,) = problems_of(project, GOOD + f"faults:\n  - {fault}\n")
    assert message in found.message
    assert found.line == 7


def test_every_example_of_a_fault_is_one(project: Project) -> None:
    text = GOOD.replace("at: 1s", "rate: 5/s, for: 5s").replace("estate: three-plants", "estate: hybrid")
    text = text.replace("[production-confirmation]", "[production-confirmation, engineering-change]") + "faults:\n"
    (project.root / "scenarios/all.yaml").write_text(text + "".join(f"  - {entry.example}\n" for entry in entries()))
    kinds = [fault.KIND for fault in load_scenario(project, "all").scenario.faults]
    assert kinds == sorted(fault_kinds())


def test_an_override_that_breaks_something_is_itself_the_place(project: Project) -> None:
    found = problems_of(project, GOOD, "speed=0", "estate=three-plant")
    assert {problem.path for problem in found} == {"--set speed=0 --set estate=three-plant"}
    assert [problem.line for problem in found] == [0, 0]
    assert "did you mean `three-plants`?" in found[1].message + found[0].message


def test_overrides_reach_into_lists_and_make_mappings(project: Project) -> None:
    (setup,), _target = load_run(
        project,
        ["good"],
        ["stimuli.0.with.quantity_max=3", "quiescence.give_up=5s", "thresholds=[findings == 0]"],
        "null",
    )
    assert setup.scenario.stimuli[0].with_ == {"quantity_max": 3}
    assert setup.scenario.quiescence.give_up == 5
    assert setup.scenario.thresholds == ["findings == 0"]


def test_overriding_leaves_the_document_alone() -> None:
    content = {"stimuli": [{"at": "1s"}]}
    assert overridden(content, ["stimuli.0.at=2s"]) == {"stimuli": [{"at": "2s"}]}
    assert content == {"stimuli": [{"at": "1s"}]}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("speed", "not of the form a.b=c"),
        ("=1", "not of the form a.b=c"),
        ("a..b=1", "not of the form a.b=c"),
        (".a=1", "not of the form a.b=c"),
        ("speed=[1", "is not a YAML value"),
        ("stimuli.1.at=1s", "`1` is not one of the 1 elements"),
        ("stimuli.x=1", "`x` is not one of the 1 elements"),
        ("stimuli.-1=1", "`-1` is not one of the 1 elements"),
        ("stimuli." + "9" * 5000 + "=1", "is not one of the 1 elements"),
        ("estate.name=1", "there is nothing below"),
        ("estate.name.more=1", "there is nothing below"),
    ],
)
def test_an_override_that_leads_nowhere(override: str, message: str) -> None:
    content = {"estate": "x", "stimuli": [{"at": "1s"}]}
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        overridden(content, [override])


def test_a_scenario_may_be_built_in_python() -> None:
    spec = ScenarioSpec.model_validate({"scenario": "x", "estate": "y", "flows": ["z"], "stimuli": []})
    assert spec.speed == 1.0


def test_an_address_is_a_target(project: Project) -> None:
    target = load_target(project, "http://127.0.0.1:8080/events")
    assert [each.url for each in target.deliveries] == ["http://127.0.0.1:8080/events"]
    assert target.start is None


@pytest.mark.parametrize(
    "address", ["http://", "http://[::1", "http://127.0.0.1:0/", "http://h:99999", "http://a b/", "http://ü/"]
)
def test_an_address_that_is_none(project: Project, address: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        load_target(project, address)


def test_a_password_in_an_address_is_refused_and_not_repeated(project: Project) -> None:
    with pytest.raises(UsageError, match="password") as caught:
        load_target(project, "http://user:geheim@127.0.0.1/")
    assert "geheim" not in caught.value.message
