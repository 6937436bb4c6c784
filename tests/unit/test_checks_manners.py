"""`manners` warns of planted rudeness and stays silent on polite guests of every kind."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pilotplant.checks.finding import Severity
from pilotplant.checks.judge import Judgement
from pilotplant.ledger.records import (
    Crash,
    Ending,
    FaultBitten,
    Reject,
    Request,
    ResponseEnd,
    ResponseFirst,
    Restart,
    Reveals,
)
from pilotplant.target.model import Declares
from tests.unit.histories import CONFIRMATION, DE, History, kinds, shipped_flow

ERP = "erp"
POST = "erp.stock.post"
TOKEN = "auth.token"


@dataclass
class Guest:
    """Requests by hand, at the moments that the test says."""

    history: History

    def send(self, t: float, content: int = 1, *, operation: str = POST) -> int:
        """A request whose last byte arrived; equal content is the very same request."""
        ledger = self.history.ledger
        number = ledger.operations[operation]
        fingerprint = 0 if operation == TOKEN else content
        return ledger.write(Request, t, ledger.systems[ERP], number, (), "", fingerprint, 1, "", 1, 0)

    def refuse(self, t: float, exchange: int, status: int, code: str, *, wait_s: float = 0.0) -> None:
        """It is refused before it is carried out."""
        ledger = self.history.ledger
        system, operation = ledger.systems[ERP], ledger.operations[POST]
        definite = status < 500
        ledger.write(Reject, t, system, exchange, operation, "", 0, code, status, definite, True, wait_s)
        self.answer(t, exchange, status)

    def answer(self, t: float, exchange: int, status: int = 201) -> None:
        """An answer goes out."""
        ledger = self.history.ledger
        ledger.write(ResponseFirst, t, ledger.systems[ERP], exchange, status, Reveals.OWN)
        self.end(t, exchange)

    def end(self, t: float, exchange: int, ending: Ending = Ending.SENT) -> None:
        """The exchange is over."""
        ledger = self.history.ledger
        ledger.write(ResponseEnd, t, ledger.systems[ERP], exchange, ending, 0)

    def fail(self, t: float, content: int = 1) -> None:
        """A request to which no answer comes."""
        self.end(t, self.send(t, content), Ending.RESET)

    def fetch_token(self, t: float) -> None:
        """A token is fetched."""
        self.answer(t, self.send(t, operation=TOKEN), 200)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """A guest in a run where everything else goes well."""
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE))
    return Guest(history)


def warned(judgement: Judgement) -> set[str]:
    """What it warns of; nothing of it fails a run."""
    assert all(finding.severity is Severity.WARN for finding in judgement.findings)
    assert {finding.check for finding in judgement.findings} <= {"manners"}
    return kinds(judgement, "manners")


def refused_times(guest: Guest, times: int) -> None:
    for number in range(times):
        guest.refuse(1.0 + number, guest.send(1.0 + number), 422, "period-closed")


@pytest.mark.parametrize(
    ("times", "kind"),
    [(1, set()), (3, set()), (4, {"permanent-refusal"}), (7, {"permanent-refusal"}), (8, {"poison"}), (50, {"poison"})],
)
def test_the_same_refused_for_good_again_and_again(guest: Guest, times: int, kind: set[str]) -> None:
    refused_times(guest, times)
    assert warned(guest.history.judge()) == kind


def test_what_was_refused_for_a_while_and_then_accepted_was_worth_asking(guest: Guest) -> None:
    refused_times(guest, 9)
    guest.answer(20.0, guest.send(20.0))
    assert warned(guest.history.judge()) == set()


def test_other_content_each_time_is_no_repetition(guest: Guest) -> None:
    for number in range(20):
        guest.refuse(1.0, guest.send(1.0, number + 1), 422, "period-closed")
    assert warned(guest.history.judge()) == set()


def test_what_a_fault_answers_is_not_the_word_of_the_system(guest: Guest) -> None:
    for number in range(20):
        exchange = guest.send(1.0 + number)
        guest.history.ledger.write(FaultBitten, 1.0 + number, "refused", guest.history.ledger.systems[ERP], exchange)
        guest.refuse(1.0 + number, exchange, 404, "no-such-operation")
    assert warned(guest.history.judge()) == set()


def test_what_is_refused_for_another_reason_each_time_is_being_mended(guest: Guest) -> None:
    for number in range(20):
        guest.refuse(1.0 + number, guest.send(1.0 + number), 422, f"reason-{number}")
    assert warned(guest.history.judge()) == set()


def test_a_new_life_knows_nothing_of_earlier_refusals(guest: Guest) -> None:
    for life in range(5):
        refused_times(guest, 2)
        guest.history.ledger.write(Crash, 10.0 * life, life, "")
        guest.history.ledger.write(Restart, 10.0 * life, life + 1)
    assert warned(guest.history.judge()) == set()


@pytest.mark.parametrize(("pause_s", "kind"), [(0.001, {"retry-storm"}), (0.04, {"retry-storm"}), (0.1, set())])
def test_retries_without_pause(guest: Guest, pause_s: float, kind: set[str]) -> None:
    for number in range(7):
        guest.fail(1.0 + number * pause_s)
    assert warned(guest.history.judge()) == kind


def test_one_retry_at_once_and_then_backoff_is_polite(guest: Guest) -> None:
    t = 1.0
    for number in range(30):
        guest.fail(t)
        t += 0.001 if number % 3 == 0 else 0.5
    assert warned(guest.history.judge()) == set()


def test_who_timed_out_may_have_waited_long_before_it_tries_again(guest: Guest) -> None:
    """The estate ends the exchange only when its own delay is over: the caller had left long before."""
    for number in range(9):
        guest.end(2.0 + number, guest.send(1.0 + number), Ending.CALLER_GONE)
    assert warned(guest.history.judge()) == set()


@pytest.mark.parametrize(("pause_s", "kind"), [(0.2, {"retry-after"}), (2.0, set()), (2.3, set())])
def test_retry_after(guest: Guest, pause_s: float, kind: set[str]) -> None:
    for number in range(4):
        t = 1.0 + number * pause_s
        guest.refuse(t, guest.send(t), 429, "rate-limited", wait_s=2.0)
    assert warned(guest.history.judge()) == kind


def test_others_may_come_while_one_has_to_wait(guest: Guest) -> None:
    guest.refuse(1.0, guest.send(1.0), 429, "rate-limited", wait_s=5.0)
    for number in range(2, 9):
        guest.answer(1.1, guest.send(1.1, number))
    assert warned(guest.history.judge()) == set()


@pytest.mark.parametrize(("spread_s", "kind"), [(0.0, {"herd"}), (0.02, {"herd"}), (1.0, set())])
def test_all_come_back_at_once(guest: Guest, spread_s: float, kind: set[str]) -> None:
    for number in range(40):
        guest.fail(1.0 + number / 100, 100 + number)
    for number in range(40):
        t = 5.0 + spread_s * number / 40
        guest.answer(t, guest.send(t, 100 + number))
    assert warned(guest.history.judge()) == kind


def test_all_come_when_the_wait_that_was_asked_for_is_over(guest: Guest) -> None:
    for number in range(40):
        guest.fail(1.0 + number / 100, 100 + number)
    guest.refuse(3.0, guest.send(3.0, 999), 429, "rate-limited", wait_s=2.0)
    for number in range(40):
        guest.answer(5.01, guest.send(5.01, 100 + number))
    assert warned(guest.history.judge()) == set()


def test_a_few_coming_back_together_are_no_herd(guest: Guest) -> None:
    for number in range(10):
        guest.fail(1.0, 100 + number)
    for number in range(10):
        guest.answer(5.0, guest.send(5.0, 100 + number))
    assert warned(guest.history.judge()) == set()


@pytest.mark.parametrize(("took_s", "kind"), [(4.9, set()), (6.0, set()), (9.0, {"no-timeout"})])
def test_it_waits_longer_than_it_declares(guest: Guest, took_s: float, kind: set[str]) -> None:
    guest.answer(1.0 + took_s, guest.send(1.0))
    assert warned(guest.history.judge(declares=Declares(timeout=5.0))) == kind


def test_who_left_in_time_did_not_wait(guest: Guest) -> None:
    guest.end(60.0, guest.send(1.0), Ending.CALLER_GONE)
    assert warned(guest.history.judge(declares=Declares(timeout=5.0))) == set()


def test_who_declares_nothing_may_wait(guest: Guest) -> None:
    guest.answer(600.0, guest.send(1.0))
    assert warned(guest.history.judge()) == set()


@pytest.mark.parametrize(("at_once", "kind"), [(8, set()), (9, {"concurrency"})])
def test_more_at_once_than_declared(guest: Guest, at_once: int, kind: set[str]) -> None:
    exchanges = [guest.send(1.0, 100 + number) for number in range(at_once)]
    for exchange in exchanges:
        guest.answer(2.0, exchange)
    assert warned(guest.history.judge(declares=Declares(concurrency=8))) == kind


def test_who_may_have_left_does_not_count_as_open(guest: Guest) -> None:
    left = [guest.send(1.0, 100 + number) for number in range(8)]
    stayed = [guest.send(2.0, 200 + number) for number in range(8)]
    for exchange in stayed:
        guest.answer(3.0, exchange)
    for exchange in left:
        guest.end(9.0, exchange, Ending.CALLER_GONE)
    assert warned(guest.history.judge(declares=Declares(concurrency=8))) == set()


def test_two_instances_may_have_twice_as_many(guest: Guest) -> None:
    for incarnation in (1, 2):
        guest.history.ledger.write(Restart, 0.5, incarnation)
    exchanges = [guest.send(1.0, 100 + number) for number in range(16)]
    for exchange in exchanges:
        guest.answer(2.0, exchange)
    assert warned(guest.history.judge(declares=Declares(concurrency=8))) == set()


@pytest.mark.parametrize(("gap_s", "kind"), [(0.01, {"stampede"}), (1.0, set())])
def test_tokens_all_at_once(guest: Guest, gap_s: float, kind: set[str]) -> None:
    for number in range(8):
        guest.fetch_token(1.0 + number * gap_s)
    assert warned(guest.history.judge()) == kind


@pytest.mark.parametrize(("renews", "kind"), [(False, {"kept-token"}), (True, set())])
def test_a_token_that_has_expired_is_kept(guest: Guest, renews: bool, kind: set[str]) -> None:
    guest.fetch_token(0.5)
    for number in range(6):
        guest.refuse(1.0 + number, guest.send(1.0 + number, 100 + number), 401, "unauthorized")
        if renews:
            guest.fetch_token(1.01 + number)
    for number in range(6):
        guest.answer(20.0, guest.send(20.0, 100 + number))
    assert warned(guest.history.judge()) == kind


def test_many_that_are_under_way_when_a_token_expires(guest: Guest) -> None:
    guest.fetch_token(0.5)
    for number in range(30):
        guest.refuse(1.0 + number / 100, guest.send(1.0, 100 + number), 401, "unauthorized")
    token = guest.send(1.3, operation=TOKEN)
    for number in range(30):  # the token endpoint is slow, and some do not know yet
        guest.refuse(4.0, guest.send(4.0, 200 + number), 401, "unauthorized")
    guest.answer(6.0, token, 200)
    for number in range(30):
        guest.answer(7.0, guest.send(7.0, 100 + number))
        guest.answer(7.0, guest.send(7.0, 200 + number))
    assert warned(guest.history.judge()) == set()


@pytest.mark.parametrize(("gives_up", "kind"), [(True, {"gives-up-on-401"}), (False, set())])
def test_a_401_is_the_last_word(guest: Guest, gives_up: bool, kind: set[str]) -> None:
    guest.fetch_token(0.5)
    event = guest.history.finish_order(DE)
    guest.history.deliver(event)
    guest.refuse(1.0, guest.send(1.0), 401, "unauthorized")
    if not gives_up:
        guest.fetch_token(1.0)
        guest.answer(1.1, guest.send(1.1))
        guest.history.post(guest.history.posting(event))
    assert kinds(guest.history.judge(), "manners") == kind


def test_an_exchange_that_is_open_at_the_end_convicts_of_nothing(guest: Guest) -> None:
    guest.send(1.0)
    assert warned(guest.history.judge(declares=Declares(timeout=5.0, concurrency=1))) == set()


def test_it_says_what_came_and_what_was_asked(guest: Guest) -> None:
    refused_times(guest, 5)
    (finding,) = guest.history.judge().findings
    assert finding.sentence.startswith("ERP refused the very same erp.stock.post for good 5 times (period-closed, ")
    assert [proof.towards for proof in finding.proof] == ["ERP"] * 4
