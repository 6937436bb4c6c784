"""Whether there is what fuzzing simulators needs."""

from importlib.util import find_spec

from pilotplant.model.errors import UsageError


def require_schemathesis() -> None:
    """Say what to install where the library is missing."""
    if find_spec("schemathesis") is None:
        raise UsageError(
            "fuzzing simulators needs the package schemathesis", help="pip install 'pilotplant[contracts]'"
        )
