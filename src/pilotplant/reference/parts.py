"""The policies that the middleware is put together from. Replace one to see what it is good for.

create_app(settings, ..., parts=replace(Parts(), limiter=NoLimiter))
"""

from dataclasses import dataclass

from pilotplant.reference.activations import Activations
from pilotplant.reference.client import SystemClient
from pilotplant.reference.events import Events
from pilotplant.reference.fetching import FileIntake
from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.inbox import Inbox
from pilotplant.reference.lanes import Lane
from pilotplant.reference.limiter import Limiter
from pilotplant.reference.looking import ChangeLookout
from pilotplant.reference.mapping import Mapping
from pilotplant.reference.notices import Notices
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.scopes import Scopes
from pilotplant.reference.sequencing import Effectivity, Exclusive, RevisionOrder, SequencingGate
from pilotplant.reference.signature import SignatureCheck
from pilotplant.reference.tokens import TokenKeeper
from pilotplant.reference.traces import Traces
from pilotplant.reference.transfer import Transfer
from pilotplant.reference.work import Flow


@dataclass(frozen=True)
class Parts:
    """One class for each policy; each is constructed as the original is."""

    signature: type[SignatureCheck] = SignatureCheck
    inbox: type[Inbox] = Inbox
    events: type[Events] = Events
    lane: type[Lane] = Lane
    client: type[SystemClient] = SystemClient
    tokens: type[TokenKeeper] = TokenKeeper
    limiter: type[Limiter] = Limiter
    retry: type[RetryPolicy] = RetryPolicy
    traces: type[Traces] = Traces
    mapping: type[Mapping] = Mapping
    scopes: type[Scopes] = Scopes
    order: type[RevisionOrder] = RevisionOrder
    effectivity: type[Effectivity] = Effectivity
    exclusive: type[Exclusive] = Exclusive
    gate: type[SequencingGate] = SequencingGate
    activations: type[Activations] = Activations
    transfer: type[Transfer] = Transfer
    keys: type[IdempotencyKeys] = IdempotencyKeys
    posting: type[StockPosting] = StockPosting
    notices: type[Notices] = Notices
    lookout: type[ChangeLookout] = ChangeLookout
    intake: type[FileIntake] = FileIntake
    flows: tuple[type[Flow], ...] = ()
    """Each stands in the place of the flow of the same kind, as the folder `flows/` has it."""
