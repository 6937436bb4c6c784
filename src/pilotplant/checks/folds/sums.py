"""What is known of postings without an identity besides that they were booked: how much, and what was refused."""

from pilotplant.ledger.records import Amount, Reject


class Sums:
    """Quantities at rest, and refusals that name no cause."""

    def __init__(self) -> None:
        self.amounts: dict[str, float] = {}
        """How much is held that nothing ties to its cause, and how much single promises ask for."""
        self.refused: set[str] = set()
        """Effects that were refused for good and named no cause."""

    def on_amount(self, record: Amount) -> None:
        """How much there is of something, or should be."""
        self.amounts[record.effect] = record.quantity

    def on_stray(self, record: Reject) -> None:
        """Something was refused that nobody had asked for in these words."""
        if record.definite and "" in record.effect.split("|"):
            self.refused.add(record.effect)
