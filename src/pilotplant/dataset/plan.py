"""How large and how varied the generated enterprise is. What is impossible is refused before anything is drawn."""

import msgspec

from pilotplant.dataset.records import Plant

DEPTH_LIMIT = 11
"""The deepest bill of material seen in industry."""

BOUGHT_SPARE = 3
"""Bought items beyond three per plant, so that every semantic trap has an item to sit on."""


class DataPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of the data. Counts of orders and of inactive work centres are per plant.

    Products have structures of `depth_min` to `depth_max` levels; assemblies below that which no product happens to use
    are spare parts. Of the open production orders of a plant,
    `dispatched` are already with the MES and finish one after the other soon after the start of the run.
    """

    plants: tuple[Plant, ...]
    items: int = 240
    made_share: float = 0.4
    depth_min: int = 3
    depth_max: int = 6
    suppliers: int = 24
    work_centres: int = 12
    inactive_work_centres: int = 1
    production_orders: int = 20
    dispatched: int = 8
    purchase_orders: int = 15
    more_lots: int = 0
    """How many lots (or serial numbers) of every tracked item there are besides, at each plant."""

    @property
    def made(self) -> int:
        """How many items are made; the others are bought."""
        return round(self.items * self.made_share)

    def __post_init__(self) -> None:
        """Refuse what cannot be generated."""
        codes = [plant.code for plant in self.plants]
        if not codes:
            raise ValueError("plants=() is not possible: an enterprise has at least one plant")
        if len(set(codes)) < len(codes):
            raise ValueError(f"plants={','.join(codes)} names a plant twice; codes must differ")
        if not 0 < self.made_share < 1:
            raise ValueError(f"made_share={self.made_share} must lie between 0 and 1, both excluded")
        for name in ("items", "suppliers", "work_centres"):
            self._refuse_below(name, 1)
        for name in ("inactive_work_centres", "production_orders", "dispatched", "purchase_orders", "more_lots"):
            self._refuse_below(name, 0)
        if self.dispatched > self.production_orders:
            raise ValueError(
                f"dispatched={self.dispatched} is more than production_orders={self.production_orders}; "
                "only open orders can be dispatched"
            )
        self._check_depth()
        self._check_items()

    def _refuse_below(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if value < least:
            raise ValueError(f"{name}={value} must be at least {least}")

    def _check_depth(self) -> None:
        if not 1 <= self.depth_min <= self.depth_max:
            raise ValueError(f"depth_min={self.depth_min} must lie between 1 and depth_max={self.depth_max}")
        if self.depth_max > DEPTH_LIMIT:
            raise ValueError(f"depth_max={self.depth_max} must be at most {DEPTH_LIMIT}")

    def _check_items(self) -> None:
        made, bought = len(self.plants) * self.depth_max, 3 * len(self.plants) + BOUGHT_SPARE
        if self.made < made or self.items - self.made < bought:
            raise ValueError(
                f"items={self.items} with made_share={self.made_share} gives {self.made} made and "
                f"{self.items - self.made} bought items; {len(self.plants)} plant(s) with depth_max={self.depth_max} "
                f"need at least {made} made and {bought} bought"
            )
