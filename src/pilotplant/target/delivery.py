"""Where events go, and in which form: address, names, envelope, fields, JSON or XML, and proof of the sender."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from pilotplant.channels.field_map import Field as MappedField
from pilotplant.channels.field_map import FieldMap, Unit
from pilotplant.channels.forms import AS_IT_IS, ATTRIBUTES, PLACEHOLDER, Envelope, Form
from pilotplant.channels.signing import Algorithm, Basic, Bearer, HmacSigner, Signer, Unsigned
from pilotplant.dialects.codecs.codec import codecs
from pilotplant.model.suggestions import did_you_mean, listed
from pilotplant.target.secrets import FromEnvironment, Secrets
from pilotplant.target.words import Url, Word

_CONFIG = ConfigDict(extra="forbid", frozen=True)
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
HeaderText = Annotated[str, Field(pattern=r"^[ -~]*$")]


class BasicAuth(BaseModel):
    """HTTP Basic."""

    model_config = _CONFIG

    kind: Literal["basic"]
    user: Annotated[str, Field(pattern=r"^[^:\x00\r\n]+$")]
    password: FromEnvironment

    def signer(self, secrets: Secrets) -> Signer:
        """What signs with it."""
        return Basic(self.user, self.password.of(secrets))


class BearerAuth(BaseModel):
    """A fixed token."""

    model_config = _CONFIG

    kind: Literal["bearer"]
    token: FromEnvironment

    def signer(self, secrets: Secrets) -> Signer:
        """What signs with it."""
        return Bearer(self.token.of(secrets))


class HmacAuth(BaseModel):
    """An HMAC over the body in a header: `{kind: hmac, secret: {env: HUB_SECRET}, header: x-hub-signature-256,
    prefix: "sha256="}`."""

    model_config = _CONFIG

    kind: Literal["hmac"]
    secret: FromEnvironment
    header: HeaderName
    algorithm: Algorithm = "sha256"
    prefix: Annotated[str, Field(pattern=r"^[ -~]*$")] = ""
    encoding: Literal["hex", "base64"] = "hex"

    def signer(self, secrets: Secrets) -> Signer:
        """What signs with it."""
        return HmacSigner(self.secret.of(secrets), self.header, self.algorithm, self.prefix, self.encoding)


class MutualTls(BaseModel):
    """We show a certificate when we connect. Paths are relative to the project."""

    model_config = _CONFIG

    kind: Literal["mtls"]
    certificate: Word
    key: Word
    authority: Word = ""
    """Who vouches for the target; without it, whom the machine trusts."""

    def signer(self, secrets: Secrets) -> Signer:
        """The request itself carries nothing."""
        del secrets
        return Unsigned()


class NoAuth(BaseModel):
    """Nothing says who delivers."""

    model_config = _CONFIG

    kind: Literal["none"]

    def signer(self, secrets: Secrets) -> Signer:
        """Nothing."""
        del secrets
        return Unsigned()


DeliveryAuth = Annotated[BasicAuth | BearerAuth | HmacAuth | MutualTls | NoAuth, Field(discriminator="kind")]


TEMPLATE_DEPTH_MAX = 32


class FieldSpec(BaseModel):
    """What becomes of a field: another name, a constant, a conversion, or nothing."""

    model_config = _CONFIG

    to: str = ""
    drop: bool = False
    constant: JsonValue = None
    times: float = 1.0
    """What numbers are multiplied by."""
    values: dict[str, str] = {}
    """Codes of ours and what the receiver calls them."""
    unit: str = ""
    """The field beside it that holds its unit, which `units` converts; `.` where the field is the unit itself."""

    def mapped(self) -> MappedField:
        """As the field map wants it."""
        return MappedField(**self.model_dump())


class UnitSpec(BaseModel):
    """What the receiver calls a unit, and how many of its own make one of ours."""

    model_config = _CONFIG

    to: str
    times: Annotated[float, Field(gt=0)] = 1.0


def _named_field(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


def _named_unit(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


def _placeholders(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for value in content.values():
            yield from _placeholders(value)
    elif isinstance(content, list):
        for value in content:
            yield from _placeholders(value)
    elif isinstance(content, str):
        yield from PLACEHOLDER.findall(content)


def _flat_enough(content: Any) -> Any:
    """Data are put in place of its placeholders, and XML has an end of its own."""
    if _depth(content) > TEMPLATE_DEPTH_MAX:
        raise ValueError(f"a template is nested {TEMPLATE_DEPTH_MAX} deep at most")
    return content


def _depth(content: Any) -> int:
    """Level by level: it may be nested deeper than a function could call itself."""
    depth, level = 0, [content]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [value for each in level for value in (each.values() if isinstance(each, dict) else each)]
    return depth


def _known_placeholders(content: Any) -> Any:
    for path in _placeholders(content):
        first, _, rest = path.partition(".")
        if first not in ATTRIBUTES or (rest and first != "data"):
            meant = did_you_mean(first, ATTRIBUTES)
            raise ValueError(
                f"`{{{path}}}` stands for nothing: there are {listed(ATTRIBUTES)}, and data.<field>{meant}"
            )
    return content


class DeliverSpec(BaseModel):
    """Where events go, which (none named: all that no other entry takes), and in which form."""

    model_config = _CONFIG

    url: Url
    events: list[str] = []
    type: str = ""
    """What the receiver calls these events, if it is one name for all; otherwise `types`."""
    types: dict[str, str] = {}
    envelope: Envelope = "cloudevents"
    template: Annotated[JsonValue, AfterValidator(_flat_enough), AfterValidator(_known_placeholders)] = None
    """An envelope of the receiver's own: data with placeholders such as `{id}`, `{type}`, `{data}`, `{data.plant}`."""
    headers: Annotated[dict[HeaderName, HeaderText], AfterValidator(_known_placeholders)] = {}
    fields: dict[str, Annotated[FieldSpec, BeforeValidator(_named_field, json_schema_input_type=str | FieldSpec)]] = {}
    """What becomes of the data's fields; `consumption.quantity` leads into lists. Others stay as they are."""
    only_fields: bool = False
    """Whether fields that `fields` does not name are left out."""
    units: dict[str, Annotated[UnitSpec, BeforeValidator(_named_unit, json_schema_input_type=str | UnitSpec)]] = {}
    body: Literal["json", "xml"] = "json"
    root: Annotated[str, Field(pattern=r"^([A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?)?$")] = ""
    """The root element of an XML body; the event's name if empty."""
    auth: DeliveryAuth | None = None
    """How we prove who we are; without it, by `pilotplant-signature`."""

    @model_validator(mode="after")
    def _one_envelope(self) -> Self:
        if self.template is not None and self.envelope != "cloudevents":
            raise ValueError("`template` is an envelope of your own: leave out `envelope`")
        if self.type and self.types:
            raise ValueError("give `type` (one name for all events) or `types` (one for each), not both")
        return self

    def wants(self, event: str) -> bool:
        """Whether an event of this type is to be delivered."""
        return not self.events or event in self.events

    def form(self, known: list[str]) -> Form:
        """The form of what is delivered; `known` are all events that there are."""
        plain = DeliverSpec(url=self.url, events=self.events, auth=self.auth)
        if self == plain:
            return AS_IT_IS
        mapped = {path: spec.mapped() for path, spec in self.fields.items()}
        units = {name: Unit(spec.to, spec.times) for name, spec in self.units.items()}
        fields = FieldMap(mapped, units, only=self.only_fields) if mapped or self.only_fields else None
        return Form(
            envelope=self.envelope,
            template=self.template,
            types=dict.fromkeys(known, self.type) if self.type else self.types,
            fields=fields,
            codec=codecs()[self.body],
            root=self.root,
            headers=self.headers,
        )
