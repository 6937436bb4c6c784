"""How much a middleware carries: arrivals that do not wait for answers, driven from outside, judged like every run."""

from pathlib import Path


def planned_locustfile_path() -> Path:
    """The file that Locust is started with to carry out a plan."""
    return Path(__file__).parent / "planned_locustfile.py"
