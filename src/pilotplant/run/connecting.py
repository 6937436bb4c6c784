"""How a target is connected in one run: what its document says, with the secrets and addresses of this run."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pilotplant.drive.host import Host
from pilotplant.drive.live.certificates import Certificates
from pilotplant.exchange.authentication import Credentials
from pilotplant.kernel.draws import Draws
from pilotplant.model.errors import UsageError
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate
from pilotplant.target.credentials import fixed
from pilotplant.target.delivery import DeliverSpec, MutualTls
from pilotplant.target.extensions import extended
from pilotplant.target.identity import Identities
from pilotplant.target.model import TargetSpec
from pilotplant.target.projection import projection
from pilotplant.target.secrets import Secrets, named_in, resolved
from pilotplant.target.words import filled


@dataclass(frozen=True)
class Connection:
    """A target and what this run knows of it."""

    target: TargetSpec
    folder: Path = Path()
    """What paths in the document are relative to."""
    secrets: Secrets = field(default_factory=dict)
    fixed: Mapping[str, Credentials] = field(default_factory=dict)
    identities: Identities = field(default_factory=lambda: Identities({}))
    certificates: Certificates | None = None
    mark: str = ""
    """What the numbers of this run carry, since the target may remember those of another."""

    def credentials(self, name: str, kind: str) -> Credentials | None:
        """What the target calls a system with, if that is fixed: of this one, or of all of its kind."""
        return self.fixed.get(name) or self.fixed.get(kind)

    def serving(self) -> ssl.SSLContext | None:
        """What the simulators serve HTTPS with, if this target wants it."""
        tls = self.target.tls
        return self.certificates.context(clients=tls.client_certificate) if tls and self.certificates else None

    def told(self) -> Mapping[str, str]:
        """What the target learns besides addresses and credentials of the run."""
        return {**self.secrets, **(self.certificates.told() if self.certificates else {})}

    def end(self) -> None:
        """Let nothing of it stay."""
        if self.certificates is not None:
            self.certificates.remove()

    def instruct(self, estate: Estate) -> None:
        """Let the systems take what this target sends: its custom fields, and identities where it puts them."""
        if self.target.projection:
            estate.projection = projection(self.target.projection, self.folder)
        for system in estate:
            system.operations = extended(system.operations, self.target.extensions)
            if any(name in self.target.identity for name in system.operations):
                system.identified = self.identities.find

    def addresses(self, fill: Mapping[str, str]) -> list[str]:
        """Where events reach it, one for each entry of `deliver`."""
        return [filled(entry.url, fill) for entry in self.target.deliveries]

    def open_folders(self, host: Host, fill: Mapping[str, str], otherwise: Path) -> None:
        """Let systems that tell by files drop them where the target wants them, or else in a folder of the run."""
        named = filled(self.target.files, fill)
        host.drop_into((self.folder / named if named else otherwise).absolute(), lasts=bool(named))

    def subscribe(self, host: Host, fill: Mapping[str, str]) -> None:
        """Deliver events as the target wants them."""
        for entry in self.target.deliveries:
            auth = entry.auth
            host.subscribe(
                filled(entry.url, fill),
                partial(self._takes, entry),
                form=entry.form(list(catalog.events())),
                signer=auth.signer(self.secrets) if auth is not None else None,
                tls=self._tls(auth) if isinstance(auth, MutualTls) else None,
            )

    def _takes(self, entry: DeliverSpec, event: str) -> bool:
        return self.target.taker(event) is entry

    def _tls(self, auth: MutualTls) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=str(self.folder / auth.authority) if auth.authority else None)
            context.load_cert_chain(self.folder / auth.certificate, self.folder / auth.key)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"the certificate for deliveries cannot be used: {error}",
                help="`certificate`, `key` and `authority` are PEM files, relative to the project.",
            ) from None
        return context


NOBODY = Connection(TargetSpec(target="nobody"))
"""No target: simulators alone."""


def connect(target: TargetSpec, seed: int, folder: Path, mark: str = "", *, serves: bool = False) -> Connection:
    """The connection of a run with this seed and mark. `serves`: on sockets, where TLS is of use."""
    secrets = resolved(named_in(target), os.environ, Draws(seed), told=target.started)
    return Connection(
        target,
        folder,
        secrets,
        fixed(target.credentials, secrets),
        Identities(target.identity),
        _certificates(target, folder) if serves else None,
        mark,
    )


def _certificates(target: TargetSpec, folder: Path) -> Certificates | None:
    tls = target.tls
    if tls is None:
        return None
    named = urlsplit(target.public_url).hostname if target.public_url else None
    hosts = ("127.0.0.1", "localhost", *((named,) if named else ()), *tls.hosts)
    given = tls.authority
    authority = (folder / given.certificate, folder / given.key) if given else None
    return Certificates(tuple(dict.fromkeys(hosts)), authority=authority)
