"""Finds the project that a command works in, and by name the documents in it.

First hit wins: `--project` or `PILOTPLANT_PROJECT`; the nearest folder upwards with `pilotplant.toml`, or with
`[tool.pilotplant]` in its `pyproject.toml`; the content that ships with Pilotplant. A project's own documents hide
those of the same name that ship.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from pilotplant.model.errors import REGISTRY, UsageError
from pilotplant.model.suggestions import did_you_mean, listed

Kind = Literal["scenarios", "targets", "flows", "estates", "profiles", "loadtests", "studies"]

OWN_FILE = "pilotplant.toml"
PYTHON_FILE = "pyproject.toml"
VARIABLE = "PILOTPLANT_PROJECT"
SUFFIXES = (".yaml", ".yml")

_ESTATES = "estates"
_FOLDERS: dict[Kind, str] = {
    "scenarios": "scenarios",
    "targets": "targets",
    "flows": "contracts/flows",
    "estates": f"simulators/{_ESTATES}",
    "profiles": "simulators",
    "loadtests": "loadtests",
    "studies": "scenarios/studies",
}
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Project:
    """A folder with simulators/, contracts/, scenarios/ and targets/, and behind it the content that ships."""

    root: Path
    bundled: Path
    writable: bool
    """Whether results may be put into the project; never into what ships."""

    def find(self, kind: Kind, name: str) -> Path:
        """The document of a name (a profile is `<system>/<profile>`), or the YAML file that the name is the path of."""
        if name.endswith(SUFFIXES):
            return _existing(name, kind)
        known = self.names(kind)
        # Names are looked up, never joined to a path: nothing that a name says can lead out of the project.
        if name in known:
            return known[name]
        message = f"there is no {_one(kind)} `{name}`{did_you_mean(name, known)}"
        help = (
            f"There are {listed(known)}." if known else f"The project has none: {self.root / _FOLDERS[kind]} is empty."
        )
        raise UsageError(message, kind=REGISTRY["PP-NOT-FOUND"], help=f"{help} A path has to end in .yaml.")

    def names(self, kind: Kind) -> dict[str, Path]:
        """All documents of a kind by name, in order; the project's own before those that ship."""
        found = _documents(self.bundled, kind) | _documents(self.root, kind)
        return dict(sorted(found.items()))

    def runs_dir(self) -> Path:
        """Where run directories go: into the project, or, without one, below the current directory."""
        return (self.root if self.writable else Path.cwd()) / "reports" / "runs"


def find_project(
    named: str | Path | None = None, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Project:
    """The project for a command that is called in `folder` (the current one), with `named` as its --project."""
    environment = os.environ if environment is None else environment
    folder = (folder or Path.cwd()).absolute()
    if named is not None:
        return _named(named, "--project", folder)
    if variable := environment.get(VARIABLE):
        return _named(variable, VARIABLE, folder)
    for candidate in (folder, *folder.parents):
        if is_project(candidate):
            return Project(candidate, bundled(), writable=True)
    return Project(bundled(), bundled(), writable=False)


def is_project(folder: Path) -> bool:
    """Whether a folder says that it is a project."""
    if (folder / OWN_FILE).is_file():
        return True
    try:
        text = (folder / PYTHON_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    # Read as text, so that somebody's broken pyproject.toml further up is not our complaint; in a project of ours it is
    # reported when the configuration is read.
    return any(line.strip().startswith(("[tool.pilotplant]", "[tool.pilotplant.")) for line in text.splitlines())


@cache
def bundled() -> Path:
    """The content that ships: inside the installed package, or, installed as editable, the checkout."""
    package = Path(__file__).resolve().parent
    shipped = package / "_bundled"
    checkout = package.parents[1]
    return checkout if not shipped.is_dir() and (checkout / "simulators").is_dir() else shipped


def _named(given: str | Path, source: str, folder: Path) -> Project:
    root = folder / Path(given).expanduser()
    if not root.is_dir():
        message = f"{source} names `{given}`, which is not a folder"
        raise UsageError(message, help="Name the folder that holds scenarios/ and targets/.")
    root = root.resolve()
    return Project(root, bundled(), writable=not _ships(root))


def _ships(root: Path) -> bool:
    """Whether this is content inside an installed package; a checkout is an ordinary project."""
    return root == bundled() and root.name == "_bundled"


def _existing(name: str, kind: Kind) -> Path:
    path = Path(name)
    if not path.is_file():
        help = f"To use the {_one(kind)} of that name in the project, leave out `{path.suffix}`." if path.stem else ""
        raise UsageError(f"there is no file `{name}`", kind=REGISTRY["PP-NOT-FOUND"], help=help)
    return path


def _documents(root: Path, kind: Kind) -> dict[str, Path]:
    folder = root / _FOLDERS[kind]
    found = folder.glob("*/*.yaml" if kind == "profiles" else "*.yaml")
    paths = [path for path in found if not path.name.startswith(".") and path.is_file()]
    if kind == "profiles":
        return {f"{path.parent.name}/{path.stem}": path for path in paths if path.parent.name != _ESTATES}
    return {path.stem: path for path in paths}


def _one(kind: Kind) -> str:
    return {"loadtests": "load profile", "studies": "study"}.get(kind) or kind.removesuffix("s")
