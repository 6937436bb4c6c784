"""Everyday commands that work the same on every platform; each runs in the environment nox was started from."""

import sys

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests", "lint", "types"]


def python(session: nox.Session, *arguments: str) -> None:
    """Run this environment's own Python, whether or not the environment is activated."""
    session.run(sys.executable, *arguments)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; what follows `--` goes to pytest."""
    python(session, "-m", "pytest", "-q", *(session.posargs or ["-n", "2"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check rules and formatting."""
    python(session, "-m", "ruff", "check", ".")
    python(session, "-m", "ruff", "format", "--check", ".")


@nox.session(name="format")
def reformat(session: nox.Session) -> None:
    """Mend what ruff can mend by itself."""
    python(session, "-m", "ruff", "check", "--fix", ".")
    python(session, "-m", "ruff", "format", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and with pyright."""
    python(session, "-m", "mypy", "--strict", "src", "tests")
    python(session, "-m", "pyright", "--pythonpath", sys.executable)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks; what follows `--` goes to them."""
    python(session, "-m", "benchmarks", *session.posargs)
