"""The command line: reads arguments, calls the layers below, shows what came of it."""
