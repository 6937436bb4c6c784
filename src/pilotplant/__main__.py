"""`python -m pilotplant`."""

from pilotplant.cli.main import main

main()
