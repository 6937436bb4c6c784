"""Pilotplant: simulate a manufacturing estate, drive any middleware through it, and judge what it did."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pilotplant.checks.finding import Finding as Finding
    from pilotplant.ledger.reader import Ledger as Ledger
    from pilotplant.model.errors import PilotplantError as PilotplantError
    from pilotplant.model.verdict import Verdict as Verdict
    from pilotplant.run.running import run_scenario as run_scenario

_HOMES = {
    "Finding": "pilotplant.checks.finding",
    "Ledger": "pilotplant.ledger.reader",
    "PilotplantError": "pilotplant.model.errors",
    "Verdict": "pilotplant.model.verdict",
    "run_scenario": "pilotplant.run.running",
}

__all__ = ["Finding", "Ledger", "PilotplantError", "Verdict", "__version__", "run_scenario"]


def __getattr__(name: str) -> object:
    """Load the public names on first use, so that `import pilotplant` and `--help` stay fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pilotplant' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
