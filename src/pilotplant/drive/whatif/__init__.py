"""The what-if driver: the estate on SimPy alone, and a parametric model in the place of a middleware."""
