"""Where the target keeps its files during a run: a folder of its own, which a cold restart empties."""

import shutil
from pathlib import Path


class Files:
    """The folder that `{work}` stands for."""

    def __init__(self, directory: Path) -> None:
        self.work = (directory / "target").absolute()

    def make(self) -> Path:
        """See that it is there."""
        self.work.mkdir(parents=True, exist_ok=True)
        return self.work

    def clear(self) -> None:
        """Lose everything in it, as a host does that is replaced by another."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.make()
