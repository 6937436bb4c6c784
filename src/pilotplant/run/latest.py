"""Which run is the newest, and where a named run is. `latest.json` points, no symbolic link: it works on Windows
too."""

from pathlib import Path

import msgspec

from pilotplant.model.errors import UsageError
from pilotplant.model.suggestions import did_you_mean
from pilotplant.run.identity import replace_file

LATEST = "latest"
"""What the newest run may be called."""


def point_to(directory: Path) -> None:
    """Make this run the latest of its folder."""
    content = msgspec.json.encode({"run": directory.name})
    replace_file(directory.parent / "latest.json", content + b"\n")


def run_directory(runs: Path, named: str) -> Path:
    """The directory of a run: by path, by name, or the newest: without a name, or by that one."""
    for candidate in (Path(named), runs / Path(named).name) if named else ():
        if candidate.is_dir():
            return candidate
    if named in ("", LATEST):
        return _latest(runs)
    raise UsageError(f"there is no run `{named}`{did_you_mean(named, _runs(runs))}", help=f"Runs are kept in {runs}.")


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
    return sorted(path.parent.name for path in runs.glob("*/run.json"))
