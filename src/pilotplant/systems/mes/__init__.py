"""Manufacturing execution, one per plant: owns dispatch, execution, actual consumption, completions, scrap."""
