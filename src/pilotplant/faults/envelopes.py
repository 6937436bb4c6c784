"""Events as a sender without good will, or of another release, writes them: other numbers, other fields."""

import re
from typing import Any

from pilotplant.faults.fault import keys_of
from pilotplant.model.script import Envelope

_NUMBER = re.compile(r"\d+$")


def renumbered(text: str, by: int) -> str:
    """A number in the same style that nobody uses: the digits at its end are `by` higher."""
    found = _NUMBER.search(text)
    if found is None:
        return f"{text}-{by}"
    return text[: found.start()] + str(int(found[0]) + by).zfill(len(found[0]))


def another(envelope: Envelope, by: int) -> dict[str, Any]:
    """An event of its own about a subject of its own, that otherwise says the same."""
    keys = keys_of(envelope["type"])
    data = dict(envelope["data"])
    if keys:
        data[keys[-1]] = renumbered(str(data[keys[-1]]), by)
    subject = "/".join(str(data[key]) for key in keys)
    return {**envelope, "id": renumbered(envelope["id"], by), "subject": subject, "data": data}
