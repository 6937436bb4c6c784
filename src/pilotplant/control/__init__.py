"""The control interface of a running estate."""
