"""The warehouse of one site: owns where stock lies, moves, picks, receipts, shipments, counts, and what may be used."""
