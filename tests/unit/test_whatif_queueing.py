"""The workers of a model keep to queueing theory: M/M/c and M/D/1, within 95 % intervals over replications."""

from math import factorial, sqrt
from statistics import fmean, stdev

import pytest
import simpy

from pilotplant.drive.whatif.crews import Crews
from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.times import TimeSpec
from pilotplant.kernel.draws import Draws

REPLICATIONS = 12
CUSTOMERS = 6_000
WARM_UP = 1_000
T_11 = 2.200985
"""The 97.5 % quantile of Student's distribution with 11 degrees of freedom."""


class Customer:
    """Somebody who waits."""

    flow_name = "queue"
    keys: tuple[str, ...] = ()


def mean_wait_s(seed: int, servers: int, rate: float, service: TimeSpec) -> float:
    """What one replication says of the time in the queue."""
    env, chance = simpy.Environment(), Draws(seed).stream(f"arrivals|{servers}")
    spec = ModelSpec.model_validate({"workers": servers, "queue": "fifo"})
    served = Draws(seed).stream(f"service|{servers}")
    begun = 0
    waited_before_s = 0.0

    def begin(customer: Customer) -> None:
        nonlocal begun, waited_before_s
        begun += 1
        if begun == WARM_UP:
            waited_before_s = crews.figures.waited_s
        done = env.timeout(service.at(served.random()))
        assert done.callbacks is not None
        done.callbacks.append(lambda _event: crews.done(customer))

    crews = Crews(env, spec, begin)
    moment = 0.0
    for _ in range(CUSTOMERS):
        moment += chance.expovariate(rate)
        arrives = env.timeout(moment)
        assert arrives.callbacks is not None
        arrives.callbacks.append(lambda _event: crews.add(Customer()))
    env.run()
    assert crews.figures.begun == CUSTOMERS
    return (crews.figures.waited_s - waited_before_s) / (CUSTOMERS - WARM_UP)


def erlang_c(servers: int, load: float) -> float:
    """The share of those who have to wait in M/M/c."""
    last = load**servers / factorial(servers) * servers / (servers - load)
    return last / (sum(load**k / factorial(k) for k in range(servers)) + last)


def within_interval(samples: list[float], expected: float) -> bool:
    """Whether the 95 % interval of the mean covers the expected value."""
    half = T_11 * stdev(samples) / sqrt(len(samples))
    assert half < 0.25 * expected, "an interval that covers everything shows nothing"
    return abs(fmean(samples) - expected) <= half


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.6), (3, 2.1), (8, 6.0)])
def test_m_m_c(servers: int, rate: float) -> None:
    expected = erlang_c(servers, rate) / (servers - rate)
    service = TimeSpec(kind="exponential", mean=1.0)
    samples = [mean_wait_s(seed, servers, rate, service) for seed in range(1000, 1000 + REPLICATIONS)]
    assert within_interval(samples, expected)


def test_m_d_1() -> None:
    rate = 0.7
    samples = [mean_wait_s(seed, 1, rate, TimeSpec(mean=1.0)) for seed in range(1000, 1000 + REPLICATIONS)]
    assert within_interval(samples, rate / (2 * (1 - rate)))


def test_a_queue_that_is_not_what_theory_says_is_noticed() -> None:
    rate = 0.7
    samples = [mean_wait_s(seed, 1, rate, TimeSpec(mean=1.0)) for seed in range(1000, 1000 + REPLICATIONS)]
    assert not within_interval(samples, rate / (1 - rate)), "that would be M/M/1, which waits twice as long"
