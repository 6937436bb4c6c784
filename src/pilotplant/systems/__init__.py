"""The simulated systems. Each kind has a folder with the same rooms: state, operations, behaviour, events."""
