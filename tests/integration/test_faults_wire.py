"""What a caller meets on a real socket when a fault strikes that the exchange, not the driver, knows how to perform."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from pilotplant.ledger.records import Ending, FaultLifted, ResponseEnd
from pilotplant.run.quiescence import moving_now
from tests.estates import live
from tests.integration.test_live_host import GOOD, POST, _call, _see, parsed, run, until
from tests.unit.test_faults import fault


@pytest.mark.parametrize(("committed", "commits"), [(False, 0), (True, 1)])
def test_a_black_hole_lets_go_when_all_is_healed(tmp_path: Path, committed: bool, commits: int) -> None:
    seen = _see(tmp_path, fault("black-hole", committed=committed), heal_after_s=0.15)
    assert (seen.raw, seen.ended, seen.commits) == (b"", "end", commits)
    assert seen.waited_s >= 0.1 and seen.bitten == ["black-hole", "black-hole"] and seen.endings == [Ending.DROPPED]


def test_a_truncated_answer_is_whole_for_http(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("answer-garbled", how="truncated", keep=0.5))
    status, headers, body = parsed(seen.raw)
    assert (status, int(headers["content-length"])) == (201, len(body)) and seen.commits == 1
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_done_and_said_to_have_failed(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("failed-after-commit", status=504))
    assert (parsed(seen.raw)[0], seen.commits, seen.bitten) == (504, 1, ["failed-after-commit"])


def test_an_inner_step_and_a_step_on_the_wire_together(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("failed-after-commit"), fault("slow-body", bytes_each=50, pause_s=0.01))
    status, _headers, body = parsed(seen.raw)
    assert (status, json.loads(body)["code"], seen.commits) == (500, "internal-error", 1)
    assert sorted(seen.bitten) == ["failed-after-commit", "slow-body"]


def test_what_nobody_was_sent_has_not_changed_the_answer(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("failed-after-commit"), fault("response-lost"))
    assert (seen.raw, seen.ended, seen.commits, seen.bitten) == (b"", "reset", 1, ["response-lost"])


def test_a_slow_token_endpoint_and_one_that_is_down(tmp_path: Path) -> None:
    slow = fault("latency", match={"operation": "auth.token"}, delay_s=0.2, nth=1)
    down = fault("outage", match={"system": "erp"}, answer="dropped", nth=2)

    async def main() -> None:
        async with live(tmp_path, faults=[slow, down], erp={"auth": {"kind": "oauth2"}}) as estate:
            began_s = asyncio.get_running_loop().time()
            await estate.token("erp")
            assert asyncio.get_running_loop().time() - began_s >= 0.19
            with pytest.raises(httpx.RemoteProtocolError):
                await estate.token("erp")
            assert await estate.token("erp")
            assert estate.host.open_exchanges == 0
            assert [record.ending for record in estate.records(ResponseEnd)] == [
                Ending.SENT, Ending.DROPPED, Ending.SENT
            ]  # fmt: skip

    run(main())


def test_a_fault_that_is_lifted_strikes_no_more_and_another_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            label = estate.host.arm(fault("request-dropped"))
            assert await _call(estate) == (b"", "end")
            assert estate.host.lift(label) and not estate.host.lift(label)
            assert parsed((await _call(estate))[0])[0] == 201
            estate.host.arm(fault("failed-before-commit", status=409))
            assert parsed((await _call(estate))[0])[0] == 409
            assert [record.fault for record in estate.records(FaultLifted)] == ["request-dropped"]

    run(main())


def test_there_is_no_rest_while_the_target_waits_as_it_was_asked_to(tmp_path: Path) -> None:
    async def main() -> None:
        busy = fault("failed-before-commit", status=503, retry_after_s=1)
        async with live(tmp_path, faults=[busy]) as estate:
            assert moving_now(estate.host) == ""
            assert (await estate.http.post(POST, content=GOOD)).status_code == 503
            assert "asked to wait" in moving_now(estate.host)
            await until(lambda: not moving_now(estate.host))
            assert 0.9 < estate.bench.world.env.now < 10

    run(main())
