"""What the ledger of a run under load says: latencies from the intended moment, what never came, what was lost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pilotplant.checks.load_result import LoadResult, Soak
from pilotplant.checks.result import Result
from pilotplant.checks.soak import leaks
from pilotplant.ledger.records import AnyRecord, Driven, Sample
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.resources import Project, bundled
from pilotplant.run.course import Acted
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.preparation import Prepared
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.run.stage import Stage
from pilotplant.run.stimulation import Occurrence, Stimulation
from pilotplant.scenario.loading import load_run
from pilotplant.scenario.model import StimulusSpec
from pilotplant.target.model import in_process

FREEZE_AT_S, FREEZE_S = 6.0, 5.0
RATE_PER_S, LENGTH_S = 20, 16
SPEC = StimulusSpec.model_validate({"do": "mes.order.complete", "at": 0})
SHIPPED = Project(bundled(), bundled(), writable=False)
Drive = Callable[[Prepared, Stimulation], Awaitable[int]]


class Shop:
    """A correct middleware for confirmations, one after the other, that may stand still for a while, or lose one."""

    def __init__(
        self, environment: Mapping[str, str], transport: Any, *, freezes: bool = False, loses: int = -1
    ) -> None:
        self._environment = environment
        self._client = httpx.AsyncClient(transport=transport, timeout=30)
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._working: asyncio.Task[None] | None = None
        self._freezes = freezes
        self._loses = loses
        self._taken = 0
        self._began = 0.0

    def app(self) -> Starlette:
        """Takes events."""
        return Starlette(routes=[Route("/events", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        """Acknowledge at once; work follows."""
        event = await request.json()
        if event["type"] == "mes.order.completed":
            if self._working is None:
                self._began = asyncio.get_running_loop().time()
                self._working = asyncio.create_task(self._work())
            self._taken += 1
            if self._taken != self._loses:
                self._queue.put_nowait(event)
        return Response(status_code=204)

    async def _work(self) -> None:
        env = self._environment
        form = {"client_id": env["PILOTPLANT_ERP_CLIENT_ID"], "client_secret": env["PILOTPLANT_ERP_CLIENT_SECRET"]}
        given = await self._client.post(
            env["PILOTPLANT_ERP_TOKEN_URL"], data={"grant_type": "client_credentials", **form}
        )
        bearer = f"Bearer {given.json()['access_token']}"
        loop = asyncio.get_running_loop()
        while True:
            event = await self._queue.get()
            if self._freezes and loop.time() - self._began > FREEZE_AT_S:
                self._freezes = False
                await asyncio.sleep(FREEZE_S)
            headers = {"authorization": bearer, "traceparent": event["traceparent"]}
            body = document(event["data"])
            answer = await self._client.post(f"{env['PILOTPLANT_ERP_URL']}/stock-documents", json=body, headers=headers)
            assert answer.status_code == 201, answer.text


def document(done: dict[str, Any]) -> dict[str, Any]:
    """The one document that a confirmation stands for."""
    made = {"item": done["item"], "lot": done["lot"], "unit": done["unit"]}
    lines = [{**made, "movement": "receipt", "quantity": done["good"]}]
    lines += [{**made, "movement": "scrap", "quantity": done["scrap"]}]
    lines += [{**used, "movement": "issue"} for used in done["consumption"]]
    source = {"plant": done["plant"], "source_document": done["confirmation"], "posting_date": done["posting_date"]}
    return {**source, "lines": [line for line in lines if line["quantity"]]}


def driven(directory: Path, drive: Drive, count: int, *thresholds: str, happened: int = -1, **settings: Any) -> Result:
    """A run within this process whose arrivals are driven like this."""
    (setup,), _null = load_run(SHIPPED, ["shift-change"], ["stimuli=[]", "faults=[]", "thresholds=[]"], "null")
    scenario = setup.scenario.model_copy(update={"thresholds": list(thresholds)})

    async def act(prepared: Prepared, _stage: Stage) -> Acted:
        plan = [Occurrence(number / RATE_PER_S, 0, f"k{number}") for number in range(count)]
        stimulation = Stimulation([SPEC], prepared.estate, plan)
        stimulation.origin = prepared.world.env.now
        prepared.estate.stop()  # the plants finish nothing of their own accord: only what is driven happens
        done = await drive(prepared, stimulation)
        note = "" if done == count else "the only driver ended by itself with exit code 137"
        prepared.ledger.write(Driven, prepared.world.env.now, count, done, note)
        return Acted()

    def create(environment: Mapping[str, str], transport: Any) -> Starlette:
        return Shop(environment, transport, **settings).app()

    request = RunRequest(
        SHIPPED,
        replace(setup, scenario=scenario),
        in_process("shop"),
        3,
        only_null_target,
        "inprocess",
        factory=create,
        directory=directory,
        more={"load": {}},
    )
    return run(request, act).result


async def open_model(prepared: Prepared, stimulation: Stimulation) -> int:
    """What arrives waits for nobody."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for occurrence in stimulation.plan:
        await asyncio.sleep(max(0.0, start + occurrence.moment - loop.time()))
        prepared.world.advance()
        stimulation.occur(occurrence)
    return stimulation.done


