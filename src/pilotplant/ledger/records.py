"""The kinds of records. Lean on purpose: the judge reads millions of them, so each carries only what its kind needs.

`seq` is a total order. `t` is wire time in seconds since the start; business time follows from it (`epoch + t * speed`,
both in the header). `operation`, `system` and `flow` are numbers into the tables of the header. An exchange is named
by the `seq` of its `Request`, that is: by the moment its last byte had arrived. Business keys are the parts of
`effect`.
"""

from enum import IntEnum

import msgspec


class Record(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Base: what every record carries first."""

    seq: int
    t: float


class Stimulus(Record, array_like=True, gc=False, frozen=True, tag=1):
    """The scenario made a system of record do something. `planned` is when that was to be, as `t` counts.

    What happens may be done in several acts; `part` counts them from 0.
    """

    system: int
    operation: int
    keys: tuple[str, ...]
    planned: float
    part: int = 0


class Obligation(Record, array_like=True, gc=False, frozen=True, tag=2):
    """One promise of a flow, expanded when its trigger fired: this instance, this step, this effect.

    `after` lists (step, effect, version) that must be known before. `must` is false where it is already satisfied.
    `accept` names other effects that keep it as well; `due` is the wire time from which lateness counts; `trigger` the
    `seq` of the event that fired; `subject` what the instance is about (a change, a confirmation).
    """

    flow: int
    instance: str
    step: str
    operation: int
    effect: str
    version: int
    must: bool
    after: tuple[tuple[str, str, int], ...]
    accept: tuple[str, ...]
    due: float
    trigger: int
    subject: str
    plant: str


class Request(Record, array_like=True, gc=False, frozen=True, tag=3):
    """The last byte of a request had arrived."""

    system: int
    operation: int
    keys: tuple[str, ...]
    idempotency_key: str
    fingerprint: int
    connection: int
    traceparent: str
    incarnation: int
    body: int


class Commit(Record, array_like=True, gc=False, frozen=True, tag=4):
    """A system changed its state: one record per effect. `exchange` 0 means the system did it by itself.

    `repeat_of` is the earlier commit of the same fact that still stands; `undoes` the effects that this one takes back;
    `stale_over` the newer version that this one overwrote; `facet` says more of the effect where the operation declares
    it: how far it goes (`staged`, `executable`), what it changes (`quantity revision`), what it reports (`accepted`).
    """

    system: int
    exchange: int
    operation: int
    effect: str
    version: int
    repeat_of: int = 0
    stale_over: int = 0
    facet: str = ""
    undoes: tuple[str, ...] = ()


class Reject(Record, array_like=True, gc=False, frozen=True, tag=5):
    """A system refused. `effect` and `version` say what would have been done, where that is known.

    `intended` is false where a correct middleware would have sent something else: such a refusal excuses nothing.
    `wait_s` is how long the caller was asked to wait before it tries again; `needs` the items that are missing.
    """

    system: int
    exchange: int
    operation: int
    effect: str
    version: int
    code: str
    status: int
    definite: bool
    intended: bool = True
    wait_s: float = 0.0
    needs: tuple[str, ...] = ()


class Read(Record, array_like=True, gc=False, frozen=True, tag=6):
    """A query was answered; what it reveals as (effect, version)."""

    system: int
    exchange: int
    operation: int
    revealed: tuple[tuple[str, int], ...]


class Reveals(IntEnum):
    """What an answer tells the caller beyond its own commit."""

    OWN = 0
    LISTED = 1
    EVERYTHING = 2


class ResponseFirst(Record, array_like=True, gc=False, frozen=True, tag=7):
    """The first byte of an answer is about to be handed to the transport."""

    system: int
    exchange: int
    status: int
    reveals: int


class Ending(IntEnum):
    """How an exchange ended on the wire."""

    SENT = 0
    RESET = 1
    DROPPED = 2
    CALLER_GONE = 3
    CUT_SHORT = 4


class ResponseEnd(Record, array_like=True, gc=False, frozen=True, tag=8):
    """An exchange is over, one way or another."""

    system: int
    exchange: int
    ending: int
    body: int


class Emit(Record, array_like=True, gc=False, frozen=True, tag=9):
    """A system stated a business fact. `cause` is the commit that it announces, if there is one."""

    system: int
    operation: int
    effect: str
    version: int
    event_id: str
    cause: int
    body: int


class Deliver(Record, array_like=True, gc=False, frozen=True, tag=10):
    """The first byte of a delivery attempt is about to be sent. `emit` is the event's record; of a copy that a fault
    sends besides, that of the event which it copies or imitates.

    `bent` names the kind of fault that bent it: what nobody may believe (`UNBELIEVABLE`) reveals nothing. `about` is
    the subject of a copy that is an event of its own, `ILLEGIBLE` if it cannot be read, and else empty.
    """

    emit: int
    attempt: int
    bent: str = ""
    about: str = ""
    waits: bool = False
    """It stands where the target can fetch it: told only when that is acknowledged."""


ILLEGIBLE = "?"
"""What a delivery is about that nobody can read."""
UNBELIEVABLE = frozenset(("forged-signature", "expired-timestamp"))
"""What bends a delivery such that its receiver must not act on it."""


class Ack(Record, array_like=True, gc=False, frozen=True, tag=11):
    """A delivery attempt ended. Status 0: no answer; `note` says why."""

    emit: int
    attempt: int
    status: int
    note: str


class FaultArmed(Record, array_like=True, gc=False, frozen=True, tag=12):
    """A fault was put in place: by the scenario, or through the control API."""

    fault: str


class FaultBitten(Record, array_like=True, gc=False, frozen=True, tag=13):
    """A fault really touched an exchange or a delivery."""

    fault: str
    system: int
    touched: int


class FaultLifted(Record, array_like=True, gc=False, frozen=True, tag=21):
    """A fault was lifted while the others stayed."""

    fault: str


class Crash(Record, array_like=True, gc=False, frozen=True, tag=14):
    """The target process was seen dead."""

    incarnation: int
    note: str


class Restart(Record, array_like=True, gc=False, frozen=True, tag=15):
    """The target was started (again)."""

    incarnation: int


class Heal(Record, array_like=True, gc=False, frozen=True, tag=16):
    """All faults were lifted."""


class Quiesce(Record, array_like=True, gc=False, frozen=True, tag=17):
    """Everything had come to rest, or (`settled` false) the wait was given up, with what was still moving."""

    settled: bool
    note: str


class Compare(Record, array_like=True, gc=False, frozen=True, tag=18):
    """After quiescence: what a system holds against what it is meant to hold. Empty `difference`: they agree.

    `values` lists each single value that differs as (what, held, intended); a moment only where it is a wrong one.
    """

    system: int
    operation: int
    effect: str
    difference: str
    values: tuple[tuple[str, str, str], ...] = ()


class Exposed(Record, array_like=True, gc=False, frozen=True, tag=19):
    """A request carried a secret of this run where others can read it. `place`: `URL` or `body`."""

    system: int
    exchange: int
    operation: int
    place: str


class Outside(Record, array_like=True, gc=False, frozen=True, tag=20):
    """Under a virtual clock, the target wanted something from the real world: what it did then proves nothing."""

    wanted: str


class Amount(Record, array_like=True, gc=False, frozen=True, tag=22):
    """At rest, where something was booked that nothing ties to its cause: how much of it (with `?` in place of the
    identity), or how much a promise asks for that nothing is held for under its own identity."""

    system: int
    operation: int
    effect: str
    quantity: float


class Sample(Record, array_like=True, gc=False, frozen=True, tag=40):
    """What processes had used up to now: `harness`, `target` or `drivers`. -1: not known on this platform.

    `waited_s` is how long their threads, added up, were ready to run and had no processor.
    """

    process: str
    cpu_s: float
    rss_bytes: int
    handles: int
    waited_s: float = -1.0


class Driven(Record, array_like=True, gc=False, frozen=True, tag=41):
    """Whoever drives the sources from outside has ended: how much was planned, how much happened, and why no more.

    `impossible` of those that happened came to nothing, since the systems of record had nothing to do or refused it.
    """

    planned: int
    happened: int
    note: str
    impossible: int = 0
    target_died: bool = False


class Loss(Record, array_like=True, gc=False, frozen=True, tag=50):
    """Something was made that nobody needs. `effect` says of what, `kind` why; `cause` is the event that tells it."""

    system: int
    effect: str
    kind: str
    quantity: float
    cause: int


class Reconcile(Record, array_like=True, gc=False, frozen=True, tag=42):
    """At rest, of a plant that was moved from one system to another: what one part of the books comes to on both sides.

    Pairs are (has to be, is). `rows` names some that differ: which, what it has to be, what it is, and the commits that
    changed it on one side and loaded it on the other, 0 where there is none.
    """

    system: int
    plant: str
    part: str
    counts: tuple[int, int]
    quantities: tuple[float, float]
    value: tuple[float, float]
    differing: int
    rows: tuple[tuple[str, str, str, int, int], ...]


AnyRecord = (
    Stimulus
    | Obligation
    | Request
    | Commit
    | Reject
    | Read
    | ResponseFirst
    | ResponseEnd
    | Emit
    | Deliver
    | Ack
    | FaultArmed
    | FaultBitten
    | FaultLifted
    | Crash
    | Restart
    | Heal
    | Quiesce
    | Compare
    | Outside
    | Exposed
    | Amount
    | Sample
    | Driven
    | Loss
    | Reconcile
)

KINDS: dict[str, type[Record]] = {
    "stimulus": Stimulus,
    "obligation": Obligation,
    "req": Request,
    "commit": Commit,
    "reject": Reject,
    "read": Read,
    "rsp-first": ResponseFirst,
    "rsp-end": ResponseEnd,
    "emit": Emit,
    "deliver": Deliver,
    "ack": Ack,
    "fault-armed": FaultArmed,
    "fault-bitten": FaultBitten,
    "fault-lifted": FaultLifted,
    "crash": Crash,
    "restart": Restart,
    "heal": Heal,
    "quiesce": Quiesce,
    "compare": Compare,
    "outside": Outside,
    "exposed": Exposed,
    "amount": Amount,
    "loss": Loss,
    "sample": Sample,
    "driven": Driven,
    "reconcile": Reconcile,
}
NAMES: dict[type[Record], str] = {kind: name for name, kind in KINDS.items()}
