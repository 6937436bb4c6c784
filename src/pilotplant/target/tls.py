"""TLS between the target and the simulators."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from pilotplant.target.words import Word


class AuthoritySpec(BaseModel):
    """An authority that is there already: PEM files, relative to the project."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Word
    key: Word


class TlsSpec(BaseModel):
    """The simulators serve HTTPS, with a certificate of an authority that is made for the run, or given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authority: AuthoritySpec | None = None
    client_certificate: bool = False
    """Whether the target has to show a certificate of that authority (mTLS)."""
    hosts: list[Word] = []
    """By which names it reaches us, besides 127.0.0.1 and localhost."""

    @model_validator(mode="after")
    def _plain_names(self) -> Self:
        for host in self.hosts:
            if not host or not all(c.isalnum() or c in ".-:" for c in host) or not host.isascii():
                raise ValueError(f"`{host}` is no name of a host")
        return self
