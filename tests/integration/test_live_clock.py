"""The clock of a live estate."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.responses import PlainTextResponse

from pilotplant.resources import find_project
from pilotplant.run import preparation
from pilotplant.run.preparation import generate_data, prepare_live
from pilotplant.scenario.loading import load_estate
from tests.estates import EPOCH


@pytest.mark.parametrize(("epoch", "shown"), [(None, 1_800_000_000.0), (EPOCH, EPOCH)])
def test_it_shows_the_time_of_day_however_long_the_estate_took_to_build(
    monkeypatch: pytest.MonkeyPatch, repository: Path, tmp_path: Path, epoch: float | None, shown: float
) -> None:
    """An event must not be older than the middleware that is told of it, only because the data were many."""
    an_hour_ago = SimpleNamespace(time=lambda: shown - 3600.0, monotonic=lambda: time.monotonic() - 3600.0)
    monkeypatch.setattr(preparation, "time", an_hour_ago)

    async def main() -> None:
        setup = load_estate(find_project(str(repository), {}, repository), "three-plants")
        prepared = prepare_live(
            setup,
            generate_data(setup, 1),
            run="clock",
            seed=1,
            epoch=epoch,
            speed=1.0,
            directory=tmp_path,
            documents={},
            elsewhere=lambda _: PlainTextResponse("here is nothing else", 404),
        )
        async with prepared.host as host:
            host.world.advance()
            assert abs(host.world.unix() - shown) < 300.0

    asyncio.run(main())
