"""Verifies pacts against the simulators: each interaction against an estate of its own, in the states that it names."""

from collections.abc import Callable, Mapping, Sequence

from pilotplant.conformance.coverage import event_of
from pilotplant.conformance.pact_judge import PactJudge
from pilotplant.conformance.pact_process import Found, Job
from pilotplant.conformance.stage import MESSAGE_PATH, STATE_PATH, Scenery, Stage
from pilotplant.conformance.verification import Checked, Mismatch, Verification
from pilotplant.contracts.pacts import Interaction
from pilotplant.model.suggestions import did_you_mean, listed
from pilotplant.model.verdict import Verdict
from pilotplant.run.request import Progress
from pilotplant.systems.provider_states import StateError

Watch = Callable[[Progress], None]


async def verify(
    pacts: Sequence[Interaction],
    scenery: Callable[[Interaction], Scenery],
    against: str,
    aliases: Mapping[str, str],
    watch: Watch,
) -> Verification:
    """Verify them, one after the other."""
    checked: list[Checked] = []
    async with PactJudge() as judge:
        for number, interaction in enumerate(pacts):
            watch(Progress("verifying", number, len(pacts)))
            checked.append(await _verified(interaction, scenery(interaction), aliases, judge))
    return Verification(against, tuple(checked))


async def _verified(
    interaction: Interaction, scenery: Scenery, aliases: Mapping[str, str], judge: PactJudge
) -> Checked:
    if interaction.kind == "other":
        return entry(interaction, Verdict.UNKNOWN, "messages that wait for an answer are not verified")
    async with scenery.stage() as stage:
        stage.choose(aliases.get(interaction.provider, interaction.provider), plant_of(interaction))
        try:
            await prepare(interaction, stage)
        except StateError as error:
            return entry(interaction, Verdict.FAIL, str(error))
        return judged(interaction, await judge.ask(await _job(interaction, stage)))


async def prepare(interaction: Interaction, stage: Stage) -> None:
    """Bring about what the interaction takes for granted, and let the system state what it is about."""
    for state in interaction.states:
        await stage.bring_about(state.name, state.parameters)
    if interaction.kind == "message":
        kind = stage.system.kind
        named = event_of(interaction)
        if named not in kind.events:
            what = f"no event `{named}`" if named else "no event that the message names"
            meant = did_you_mean(named, kind.events)
            raise StateError(f"{kind.name} has {what}; it states {listed(kind.events)}{meant}")
        await stage.hear(named)


async def _job(interaction: Interaction, stage: Stage) -> Job:
    host = stage.prepared.host
    port = int(host.url.rpartition(":")[2])
    message = interaction.kind == "message"
    return Job(
        provider=interaction.provider,
        url=host.system_url(stage.system),
        host="127.0.0.1",
        pact=interaction.pact,
        headers=await stage.headers(),
        state_url=host.url + STATE_PATH,
        message_port=port if message else 0,
        message_path=MESSAGE_PATH if message else "",
    )


def plant_of(interaction: Interaction) -> str:
    """The plant that an interaction's states are about, for systems that stand in each."""
    told = (state.parameters.get("plant") for state in interaction.states)
    return next((plant for plant in told if isinstance(plant, str)), "")


def judged(interaction: Interaction, found: Found) -> Checked:
    """What the library found, in our words."""
    if found.passed:
        return entry(interaction, Verdict.PASS)
    mismatches = tuple(mismatch_of(each) for each in found.mismatches)
    if found.pending:
        return entry(interaction, Verdict.UNKNOWN, "it is pending, and not kept yet", mismatches)
    sentence = found.error or _in_short(mismatches)
    return entry(interaction, Verdict.FAIL, sentence, mismatches)


def entry(
    interaction: Interaction, verdict: Verdict, sentence: str = "", mismatches: tuple[Mismatch, ...] = ()
) -> Checked:
    """The entry of an interaction."""
    return Checked(
        source=interaction.source,
        consumer=interaction.consumer,
        provider=interaction.provider,
        description=interaction.description,
        kind=interaction.kind,
        states=tuple(state.name for state in interaction.states),
        verdict=verdict,
        sentence=sentence,
        mismatches=mismatches,
        derived=interaction.derived,
    )


_PLACES = {"StatusMismatch": "status", "MethodMismatch": "method", "BodyTypeMismatch": "content type of the body"}


def mismatch_of(told: Mapping[str, object]) -> Mismatch:
    """A mismatch as the library tells it."""
    kind = str(told.get("type", ""))
    place = _PLACES.get(kind) or str(told.get("path") or "")
    if kind == "HeaderMismatch":
        place = f"header {told.get('key', '')}"
    elif kind == "MetadataMismatch":
        place = f"metadata {told.get('key', '')}"
    expected, got = (_plain(told.get(key)) for key in ("expected", "actual"))
    return Mismatch(place or "body", expected, got, str(told.get("mismatch", "")))


def _plain(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, int) for each in value):  # bytes, as the library writes them
        return bytes(value).decode("utf-8", "replace")
    return "" if value is None else str(value)


def _in_short(mismatches: Sequence[Mismatch]) -> str:
    return "one thing differs" if len(mismatches) == 1 else f"{len(mismatches)} things differ"
