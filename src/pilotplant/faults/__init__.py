"""What can be done to the boundary on purpose: one fault, one file, found by looking at the folder."""
