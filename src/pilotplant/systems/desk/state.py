"""What the desk knows: exceptions, open and resolved."""

from typing import Any

import msgspec

from pilotplant.dataset.records import Dataset


class DeskException(msgspec.Struct):
    """Something that a person has to resolve."""

    exception: str
    flow: str
    plant: str
    subject: str
    owner: str
    reason: str
    text: str
    status: str = "open"
    resolution: str = ""


class Desk:
    """The state of the desk."""

    def __init__(self) -> None:
        self.exceptions: dict[str, DeskException] = {}
        self.open: dict[tuple[str, str, str], str] = {}


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Desk:
    """The desk at the start of a run: nothing is open."""
    del dataset, plants, parameters
    return Desk()
