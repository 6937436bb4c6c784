"""The ways in which events travel from a system to the target: one file per channel, and the client under them."""
