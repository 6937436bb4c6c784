"""Looking for a scenario that fails: random runs, shrunk to the smallest that still fails the same way, saved."""
