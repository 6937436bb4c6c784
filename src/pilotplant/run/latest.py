"""Which run is the newest, and where a named run is. `latest.json` points, no symbolic link: it works on Windows
too."""

from pathlib import Path

import msgspec

from pilotplant.model.errors import UsageError
from pilotplant.model.suggestions import did_you_mean
from pilotplant.run.identity import replace_file

SEARCH = "capacity.json"
"""What a directory holds that is not of one run, but of a search for capacity, with a run in it for each trial."""
LATEST = "latest"
"""What the newest run may be called."""


def point_to(directory: Path) -> None:
    """Make this run the latest of its folder."""
    content = msgspec.json.encode({"run": directory.name})
    replace_file(directory.parent / "latest.json", content + b"\n")


def run_directory(runs: Path, named: str) -> Path:
    """The directory of a run: by path, by name, or the newest: without a name, or by that one."""
    found = run_or_search(runs, named)
    if not (found / SEARCH).is_file():
        return found
    trials = _runs(found)
    one = f"Name one of its runs, as {found / trials[-1]}. " if trials else ""
    again = _command(found / SEARCH)
    raise UsageError(
        f"{found} is not a run: it holds a search for capacity",
        help=f"{one}`pilotplant report {found}` shows the search{again and f', `{again}` searches again'}.",
    )


def run_or_search(runs: Path, named: str) -> Path:
    """The same, or the directory of a search for capacity."""
    for candidate in (Path(named), runs / Path(named).name) if named else ():
        if candidate.is_dir():
            return candidate
    if named in ("", LATEST):
        return _latest(runs)
    raise UsageError(f"there is no run `{named}`{did_you_mean(named, _runs(runs))}", help=f"Runs are kept in {runs}.")


def _command(path: Path) -> str:
    """What searches again, as far as it is told."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Search).command
    except (OSError, ValueError):
        return ""


class _Search(msgspec.Struct):
    command: str = ""


def _latest(runs: Path) -> Path:
    try:
        name = msgspec.json.decode((runs / "latest.json").read_bytes(), type=dict[str, str])["run"]
    except (OSError, KeyError, msgspec.MsgspecError):
        name = ""
    known = _runs(runs)
    if not known:
        raise UsageError(f"there is no run in {runs}", help="Run a scenario first: pilotplant run eco-cascade")
    # Names begin with the moment of the run: where the pointer is lost, the last one is the newest.
    return runs / (name if name in known else known[-1])


def _runs(runs: Path) -> list[str]:
    return sorted({path.parent.name for kept in ("run.json", SEARCH) for path in runs.glob(f"*/{kept}")})
