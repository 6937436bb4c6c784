"""What a run leaves for its readers: one file per reporter."""
