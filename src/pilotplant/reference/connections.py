"""Clients of all systems. Plants that share a system share its client, and so its token and its limits."""

import random

import httpx

from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.parts import Parts
from pilotplant.reference.settings import Settings, SystemAccess


class Connections:
    """One client for each address."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        chance: random.Random,
        parts: Parts,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._parts = parts
        self._traces = parts.traces(chance)
        self._by_url: dict[str, SystemClient] = {}
        # The limiter bounds the connections. Proxies of the environment do not concern us: systems are named in full.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self.http = httpx.AsyncClient(transport=transport, limits=limits, timeout=settings.timeout_s, trust_env=False)
        self.plm = self._client(settings.plm)
        self.desk = self._client(settings.desk)
        self.erp = {plant: self._client(access) for plant, access in settings.erp.items()}
        self.wms = {plant: self._client(access) for plant, access in settings.wms.items()}
        self.supplier = self._client(settings.supplier) if settings.supplier else None
        self.mes = {plant: self._client(access) for plant, access in settings.mes.items()}

    def _client(self, access: SystemAccess) -> SystemClient:
        if access.url not in self._by_url:
            settings, parts, clock = self._settings, self._parts, self._clock
            self._by_url[access.url] = parts.client(
                access.url,
                http=self.http,
                tokens=parts.tokens(access, self.http, clock, timeout_s=settings.timeout_s),
                limiter=parts.limiter(clock, at_once=settings.calls_at_once),
                traces=self._traces,
                clock=clock,
                timeout_s=settings.timeout_s,
            )
        return self._by_url[access.url]
