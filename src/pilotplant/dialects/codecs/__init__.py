"""How plain data become the bytes of a body and back: one file per format, found by looking at the folder."""
