"""Measurements, each against a baseline of the same run. Run them all with `python -m benchmarks`."""
