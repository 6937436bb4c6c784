"""The version of Pilotplant, in the one place that packaging and results read it from."""

__version__ = "0.1.0"
