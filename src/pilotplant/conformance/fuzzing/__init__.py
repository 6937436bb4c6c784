"""Fuzzing: very many generated requests to the simulators, hostile events to a middleware."""
