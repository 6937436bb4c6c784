"""The judge: checks over the ledger. One file per check, found by looking at the folder."""
