"""What-if experiments: many runs of a scenario over parameters, with replications, intervals, and a cache."""
