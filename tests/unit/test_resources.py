"""Which project a command works in, what names mean there, and which settings hold."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pilotplant import resources
from pilotplant.configuration import Settings, load_settings
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.resources import KINDS, Project, bundled, find_project


def write(path: Path, text: str = "") -> Path:
    """A file with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of two scenarios in front of content that ships with three."""
    for name in ("own", "both"):
        write(tmp_path / "mine/scenarios" / f"{name}.yaml")
    for name in ("both", "eco-cascade", "load"):
        write(tmp_path / "shipped/scenarios" / f"{name}.yaml")
    write(tmp_path / "shipped/simulators/erp/cloud.yaml")
    write(tmp_path / "shipped/simulators/estates/three-plants.yaml")
    write(tmp_path / "shipped/contracts/flows/engineering-change.yaml")
    return Project(tmp_path / "mine", tmp_path / "shipped", writable=True)


# --- Which project ---------------------------------------------------------------------------------------------------


def test_the_nearest_marked_folder_upwards_is_the_project(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[project]\nname = "x"\n\n[tool.pilotplant]\n')
    write(tmp_path / "a/pyproject.toml", "[tool.ruff]\n")
    write(tmp_path / "a/b/pilotplant.toml")
    (tmp_path / "a/b/c").mkdir()
    assert find_project(None, {}, tmp_path / "a/b/c").root == tmp_path / "a/b"
    assert find_project(None, {}, tmp_path / "a") == Project(tmp_path, bundled(), writable=True)


def test_flag_before_variable_before_folder(tmp_path: Path) -> None:
    write(tmp_path / "here/pilotplant.toml")
    (tmp_path / "flag").mkdir()
    (tmp_path / "variable").mkdir()
    variable = {"PILOTPLANT_PROJECT": str(tmp_path / "variable")}
    assert find_project("../flag", variable, tmp_path / "here").root == tmp_path / "flag"
    assert find_project(None, variable, tmp_path / "here").root == tmp_path / "variable"
    assert find_project(None, {"PILOTPLANT_PROJECT": ""}, tmp_path / "here").root == tmp_path / "here"


@pytest.mark.parametrize(("flag", "source"), [("gone", "--project"), (None, "PILOTPLANT_PROJECT")])
def test_a_project_that_is_not_there(tmp_path: Path, flag: str | None, source: str) -> None:
    with pytest.raises(UsageError, match=f"{source} names `gone`, which is not a folder"):
        find_project(flag, {"PILOTPLANT_PROJECT": "gone"}, tmp_path)


def test_without_a_project_what_ships_is_used_and_never_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "pyproject.toml", "this is [not toml")
    monkeypatch.chdir(tmp_path)
    found = find_project(environment={})
    assert found == Project(bundled(), bundled(), writable=False)
    assert found.runs_dir() == tmp_path / "reports/runs"
    assert all(found.names(kind) for kind in KINDS if kind != "loadtests")


def test_an_installed_wheel_ships_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "__file__", str(write(tmp_path / "site-packages/pilotplant/resources.py")))
    shipped = write(tmp_path / "site-packages/pilotplant/_bundled/scenarios/x.yaml").parents[1]
    (tmp_path / "simulators").mkdir()
    bundled.cache_clear()
    try:
        assert bundled() == shipped
        assert not find_project(str(shipped), {}, tmp_path).writable
    finally:
        bundled.cache_clear()


# --- Names -----------------------------------------------------------------------------------------------------------


def test_own_documents_hide_those_that_ship(project: Project) -> None:
    assert list(project.names("scenarios")) == ["both", "eco-cascade", "load", "own"]
    assert project.find("scenarios", "both") == project.root / "scenarios/both.yaml"
    assert project.find("scenarios", "load") == project.bundled / "scenarios/load.yaml"
    assert project.runs_dir() == project.root / "reports/runs"


def test_every_kind_has_its_folder(project: Project) -> None:
    assert list(project.names("profiles")) == ["erp/cloud"]
    assert list(project.names("estates")) == ["three-plants"]
    assert list(project.names("flows")) == ["engineering-change"]
    assert project.names("targets") == {}


def test_an_unknown_name(project: Project) -> None:
    with pytest.raises(UsageError, match="there is no scenario `eco-cascad`; did you mean `eco-cascade`") as caught:
        project.find("scenarios", "eco-cascad")
    assert caught.value.kind.code == "PP-NOT-FOUND"
    assert caught.value.help == "There are `both`, `eco-cascade`, `load`, `own`. A path has to end in .yaml."
    with pytest.raises(UsageError, match="there is no target `x`") as caught:
        project.find("targets", "x")
    assert "The project has none" in caught.value.help


@pytest.mark.parametrize(
    "name", ["../scenarios/own", "/etc/passwd", "", ".", "..", "own\x00", "own.yml/../own", "~/own"]
)
def test_names_do_not_lead_out_of_the_project(project: Project, name: str) -> None:
    with pytest.raises(UsageError, match="there is no scenario"):
        project.find("scenarios", name)


def test_a_path_is_taken_as_it_is(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere/x.yaml")
    assert project.find("scenarios", str(path)) == path
    with pytest.raises(UsageError, match=r"there is no file `own.yaml`") as caught:
        project.find("scenarios", "own.yaml")
    assert caught.value.kind.code == "PP-NOT-FOUND" and "leave out `.yaml`" in caught.value.help


# --- Settings --------------------------------------------------------------------------------------------------------


def settings(root: Path, environment: Mapping[str, str] | None = None, **flags: object) -> Settings:
    return load_settings(root, environment or {}, flags)


def refused(root: Path, environment: Mapping[str, str] | None = None, **flags: object) -> list[str]:
    """What is wrong with the settings, one line each."""
    with pytest.raises(DocumentError) as caught:
        settings(root, environment, **flags)
    return [f"{Path(p.path).name}:{p.line}:{p.column} {p.code} {p.message}" for p in caught.value.problems]


def test_flag_before_environment_before_file_before_default(tmp_path: Path) -> None:
    write(
        tmp_path / "pilotplant.toml",
        'seed = 1\nport = 8001\nhost = "0.0.0.0"\nreports = ["md"]\n[gate]\nscenarios = ["a", "b"]\n',
    )
    found = settings(tmp_path, {"PILOTPLANT_SEED": "2", "PILOTPLANT_PORT": "8002"}, seed=3, target=None)
    assert found == Settings(seed=3, port=8002, host="0.0.0.0", reports=("md",), gate_scenarios=("a", "b"))
    assert settings(tmp_path, {"PILOTPLANT_GATE_SCENARIOS": "c, d,", "PILOTPLANT_ERP_URL": "x"}).gate_scenarios == (
        "c",
        "d",
    )
    assert settings(tmp_path / "empty") == Settings()


def test_the_table_in_pyproject(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.pilotplant]\nout = "results"\n[tool.pilotplant.gate]\ntargets = ["x"]\n')
    assert settings(tmp_path) == Settings(out=tmp_path / "results", gate_targets=("x",))
    assert settings(tmp_path, out=Path("here")).out == Path("here")
    write(tmp_path / "pilotplant.toml", "seed = 5\n")
    assert settings(tmp_path) == Settings(seed=5)


def test_all_that_is_wrong_with_the_settings_is_told_at_once(tmp_path: Path) -> None:
    write(
        tmp_path / "pyproject.toml",
        '[project]\nseed = 1\n[tool.pilotplant]\nsede = 1\nport = "http"\nformat = "jsn"\ntarget = ""\n'
        "seed = true\nreports = [1]\n[tool.pilotplant.gate]\nscenario = []\n",
    )
    assert refused(tmp_path, {"PILOTPLANT_PORT": "70000"}, seed=-1) == [
        "pyproject.toml:4:1 PP-FIELD-UNKNOWN unknown setting `sede`; did you mean `seed`?",
        'pyproject.toml:5:1 PP-VALUE `port` must be a whole number from 0 to 65535, got "http"',
        'pyproject.toml:6:1 PP-VALUE `format` must be one of `text`, `json`, `github`, got "jsn"; did you mean `json`?',
        'pyproject.toml:7:1 PP-VALUE `target` must be a text that is not empty, got ""',
        "pyproject.toml:8:1 PP-VALUE `seed` must be a whole number from 0 to 9223372036854775807, got True",
        "pyproject.toml:9:1 PP-VALUE `reports` must be a list of texts, got [1]",
        "pyproject.toml:11:1 PP-FIELD-UNKNOWN unknown setting `scenario`; did you mean `scenarios`?",
        'PILOTPLANT_PORT:0:0 PP-VALUE `port` must be a whole number from 0 to 65535, got "70000"',
        "--seed:0:0 PP-VALUE `seed` must be a whole number from 0 to 9223372036854775807, got -1",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gate = 3\n", "pilotplant.toml:1:1 PP-FIELD-TYPE `gate` must be a table with `scenarios` and `targets`"),
        ("gaet.scenarios = []\n", "pilotplant.toml:0:0 PP-FIELD-UNKNOWN unknown setting `gaet`; did you mean `gate`?"),
        ("gate.targets = 1\n", "pilotplant.toml:1:1 PP-VALUE `gate.targets` must be a list of texts, got 1"),
        ("[gaet]\n", "pilotplant.toml:1:2 PP-FIELD-UNKNOWN unknown setting `gaet`; did you mean `gate`?"),
    ],
)
def test_tables_that_are_not_right(tmp_path: Path, text: str, complaint: str) -> None:
    write(tmp_path / "pilotplant.toml", text)
    assert refused(tmp_path) == [complaint]


@pytest.mark.parametrize(
    ("text", "place"), [("seed = 1\nport 8000\n", (2, 6)), ("seed = [1,\n", (1, 11)), ("a = 1\na = 2\n", (2, 6))]
)
def test_toml_that_is_none_is_told_with_its_place(tmp_path: Path, text: str, place: tuple[int, int]) -> None:
    write(tmp_path / "pilotplant.toml", text)
    with pytest.raises(DocumentError) as caught:
        settings(tmp_path)
    (problem,) = caught.value.problems
    assert problem.code == "PP-TOML-SYNTAX" and (problem.line, problem.column) == place
    assert problem.message.startswith("this is not TOML: ") and "at line" not in problem.message


def test_help_does_not_have_to_load_yaml_or_pydantic() -> None:
    code = (
        "import sys, pilotplant.resources, pilotplant.configuration, pilotplant.cli.rendering\n"
        "print(sorted({'yaml', 'pydantic', 'rich', 'msgspec'} & set(sys.modules)))"
    )
    source = str(Path(resources.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
