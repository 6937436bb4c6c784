"""What the ERP that comes holds: empty books for each plant, and whether it is in charge of the plant."""

from typing import Any

from pilotplant.dataset.records import Dataset
from pilotplant.systems.legacy.state import PlantBooks


class Cloud:
    """The state of the ERP that comes."""

    def __init__(self, plants: tuple[str, ...]) -> None:
        self.books = {plant: PlantBooks(plant) for plant in plants}
        self.in_charge: dict[str, bool] = dict.fromkeys(plants, False)


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Cloud:
    """Nothing is there yet."""
    del dataset, parameters
    return Cloud(plants)