async def one_at_a_time(prepared: Prepared, stimulation: Stimulation, *, honest: bool) -> int:
    """The next comes when the last is booked, as in a test that waits; `honest`: it says when that was due."""
    for occurrence in stimulation.plan:
        now = prepared.world.env.now
        due_s = stimulation.origin + occurrence.moment
        if due_s > now:
            await asyncio.sleep(due_s - now)
        prepared.world.advance()
        moment = occurrence.moment if honest else prepared.world.env.now - stimulation.origin
        booked = len(prepared.estate.systems["erp"].state.documents)
        stimulation.occur(occurrence._replace(moment=moment))
        while len(prepared.estate.systems["erp"].state.documents) == booked:
            await asyncio.sleep(0.005)
    return stimulation.done


async def closed_model(prepared: Prepared, stimulation: Stimulation) -> int:
    """What most load tools do."""
    return await one_at_a_time(prepared, stimulation, honest=False)


async def late_but_honest(prepared: Prepared, stimulation: Stimulation) -> int:
    """A driver that falls behind and says so."""
    return await one_at_a_time(prepared, stimulation, honest=True)


def p99_s(result: Result) -> float:
    """How long the slowest of a hundred took."""
    load = result.load
    assert isinstance(load, LoadResult) and load.finished == load.begun == RATE_PER_S * LENGTH_S
    return load.latencies[0].at(99.0)


def test_a_freeze_shows_in_p99_and_a_closed_model_hides_it(tmp_path: Path) -> None:
    count = RATE_PER_S * LENGTH_S
    frozen = driven(tmp_path / "open", open_model, count, "confirmation_to_stock p99 < 1s", freezes=True)
    assert p99_s(frozen) > 0.9 * FREEZE_S
    assert frozen.exit == Exit.THRESHOLD
    hidden = driven(tmp_path / "closed", closed_model, count, "confirmation_to_stock p99 < 1s", freezes=True)
    assert p99_s(hidden) < 0.1, "this is why arrivals must not wait for answers"
    told = driven(tmp_path / "honest", late_but_honest, count, freezes=True)
    assert p99_s(told) > 0.8 * FREEZE_S, "latency counts from the intended moment, however late it was told"
    calm = driven(tmp_path / "calm", open_model, count, "confirmation_to_stock p99 < 1s")
    assert p99_s(calm) < 0.1 and calm.exit == Exit.PASS


def test_one_that_is_lost_among_many_is_convicted_by_name(tmp_path: Path) -> None:
    result = driven(tmp_path, open_model, 300, "facts.lost == 0", loses=211)
    assert result.exit == Exit.VIOLATION
    lost = {(finding.plant, finding.instance) for finding in result.findings if finding.check == "completeness"}
    assert len(lost) == 1
    ((plant, instance),) = lost
    assert plant in instance and "CNF-" in instance
    assert result.load is not None and result.load.begun - result.load.finished == 1 and result.load.happened == 300


def test_arrivals_that_never_happened_leave_an_unknown(tmp_path: Path) -> None:
    async def half(prepared: Prepared, stimulation: Stimulation) -> int:
        stimulation.plan = stimulation.plan[:20]
        return await open_model(prepared, stimulation)

    result = driven(tmp_path, half, 40)
    assert result.exit == Exit.UNKNOWN
    assert any("20 of 40 planned arrivals never happened" in doubt.sentence for doubt in result.doubts)


def test_a_harness_that_is_late_itself_convicts_nobody_of_being_slow(tmp_path: Path) -> None:
    async def late(prepared: Prepared, stimulation: Stimulation) -> int:
        stimulation.origin -= 2.0
        return await open_model(prepared, stimulation)

    result = driven(tmp_path, late, 40, "confirmation_to_stock p95 < 1s", "facts.lost == 0")
    assert result.exit == Exit.UNKNOWN
    assert [threshold.verdict for threshold in result.thresholds] == [Verdict.UNKNOWN, Verdict.PASS]
    assert any("did not keep up" in doubt.sentence for doubt in result.doubts)


