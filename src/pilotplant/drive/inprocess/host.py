"""An estate in this process."""

import ssl
from collections.abc import Mapping
from random import Random

from pilotplant.drive.host import Host
from pilotplant.drive.inprocess.life import Middleware
from pilotplant.drive.inprocess.network import ESTATE, Network
from pilotplant.drive.inprocess.outside import Outside
from pilotplant.drive.inprocess.poster import InProcessPoster
from pilotplant.exchange.authentication import Credentials
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.plan import FaultPlan
from pilotplant.systems.estate import Estate


class InProcessHost(Host):
    """Reached by function calls; `network` carries them."""

    def __init__(
        self,
        estate: Estate,
        profiles: Mapping[str, ProfileSpec],
        credentials: Mapping[str, Credentials],
        faults: FaultPlan,
        *,
        events_secret: str,
        documents: Mapping[str, bytes],
        chance: Random,
        outside: Outside,
    ) -> None:
        super().__init__(estate, profiles, credentials, faults, events_secret=events_secret, documents=documents)
        self.network = Network(self.front, chance=chance, outside=outside.note, fail=self.fail)
        self.middleware: Middleware | None = None
        """Who listens, wherever events are addressed to."""
        self.others: dict[str, Middleware] = {}
        """Who listens at a certain host and port instead."""

    @property
    def url(self) -> str:
        return f"http://{ESTATE}"

    async def _before_end(self) -> None:
        await self.network.close()

    def _poster(self, tls: ssl.SSLContext | None = None) -> InProcessPoster:
        del tls  # there are no sockets
        return InProcessPoster(self.network, lambda place: self.others.get(place, self.middleware))
