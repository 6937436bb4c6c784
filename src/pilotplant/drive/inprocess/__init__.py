"""Performs scripts in this process, on a virtual clock: no sockets, no waiting, byte for byte the same again."""
