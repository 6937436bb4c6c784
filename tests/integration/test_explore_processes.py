"""The processes of a campaign: what they compute comes back, what breaks in them is told, none is left."""

import os
import signal
from multiprocessing import active_children
from multiprocessing.process import BaseProcess

import pytest

from pilotplant.explore.processes import processes
from pilotplant.model.errors import InternalError, TargetError, UsageError


def product(a: int, b: int) -> int:
    return a * b


def refuse() -> None:
    raise TargetError("it does not start", help="start it")


def vanish() -> None:
    os._exit(3)


def test_results_come_back() -> None:
    with processes(2) as pool:
        assert [future.result() for future in [pool.submit(product, n, 3) for n in range(5)]] == [0, 3, 6, 9, 12]
    assert not active_children()


def test_an_error_arrives_as_it_was_raised() -> None:
    with processes(1) as pool, pytest.raises(TargetError, match="it does not start") as caught:
        pool.submit(refuse).result()
    assert caught.value.help == "start it" and caught.value.exit == 5


def test_a_process_that_ends_by_itself_is_told_and_is_no_pass() -> None:
    with pytest.raises(InternalError, match="ended by itself"), processes(1) as pool:
        pool.submit(vanish).result()
    assert not active_children()


def test_whatever_goes_wrong_no_process_is_left_and_sigterm_means_again_what_it_meant() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(UsageError, match="planted"), processes(2) as pool:
        assert pool.submit(product, 2, 3).result() == 6
        assert signal.getsignal(signal.SIGTERM) is not before
        raise UsageError("planted")
    assert not active_children() and signal.getsignal(signal.SIGTERM) is before


def test_a_second_sigterm_does_not_end_the_clean_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of processes that is ended, as `timeout` does it, is told twice."""
    asked = []

    def asked_again() -> list[BaseProcess]:
        signal.raise_signal(signal.SIGTERM)
        asked.append(True)
        return active_children()

    with pytest.raises(KeyboardInterrupt), processes(1) as pool:
        assert pool.submit(product, 2, 3).result() == 6
        monkeypatch.setattr("pilotplant.explore.processes.active_children", asked_again)
        signal.raise_signal(signal.SIGTERM)
    assert asked and not active_children()


class Swallows:
    """Something that is interrupted while it is thrown away, where Python only prints what is raised."""

    def __del__(self) -> None:
        raise KeyboardInterrupt


def throw_away() -> int:
    Swallows()
    return 1


def test_an_interruption_that_is_swallowed_ends_the_process_without_a_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(InternalError, match="ended by itself"), processes(1) as pool:
        pool.submit(throw_away).result()
    assert "Traceback" not in capfd.readouterr().err and not active_children()
