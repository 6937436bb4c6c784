"""Running a scenario from start to verdict, and what is left behind in a run directory."""
