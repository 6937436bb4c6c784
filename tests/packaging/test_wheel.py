"""The wheel holds the engine and the bundled content, and works in a fresh environment from an empty folder."""

import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

import pilotplant


def run(*command: str | Path, folder: Path) -> str:
    """What a command prints; what it complained about when it fails."""
    # Nothing of the checkout may reach it: not its sources, not its project.
    unset = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {k: v for k, v in os.environ.items() if k not in unset and not k.startswith("PILOTPLANT_")}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout


def build_wheel(repository: Path, into: Path) -> Path:
    """The wheel of this checkout."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", into, repository, folder=into)
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once for the tests of this file."""
    return build_wheel(repository, tmp_path_factory.mktemp("dist"))


def test_only_pilotplant_is_installed_at_top_level(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    version = pilotplant.__version__
    assert {name.split("/")[0] for name in names} == {"pilotplant", f"pilotplant-{version}.dist-info"}
    assert "pilotplant/py.typed" in names
    assert not [name for name in names if "__pycache__" in name]


def test_the_content_folders_are_bundled(wheel: Path, repository: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    sources = project["tool"]["hatch"]["build"]["targets"]["wheel"]["sources"]
    content = {folder: target for folder, target in sources.items() if not folder.startswith("src/")}
    assert {"simulators", "contracts", "scenarios", "targets"} <= set(content)
    for folder, target in content.items():
        files = [
            path for path in (repository / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert files, f"{folder}/ is to be bundled, but holds no file"
        missing = [
            path for path in files if f"{target}/{path.relative_to(repository / folder).as_posix()}" not in names
        ]
        assert not missing, f"not in the wheel: {missing}"


def test_the_wheel_works_from_an_empty_folder(wheel: Path, repository: Path, tmp_path: Path) -> None:
    environment, elsewhere = tmp_path / "environment", tmp_path / "empty"
    elsewhere.mkdir()
    venv.create(environment, with_pip=True)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    constraints = repository / "constraints.txt"
    run(programs / "python", "-m", "pip", "install", "-q", "-c", constraints, wheel, folder=elsewhere)
    assert pilotplant.__version__ in run(programs / "pilotplant", "--version", folder=elsewhere)
    assert "eco-cascade" in run(programs / "pilotplant", "list", folder=elsewhere)
    assert list(elsewhere.iterdir()) == []
