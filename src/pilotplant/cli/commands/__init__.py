"""The commands of `pilotplant`, one file each. They import what they need when they are called, so that --help is
fast."""
