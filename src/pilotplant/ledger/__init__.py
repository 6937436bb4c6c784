"""The ledger: the ordered record of everything that happened at the boundary, and the only source of verdicts."""
