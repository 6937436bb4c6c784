"""Takes "202 Accepted" as done: every other call of the system is done when it answers with a 2xx."""

from dataclasses import replace

from pilotplant.reference.activations import Activations
from pilotplant.reference.client import SystemClient
from pilotplant.reference.messages import ActivateVersion
from pilotplant.reference.parts import Parts

NUMBER = 2
NAME = "treats 202 as done"
CHECK = "sequencing"
SCENARIO = "ambiguous-timeouts"


class AcceptedIsDone(Activations):
    """Waits for nothing."""

    async def wait(self, erp: SystemClient, wish: ActivateVersion, job: str, traceparent: str) -> None:
        return


PARTS = replace(Parts(), activations=AcceptedIsDone)
