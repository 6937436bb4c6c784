"""`pilotplant init`: a project of one's own, in the same shape as Pilotplant's repository."""

from pathlib import Path
from typing import Annotated

import typer

from pilotplant.cli.frame import guarded
from pilotplant.model.verdict import Exit

_CONTENT = ("simulators", "scenarios", "contracts/flows", "loadtests")

_SETTINGS = """\
# The settings of this project; a flag or a PILOTPLANT_* variable counts before them.
target = "mine"
"""

_TARGET = """\
# Your middleware. `start` is left out where it runs already; see docs/connect.md.
target: mine
about: The middleware under test.
start:
  # {port} is a free port, {python} this interpreter, {work} a directory of the run. Addresses and credentials of the
  # simulators come as PILOTPLANT_<SYSTEM>_URL, …_TOKEN_URL, …_CLIENT_ID, …_CLIENT_SECRET, …_API_KEY.
  command: [./start-my-middleware, --port, "{port}"]
  ready: {url: "http://127.0.0.1:{port}/health", within: 15s}
# Python middleware can also be built in one process on a virtual clock, for --mode inprocess; see docs/inprocess.md:
# inprocess: {factory: "my_package.module:create"}
deliver: {url: "http://127.0.0.1:{port}/events"}
declares: {backoff_cap: 2s}
"""

_CI = {
    "github": (
        ".github/workflows/pilotplant.yml",
        """\
name: pilotplant
on: [push, pull_request]
jobs:
  integration:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.11"}
      - run: pip install pilotplant
      - run: pilotplant run eco-cascade --format github
      - uses: actions/upload-artifact@v4
        if: always()
        with: {name: pilotplant, path: reports/runs}
""",
    ),
    "gitlab": (
        ".gitlab-ci.yml",
        """\
pilotplant:
  image: python:3.11
  script:
    - pip install pilotplant
    - pilotplant run eco-cascade
  artifacts:
    when: always
    paths: [reports/runs]
    reports:
      junit: reports/runs/*/junit.xml
""",
    ),
    "jenkins": (
        "Jenkinsfile",
        """\
pipeline {
  agent any
  stages {
    stage('pilotplant') {
      steps {
        sh 'python3 -m venv .venv && .venv/bin/pip install pilotplant && .venv/bin/pilotplant run eco-cascade'
      }
    }
  }
  post {
    always {
      junit 'reports/runs/*/junit.xml'
      archiveArtifacts 'reports/runs/**'
    }
  }
}
""",
    ),
}


@guarded
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; this folder if none.")] = Path(),
    ci: Annotated[
        str | None,
        typer.Option("--ci", metavar="github|gitlab|jenkins", help="Also write a pipeline that gates on a run."),
    ] = None,
) -> int:
    """Make a project: estates, profiles, flows and scenarios to edit, and a target to fill in. Nothing is
    overwritten."""
    from pilotplant.model.errors import UsageError
    from pilotplant.resources import bundled

    if ci is not None and ci not in _CI:
        raise UsageError(f"--ci {ci} is not one of {', '.join(_CI)}")
    if ci is not None and (directory / "pilotplant.toml").exists():
        name, content = _CI[ci]
        _write(directory, {Path(name): content.encode()})
        return Exit.PASS
    files: dict[Path, bytes] = {
        Path("pilotplant.toml"): _SETTINGS.encode(),
        Path("targets/mine.yaml"): _TARGET.encode(),
        Path("reports/.gitignore"): b"runs/\n",
    }
    source = bundled()
    for folder in _CONTENT:
        for path in sorted((source / folder).rglob("*.yaml")):
            files[path.relative_to(source)] = path.read_bytes()
    if ci is not None:
        name, content = _CI[ci]
        files[Path(name)] = content.encode()
    _write(directory, files)
    print(f"next: fill in {directory / 'targets' / 'mine.yaml'}, then: pilotplant run eco-cascade")
    return Exit.PASS


def _write(directory: Path, files: dict[Path, bytes]) -> None:
    from pilotplant.model.errors import UsageError

    taken = [str(path) for path in files if (directory / path).exists()]
    if taken:
        raise UsageError(
            f"{directory / taken[0]} is there already; nothing was written", help="Choose an empty folder."
        )
    for path, content in files.items():
        target = directory / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise UsageError(f"cannot write {target}: {error.strerror}") from None
        print(f"  {target}")
