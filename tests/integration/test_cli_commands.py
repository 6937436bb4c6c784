"""The commands beside `run` and `up`, each as a user would call it, right and wrong."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.integration.command_line import Project


def test_dry_run_checks_everything_and_starts_nothing(project: Project) -> None:
    done = project.call("run", "short", "eco-cascade", "--dry-run")
    assert done.code == 0, done.said
    assert "short: valid, 1 stimulus, target quick" in done.out and "eco-cascade: valid" in done.out
    assert not project.runs.exists()


def test_repeat_runs_with_consecutive_seeds_and_one_verdict(project: Project) -> None:
    done = project.call("run", "short", "--repeat", "2", "--seed", "5", "--format", "json", "--report", "json")
    assert done.code == 0, done.said
    assert [run["seed"] for run in done.json()] == [5, 6]
    assert all(run["verdict"] == "pass" and run["exit"] == 0 for run in done.json())
    assert all(Path(run["directory"], "result.json").is_file() for run in done.json())
    assert not list(project.runs.glob("*/report.html")), "only what was asked for"
    assert done.err == "", "no progress for programs"


def test_set_overrides_for_one_run_and_stands_in_the_command_that_replays_it(project: Project) -> None:
    done = project.call(
        "run", "scenarios/short.yaml", "--set", "stimuli.0.count=2", "--set", "quiescence.quiet=200ms", "-q"
    )
    assert done.code == 0, done.said
    info = project.run_info()
    assert info["configuration"]["scenario"]["stimuli"][0]["count"] == 2
    assert info["configuration"]["scenario"]["quiescence"]["quiet"] == 0.2
    assert info["repro"] == (
        "pilotplant run scenarios/short.yaml --target quick --seed 0"
        " --set stimuli.0.count=2 --set quiescence.quiet=200ms"
    )
    assert "2 stimuli" in done.out and done.err == ""


def test_github_gets_annotations_and_ci_gets_junit(project: Project) -> None:
    done = project.call("run", "short", "--target", "null", "--format", "github", "--report", "junit,md,github")
    assert done.code == 1
    annotations = [line for line in done.out.splitlines() if line.startswith("::error")]
    assert 0 < len(annotations) <= 10
    suite = ElementTree.parse(project.run_directory / "junit.xml").getroot()
    assert suite.findall(".//failure")
    assert "never carried out" in (project.run_directory / "summary.md").read_text("utf-8")


def test_settings_come_from_flag_then_environment_then_file(project: Project) -> None:
    file = project.call("run", "short", "--dry-run")
    assert "target quick" in file.out
    environment = {"PILOTPLANT_TARGET": "null"}
    assert "target null" in project.call("run", "short", "--dry-run", environment=environment).out
    flag = project.call("run", "short", "--dry-run", "--target", "reference", environment=environment)
    assert "target reference" in flag.out


def test_a_run_is_judged_again_from_its_directory(project: Project) -> None:
    assert project.call("run", "short", "--target", "null", "--report", "json", "-q").code == 1
    before = json.loads((project.run_directory / "result.json").read_bytes())
    for words in ([], [project.run_directory.name], [str(project.run_directory)]):
        again = project.call("report", *words)
        assert again.code == 1, again.said
        assert "FAIL completeness" in again.out
    assert (project.run_directory / "report.html").is_file()
    assert json.loads((project.run_directory / "result.json").read_bytes()) == before


def test_the_ledger_is_shown_and_exported(project: Project) -> None:
    assert project.call("run", "short", "-q").code == 0
    shown = project.call("ledger", "show", "--kind", "commit", "--kind", "emit", "--match", "CNF-0000001", "--bodies")
    assert shown.code == 0, shown.said
    lines = [line for line in shown.out.splitlines() if line.startswith("#")]
    assert lines and all(" commit " in line or " emit " in line for line in lines)
    assert '"confirmation":"CNF-0000001"' in shown.out, "bodies"
    limited = project.call("ledger", "show", "--limit", "3")
    assert len(limited.out.splitlines()) == 3 and "raise --limit above 3" in limited.err
    around = project.call("ledger", "show", "--around", "20", "--limit", "5")
    assert [line.split()[0] for line in around.out.splitlines()] == ["#18", "#19", "#20", "#21", "#22"]
    assert around.err == ""
    file = project.root / "ledger.jsonl"
    assert project.call("ledger", "export", "--kind", "emit", "--out", str(file)).code == 0
    records = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert {record["kind"] for record in records} == {"emit"}
    assert "mes.order.completed" in {record["operation"] for record in records}
    assert json.loads(next(r["body"] for r in records if r["operation"] == "mes.order.completed"))["confirmation"]


def test_list_names_everything_a_scenario_can_name(project: Project) -> None:
    done = project.call("list", "--format", "json")
    assert done.code == 0, done.said
    told = done.json()
    assert set(told) == {
        "scenarios", "targets", "flows", "estates", "profiles", "systems", "operations", "events", "stimuli", "faults",
        "checks", "defects", "loadtests", "shapes", "metrics",
    }  # fmt: skip
    assert {"short", "eco-cascade"} <= set(told["scenarios"]) and {"quick", "null", "reference"} <= set(told["targets"])
    assert {"once", "sequencing", "convergence", "completeness"} <= set(told["checks"])
    assert all(
        about
        for kind in ("operations", "events", "stimuli", "faults", "checks", "defects")
        for about in told[kind].values()
    )
    text = project.call("list", "estates")
    assert text.out.startswith("estates:\n") and "\n  small\n" in text.out


def test_explain_knows_every_name_that_list_and_errors_print(project: Project) -> None:
    told = project.call("list", "--format", "json").json()
    for name in (
        "PP-TARGET",
        "pp-file",
        "period-closed",
        *told["faults"],
        *told["checks"],
        *told["shapes"],
        *told["metrics"],
        "d10_repeats_after_timeout",
    ):
        done = project.call("explain", name)
        assert done.code == 0 and name.lower() in done.out.lower(), done.said
    stimulus = project.call("explain", "plm.change.release")
    assert "affected_median" in stimulus.out and "operation plm.change.release" in stimulus.out


@pytest.mark.parametrize("kind", ["scenario", "target", "flow", "estate", "profile", "load"])
def test_schema_prints_a_json_schema(project: Project, kind: str) -> None:
    done = project.call("schema", kind)
    assert done.code == 0
    schema = done.json()
    assert "draft-07" in schema["$schema"] and kind in schema["properties"]


def test_schema_writes_the_contract_documents(project: Project) -> None:
    done = project.call("schema", "contracts", "--out", "out", "--estate", "small")
    assert done.code == 0, done.said
    for line in done.out.splitlines():
        assert (project.root / line).is_file()
    assert list(project.root.glob("out/openapi/*")) and list(project.root.glob("out/events/*"))


def test_validate_checks_the_whole_project(project: Project) -> None:
    done = project.call("validate", "--format", "json")
    assert done.code == 0, done.said
    assert {"scenarios/short", "targets/quick", "estates/small", "flows/engineering-change"} <= set(
        done.json()["valid"]
    )
    project.write("targets/other.yaml", "target: other\n")
    project.write("simulators/erp/odd.yaml", "profile: odd\nsystem: erp\nauth: {kind: oauth3}\n")
    done = project.call("validate")
    assert done.code == 2
    assert "targets/other.yaml:1:1: PP-VALUE a target needs `deliver`, `start`, `inprocess` or `model`" in done.err
    assert "simulators/erp/odd.yaml:3:14: PP-VALUE `kind` must be" in done.err
    assert project.call("validate", "short").code == 0, "only what was named, and what that names"
    project.write("contracts/flows/odd.yaml", "flow: odd\ntrigger: mes.order.completd\n")
    named = project.call("validate", "short", "targets/other.yaml", "contracts/flows/odd.yaml")
    assert named.code == 2 and "targets/other.yaml:1:1" in named.err, "a target is checked as what it is"
    assert "contracts/flows/odd.yaml" in named.err and "missing field `scope`" in named.err
    assert project.call("validate", "targets/quick.yaml").code == 0


def test_doctor_looks_at_machine_and_project(project: Project) -> None:
    done = project.call("doctor")
    assert done.code == 0, done.said
    assert "ok   Python 3." in done.out and f"ok   project: {project.root}" in done.out
    project.write("scenarios/broken.yaml", "scenario: broken\n")
    broken = project.call("doctor", "--format", "json")
    assert broken.code == 2
    assert [finding for finding in broken.json() if finding["needed"] and not finding["good"]]


def test_a_new_project_validates_and_runs(project: Project) -> None:
    done = project.call("init", "mine", "--ci", "github")
    assert done.code == 0, done.said
    mine = project.root / "mine"
    assert (mine / ".github/workflows/pilotplant.yml").is_file()
    valid = project.call("validate", "--project", "mine")
    assert valid.code == 0, valid.said
    run = project.call("run", "eco-cascade", "--project", "mine", "--target", "null", "-q", *QUICK)
    assert run.code == 1, run.said
    assert list((mine / "reports/runs").glob("*-eco-cascade-01")), "its results are its own"
    again = project.call("init", "mine")
    assert again.code == 2 and "is there already; nothing was written" in again.err


QUICK = (
    "--set",
    "stimuli.0.count=2",
    "--set",
    "stimuli.0.over=300ms",
    "--set",
    "stimuli.1.for=1s",
    "--set",
    "stimuli.2.at=1s",
)


@pytest.mark.parametrize("ci", ["github", "gitlab", "jenkins"])
def test_init_writes_a_pipeline(project: Project, ci: str) -> None:
    done = project.call("init", "mine", "--ci", ci)
    assert done.code == 0, done.said
    named = {"github": ".github/workflows/pilotplant.yml", "gitlab": ".gitlab-ci.yml", "jenkins": "Jenkinsfile"}[ci]
    assert "pilotplant run eco-cascade" in (project.root / "mine" / named).read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["list", "scenaros"], "there is no kind `scenaros`; did you mean `scenarios`?"),
        (["explain", "PP-FLE"], "nothing is called `PP-FLE`; did you mean `PP-FILE`?"),
        (["explain"], "Missing argument"),
        (["schema", "scenaro"], "there is no kind `scenaro`; did you mean `scenario`?"),
        (["schema", "contracts", "--estate", "smal"], "there is no estate `smal`; did you mean `small`?"),
        (["validate", "shrt"], "there is no scenario `shrt`; did you mean `short`?"),
        (["init", "--ci", "githb"], "--ci githb is not one of github, gitlab, jenkins"),
        (["init", "pilotplant.toml"], "cannot write pilotplant.toml"),
        (["report"], "there is no run in"),
        (["report", "nowhere"], "there is no run `nowhere`"),
        (["report", "--report", "htm"], "there is no report `htm`; did you mean `html`?"),
        (["ledger", "show"], "there is no run in"),
        (["ledger", "show", "nowhere"], "there is no run `nowhere`"),
        (["ledger", "export", "scenarios"], "cannot read scenarios/ledger.msgpack"),
        (["doctor", "--project", "nowhere"], "--project names `nowhere`, which is not a folder"),
        (["prove", "--defect", "d10_repeat_after_timeout"], "did you mean `d10_repeats_after_timeout`?"),
        (["rum"], "No such command 'rum'"),
    ],
)
def test_bad_arguments_exit_2_with_the_reason(project: Project, words: list[str], reason: str) -> None:
    done = project.call(*words)
    assert done.code == 2, done.said
    assert reason in done.err


def test_version_and_help(project: Project) -> None:
    version = project.call("--version")
    assert version.code == 0 and version.out.startswith("pilotplant 0.")
    for command in (
        "run",
        "prove",
        "up",
        "init",
        "validate",
        "list",
        "explain",
        "schema",
        "report",
        "doctor",
        "ledger",
    ):
        done = project.call(command, "--help")
        assert done.code == 0 and "Usage:" in done.out