@pytest.mark.parametrize(
    ("waited_s", "rate", "ends"),
    [(0.02, "1ms", Exit.THRESHOLD), (1.5, "1ms", Exit.UNKNOWN), (1.5, "9s", Exit.PASS), (None, "1ms", Exit.THRESHOLD)],
)
def test_a_machine_without_a_processor_for_the_harness_convicts_nobody_of_being_slow(
    waited_s: float | None, rate: str, ends: Exit, tmp_path: Path
) -> None:
    """What was kept all the same was kept. Ledgers of before, and other platforms, say nothing of it."""

    async def waiting(prepared: Prepared, stimulation: Stimulation) -> int:
        def sample(waited: float) -> None:
            known = () if waited_s is None else (waited,)
            prepared.ledger.write(Sample, prepared.world.env.now, "harness", 0.0, 1, 1, *known)

        sample(7.0)
        done = await open_model(prepared, stimulation)
        sample(7.0 + (waited_s or 0.0))
        return done

    result = driven(tmp_path, waiting, 80, f"confirmation_to_stock p95 < {rate}", "facts.lost == 0", freezes=False)
    assert result.exit == ends
    told = [doubt for doubt in result.doubts if doubt.sentence.startswith("This machine kept the harness waiting")]
    assert bool(told) == (ends == Exit.UNKNOWN)
    if told:
        assert "38 % of the run (1.5 s)" in told[0].sentence and "more processors" in told[0].would_help
        assert [threshold.verdict for threshold in result.thresholds] == [Verdict.UNKNOWN, Verdict.PASS]


def test_a_sample_of_before_can_be_read() -> None:
    old = msgspec.msgpack.encode([[40, 1, 0.5, "harness", 1.0, 5, 6]])
    (sample,) = msgspec.msgpack.decode(old, type=list[AnyRecord])
    assert sample == Sample(1, 0.5, "harness", 1.0, 5, 6, -1.0)


def samples(process: str, mb: Callable[[int], float], handles: Callable[[int], int] = lambda _n: 9) -> list[Sample]:
    """Samples of a process, two a second."""
    return [Sample(n, n / 2, process, n * 0.1, int(mb(n) * 1024 * 1024), handles(n)) for n in range(100)]


@pytest.mark.parametrize(
    ("mb", "handles", "verdicts"),
    [
        (lambda n: 100 + min(n, 20), lambda n: 9, (Verdict.PASS, Verdict.PASS)),
        (lambda n: 100 + n, lambda n: 9, (Verdict.FAIL, Verdict.PASS)),
        (lambda n: 100 + 30 * (n % 2), lambda n: 9 + 2 * n, (Verdict.PASS, Verdict.FAIL)),
    ],
)
def test_a_target_that_leaks_is_told_from_one_that_warms_up(
    mb: Callable[[int], float], handles: Callable[[int], int], verdicts: tuple[Verdict, Verdict]
) -> None:
    given = {"target": samples("target", mb, handles), "harness": samples("harness", lambda n: 80.0)}
    judged = leaks(Soak(), given, facts=1000)
    assert tuple(each.verdict for each in judged) == (Verdict.PASS, *verdicts)


def test_the_harness_may_hold_what_was_committed_and_no_more() -> None:
    growing = {"harness": samples("harness", lambda n: 80 + 2.0 * n)}
    assert leaks(Soak(), growing, facts=10)[0].verdict is Verdict.FAIL
    assert leaks(Soak(), growing, facts=400_000)[0].verdict is Verdict.PASS


def test_too_few_samples_say_nothing() -> None:
    judged = leaks(Soak(), {"harness": samples("harness", lambda n: 80.0)[:5]}, facts=1)
    assert {each.verdict for each in judged} == {Verdict.UNKNOWN}


def test_a_target_that_was_not_started_here_is_not_said_to_be_free_of_leaks() -> None:
    judged = leaks(Soak(), {"harness": samples("harness", lambda n: 80.0)}, facts=1)
    assert [each.verdict for each in judged] == [Verdict.PASS, Verdict.UNKNOWN, Verdict.UNKNOWN]
    assert "started here" in judged[1].sentence


def test_a_load_result_survives_its_file(tmp_path: Path) -> None:
    result = driven(tmp_path, open_model, 20)
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result
