"""The transport into the estate: what a client sees of answers, faults and time-outs is what a socket would show."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import respx

from pilotplant.drive.inprocess.network import ESTATE
from pilotplant.drive.inprocess.transport import respond, transport
from pilotplant.ledger.records import Commit, Ending, FaultBitten, Request, ResponseEnd
from tests.estates import posting
from tests.unit.test_faults import fault
from tests.virtual import Virtual, virtually

PATH = "/erp/stock-documents"


def endings(estate: Virtual) -> list[int]:
    return [record.ending for record in estate.records(ResponseEnd)]


def test_an_answer_comes_and_what_was_done_is_recorded(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        async with estate.client() as client:
            answer = await client.post(PATH, json=posting())
        assert answer.status_code == 201
        assert answer.json()["document"]
        (request,) = estate.records(Request)
        assert {commit.exchange for commit in estate.records(Commit)} == {request.seq}
        assert endings(estate) == [Ending.SENT]

    virtually(tmp_path, story)


@pytest.mark.parametrize("at_byte", [0, 10])
def test_a_reset_within_the_head_is_a_read_error(tmp_path: Path, at_byte: int) -> None:
    async def story(estate: Virtual) -> None:
        async with estate.client() as client:
            with pytest.raises(httpx.ReadError):
                await client.post(PATH, json=posting())
        assert len(estate.records(Commit)) == 1
        assert endings(estate) == [Ending.RESET]

    virtually(tmp_path, story, faults=[fault("response-lost", at_byte=at_byte)])


def test_a_reset_within_the_body_comes_after_the_status(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        async with estate.client() as client, client.stream("POST", PATH, json=posting()) as answer:
            assert answer.status_code == 201
            with pytest.raises(httpx.ReadError):
                await answer.aread()

    virtually(tmp_path, story, faults=[fault("response-lost", at_byte=150)])


def test_a_dropped_request_is_a_server_that_left(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        async with estate.client() as client:
            with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
                await client.post(PATH, json=posting())
        assert estate.records(Commit) == []

    virtually(tmp_path, story, faults=[fault("request-dropped")])


def test_a_client_that_gives_up_after_a_second_learns_nothing_of_what_is_booked_after_thirty(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        async with estate.client(timeout=1) as client:
            began = estate.loop.time()
            with pytest.raises(httpx.ReadTimeout):
                await client.post(PATH, json=posting())
            assert estate.loop.time() - began == pytest.approx(1, abs=0.01)
            assert estate.records(Commit) == []
            await asyncio.sleep(30)
        assert len(estate.records(Commit)) == 1
        assert endings(estate) == [Ending.CALLER_GONE]

    virtually(tmp_path, story, faults=[fault("latency", delay_s=30)])


def test_the_read_time_out_counts_from_piece_to_piece(tmp_path: Path) -> None:
    slow = fault("slow-body", bytes_each=20, pause_s=0.9)

    async def story(estate: Virtual) -> None:
        async with estate.client(timeout=1) as client:
            began = estate.loop.time()
            answer = await client.post(PATH, json=posting())
            assert answer.status_code == 201
            assert estate.loop.time() - began > 1
        async with estate.client(timeout=0.5) as client:
            with pytest.raises(httpx.ReadTimeout, match="in the middle"):
                await client.post(PATH, json=posting("CNF-2"))

    virtually(tmp_path, story, faults=[slow])


def test_the_pool_time_out_counts_for_those_who_wait_for_a_connection(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        timeout = httpx.Timeout(60, pool=2)
        async with estate.client(timeout, connections_max=1) as client:
            calls = [client.post(PATH, json=posting(f"CNF-{number}")) for number in range(2)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [httpx.Response, httpx.PoolTimeout]
            assert (await client.post(PATH, json=posting("CNF-3"))).status_code == 201, "the connection came back"

    virtually(tmp_path, story, faults=[fault("latency", delay_s=10, max_count=1)])


@pytest.mark.parametrize(("kind", "error"), [("write", httpx.WriteTimeout), ("connect", httpx.ConnectTimeout)])
def test_write_and_connect_time_outs_are_honoured(tmp_path: Path, kind: str, error: type[Exception]) -> None:
    async def story(estate: Virtual) -> None:
        async def slow(*_: Any) -> Any:
            await asyncio.sleep(10)

        network = estate.host.network
        setattr(network, {"write": "travel", "connect": "connect"}[kind], slow)
        async with estate.client(httpx.Timeout(60, **{kind: 3})) as client:
            with pytest.raises(error):
                await client.post(PATH, json=posting())
        assert estate.records(Request) == []

    virtually(tmp_path, story)


def test_a_call_beyond_the_estate_fails_and_is_told(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        async with estate.client() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("http://elsewhere.example/")
        (wanted,) = estate.outside.wanted
        assert "calls elsewhere.example, which is not part of the estate" in wanted

    virtually(tmp_path, story)


def test_a_respx_route_reaches_the_estate_from_an_ordinary_client(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        with respx.mock() as router:
            route = router.route(host=ESTATE).mock(side_effect=respond(estate.host.network))
            router.get("http://weather.example/").respond(json={"sky": "clear"})
            async with httpx.AsyncClient(timeout=1) as client:
                answer = await client.post(estate.host.url + PATH, json=posting())
                with pytest.raises(httpx.ReadError):
                    await client.post(estate.host.url + PATH, json=posting("CNF-2"))
                assert (await client.get("http://weather.example/")).json() == {"sky": "clear"}
        assert (answer.status_code, route.call_count) == (201, 2)
        assert [bitten.fault for bitten in estate.records(FaultBitten)] == ["response-lost"]

    virtually(tmp_path, story, faults=[fault("response-lost", nth=2)])


def test_clients_of_httpx2_are_served_as_well(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        into = transport(estate.host.network, httpx2)
        async with httpx2.AsyncClient(transport=into, base_url=estate.host.url, timeout=1) as client:
            assert (await client.post(PATH, json=posting())).status_code == 201
            with pytest.raises(httpx2.ReadError):
                await client.post(PATH, json=posting("CNF-2"))
            with pytest.raises(httpx2.ReadTimeout):
                await client.post(PATH, json=posting("CNF-3"))

    virtually(tmp_path, story, faults=[fault("response-lost", nth=2), fault("latency", delay_s=30, nth=3)])
