"""Every error that a user of the harness can meet: one base class, one registry.

    PilotplantError            code, message, place, help, exit code
      UsageError               the command line or the configuration is wrong (exit 2)
      DocumentError            one or more YAML documents are wrong; carries all problems at once (exit 2)
      TargetError              the middleware cannot be reached, started or stopped (exit 5)
      LedgerError              a ledger cannot be read (exit 2)
      InternalError            a defect of Pilotplant itself (exit 70)

Problems that a *simulator* answers on the wire are another thing: `problem.py`.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from pilotplant.model.verdict import Exit


@dataclass(frozen=True)
class ErrorKind:
    """An entry of the registry: what `pilotplant explain CODE` prints."""

    code: str
    meaning: str
    help: str
    exit: Exit


REGISTRY: dict[str, ErrorKind] = {}


def define(code: str, meaning: str, help: str, exit: Exit = Exit.USAGE) -> ErrorKind:
    """Enter an error into the registry; codes are unique for good."""
    assert code not in REGISTRY, f"error code {code} is defined twice"
    REGISTRY[code] = ErrorKind(code, meaning, help, exit)
    return REGISTRY[code]


class PilotplantError(Exception):
    """Base of every error a user can meet; never shown as a traceback."""

    default: ClassVar[ErrorKind]

    def __init__(self, message: str, *, kind: ErrorKind | None = None, help: str = "") -> None:
        super().__init__(message)
        self.kind = kind or self.default
        self.message = message
        self.help = help or self.kind.help

    @property
    def exit(self) -> Exit:
        """The process exit code that this error stands for."""
        return self.kind.exit


class UsageError(PilotplantError):
    """The command line, the environment or the project configuration is wrong."""

    default = define("PP-USAGE", "The command was called in a way that cannot work.", "See --help of the command.")


class TargetError(PilotplantError):
    """The middleware under test cannot be reached, started or stopped."""

    default = define(
        "PP-TARGET",
        "The middleware under test could not be started or reached.",
        "Is the address right, and does the process listen there? Its own output is target.log in the run directory.",
        Exit.UNREACHABLE,
    )


class LedgerError(PilotplantError):
    """A ledger file cannot be read."""

    default = define(
        "PP-LEDGER",
        "The file is not a ledger, or was written by an incompatible version.",
        "Name a run directory of `reports/runs`, or its ledger.msgpack.",
    )


class InternalError(PilotplantError):
    """A defect of Pilotplant itself: a behaviour, check or driver broke."""

    default = define(
        "PP-INTERNAL",
        "Pilotplant itself failed; the verdict of this run is unknown.",
        "Please report it with the run directory: it holds the seed and the ledger up to the failure.",
        Exit.INTERNAL,
    )


define("PP-FILE", "A file cannot be read.", "Is the path right, may you read it, and is it a text file in UTF-8?")
define("PP-NOT-FOUND", "Nothing in the project has this name.", "`pilotplant list` shows what there is.")
define(
    "PP-YAML-SYNTAX",
    "The text is not YAML.",
    "YAML is `key: value` and `- entry`, each level indented by spaces.",
)
define(
    "PP-YAML-DUPLICATE-KEY", "A mapping has the same key twice.", "Remove or rename one: only one of them could count."
)
define(
    "PP-YAML-LIMIT",
    "A document is too large, too deep, or grows too large by its aliases.",
    "Divide it, or use fewer aliases.",
)
define("PP-TOML-SYNTAX", "The text is not TOML.", "Texts stand in double quotes, lists in brackets.")
define(
    "PP-FIELD-UNKNOWN",
    "A field that does not exist there.",
    "`pilotplant schema KIND` prints the fields for your editor.",
)
define("PP-FIELD-MISSING", "A field that has to be there is not.", "Add it below the marked place.")
define(
    "PP-FIELD-TYPE",
    "A value has the wrong type: text, number, list or mapping.",
    "`pilotplant schema KIND` prints for your editor what is accepted.",
)
define(
    "PP-VALUE",
    "A value is not one that is accepted there.",
    "`pilotplant schema KIND` prints for your editor what is accepted.",
)
define(
    "PP-PACT",
    "A pact cannot be read.",
    "Pacts are JSON documents as Pact libraries write them; `pilotplant contracts verify` reads versions 1 to 4.",
)
define(
    "PP-BROKER",
    "A Pact Broker did not answer as one.",
    "Name the base address of the broker. Credentials are read from PACT_BROKER_TOKEN, or PACT_BROKER_USERNAME and"
    " PACT_BROKER_PASSWORD.",
    Exit.UNREACHABLE,
)
define("PP-REFERENCE", "A name refers to something that does not exist.", "Define it, or correct the name.")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a document, with its place."""

    code: str
    message: str
    path: str
    line: int = 0
    column: int = 0
    excerpt: str = ""
    help: str = ""


@dataclass(eq=False)
class DocumentError(PilotplantError):
    """Documents are wrong; all problems of all documents are carried at once."""

    problems: list[Problem] = field(default_factory=list)
    default: ClassVar[ErrorKind] = define(
        "PP-DOCUMENT",
        "A YAML document of the project is invalid.",
        "Each problem names file, line and column; `pilotplant schema KIND` prints the schema for your editor.",
    )

    def __post_init__(self) -> None:
        super().__init__(f"{len(self.problems)} problem(s) found")
