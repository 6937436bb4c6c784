"""Limits as vendors shape them: one file each, found by looking at the folder."""
