"""Folds over the ledger that several checks read: what was known when, and which promises are open."""
