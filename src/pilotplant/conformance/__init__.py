"""Contracts put to the test: pacts verified and recorded, simulators and middlewares fuzzed, one verdict over all."""
