"""Fixed credentials with which a target calls the simulators, where it cannot take those of each run."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.exchange.authentication import Credentials
from pilotplant.target.secrets import FromEnvironment, Secrets

_CONFIG = ConfigDict(extra="forbid", frozen=True)


class FixedBasic(BaseModel):
    """HTTP Basic."""

    model_config = _CONFIG

    kind: Literal["basic"]
    user: Annotated[str, Field(pattern=r"^[^:\x00\r\n]+$")]
    password: FromEnvironment

    def credentials(self, secrets: Secrets) -> Credentials:
        """As the door wants them."""
        return Credentials("basic", user=self.user, password=self.password.of(secrets))


class FixedKey(BaseModel):
    """A key in `x-api-key`."""

    model_config = _CONFIG

    kind: Literal["api-key"]
    key: FromEnvironment

    def credentials(self, secrets: Secrets) -> Credentials:
        """As the door wants them."""
        return Credentials("api-key", api_key=self.key.of(secrets))


class FixedClient(BaseModel):
    """OAuth2 client credentials."""

    model_config = _CONFIG

    kind: Literal["oauth2"]
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: FromEnvironment

    def credentials(self, secrets: Secrets) -> Credentials:
        """As the door wants them."""
        secret = self.client_secret.of(secrets)
        return Credentials("oauth2", client_id=self.client_id, client_secret=secret)


FixedCredentials = Annotated[FixedBasic | FixedKey | FixedClient, Field(discriminator="kind")]


def fixed(given: Mapping[str, FixedCredentials], secrets: Secrets) -> dict[str, Credentials]:
    """By system (`erp`, `mes`, `mes@DE01`), what the target calls it with."""
    return {system: each.credentials(secrets) for system, each in given.items()}
