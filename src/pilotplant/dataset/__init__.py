"""The data of a simulated enterprise: generated from a seed, the same bytes every time."""
