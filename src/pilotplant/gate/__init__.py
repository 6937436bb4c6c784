"""The gate: may this version of a middleware go to the plants? One answer from pacts, flows, scenarios and coverage."""
