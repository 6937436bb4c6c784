"""For plain Locust, with its web interface, against an estate that is up:

    pilotplant up --deliver http://127.0.0.1:8080/events    # prints where it listens; your middleware is told there
    locust -f loadtests/locustfile.py --host http://127.0.0.1:PORT

Each user is somebody in a plant or in engineering. How often they act is theirs to say: change the lines below. The
rows of type STIMULUS are how long it took to tell the estate; those of type FLOW are ours: from the moment at which
something was meant to happen until the last system had it. Users of Locust wait for the estate and not for your
middleware, so a slow one gets no less work.
"""

from locust import constant_throughput, task

from pilotplant.load.swarm import Source


class Operator(Source):
    """Reports a finished order once a second."""

    weight = 9
    wait_time = constant_throughput(1)

    @task
    def finish_an_order(self) -> None:
        """An order is done: stock has to follow."""
        self.stimulus("mes.order.complete")


class Engineer(Source):
    """Releases a change twice a minute."""

    weight = 1
    wait_time = constant_throughput(2 / 60)

    @task
    def release_a_change(self) -> None:
        """A change is released: ERP and shop floors have to follow."""
        self.stimulus("plm.change.release", affected_median=1, affected_p95=3)
