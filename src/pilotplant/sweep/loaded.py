"""What a run is made with, as hashes: the engine, the libraries that decide what it comes to, a project's own systems.

Who plans and who measures may be different processes, on different computers, or have begun before somebody changed
something: each of them says what it has loaded, and they are compared.
"""

import platform
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from pilotplant import __version__
from pilotplant.dataset.tables import content_of
from pilotplant.model.errors import UsageError
from pilotplant.scenario.loading import EstateSetup

LIBRARIES = ("faker", "pydantic", "simpy")
"""Another version of these may give other data, other defaults or another order of events."""
_MADE_BY_PYTHON = "__pycache__"


@cache
def engine() -> str:
    """A hash of the engine: what another version of it came to is not what this one would. It is what this process has
    loaded, whatever happens to the files later."""
    package = Path(__file__).resolve().parents[1]
    told = [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in LIBRARIES)]
    return _code(package, package.rglob("*.py"), told)


def own_systems(root: Path) -> str:
    """A hash of the systems that a project brings itself, with all that lies beside them: modules of theirs, data."""
    return _code(root, (root / "simulators").rglob("*"))


@cache
def own_systems_loaded(root: Path) -> str:
    """Those that this process has loaded: it never reads a module again."""
    return own_systems(root)


def tables_of(setup: EstateSetup) -> str:
    """A hash of the tables that an estate has in place of generated data, if it has such."""
    return content_of(setup.root / setup.estate.data.from_) if setup.estate.data.from_ else ""


def refuse_another(root: Path, of_engine: str, of_own: str) -> None:
    """Raise where this process would make another run than the one that was planned."""
    if of_engine != engine():
        libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        raise UsageError(
            f"who makes the runs has another Pilotplant, Python or library than who plans them: {platform.node()} has "
            f"loaded Pilotplant {__version__}, Python {platform.python_version()}, {libraries}",
            help="Install the same there, and restart the workers.",
        )
    if of_own != own_systems_loaded(root):
        raise UsageError(
            f"who makes the runs has other systems of the project: {platform.node()} loaded {root / 'simulators'} "
            "before it was changed, or has another copy of it",
            help="Bring the same files there, and restart the workers.",
        )


def _code(root: Path, paths: Iterable[Path], told: Iterable[str] = ()) -> str:
    digest = blake2b("|".join((__version__, *told)).encode(), digest_size=16)
    for path in sorted(path for path in paths if _MADE_BY_PYTHON not in path.parts and path.is_file()):
        content = path.read_bytes()
        digest.update(f"|{path.relative_to(root).as_posix()} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()
