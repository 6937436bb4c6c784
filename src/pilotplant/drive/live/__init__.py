"""The live driver: real sockets, real time, any target."""
