"""How errors look: to people, to programs, to GitHub."""

import json

import pytest

from pilotplant.cli.rendering import render
from pilotplant.model.documents import Document
from pilotplant.model.errors import DocumentError, Problem, UsageError

UNKNOWN = Problem(
    "PP-FIELD-UNKNOWN",
    "unknown field `estat`; did you mean `estate`?",
    "scenarios/x.yaml",
    12,
    5,
    "    estat: three-plants\n    ^~~~~",
    "The fields here are `estate`.",
)


def test_a_problem_as_text() -> None:
    assert render(DocumentError([UNKNOWN])) == (
        "scenarios/x.yaml:12:5: PP-FIELD-UNKNOWN unknown field `estat`\n"
        "  12 |     estat: three-plants\n"
        "     |     ^~~~~\n"
        "  did you mean `estate`?\n"
        "  help: The fields here are `estate`.\n"
        "\n"
        "1 problem. `pilotplant explain PP-FIELD-UNKNOWN` says more.\n"
    )


def test_problems_without_a_line_and_errors_without_problems_as_text() -> None:
    text = render(DocumentError([Problem("PP-FILE", "there is no such file", "x.yaml"), UNKNOWN]))
    assert text.startswith("x.yaml: PP-FILE there is no such file\n\nscenarios/x.yaml:12:5: ")
    assert text.endswith("2 problems. `pilotplant explain PP-FILE` says more.\n")
    assert render(UsageError("no such flag", help="Try --help.")) == "PP-USAGE no such flag\n  help: Try --help.\n"


def test_errors_as_json() -> None:
    (error,) = json.loads(render(DocumentError([UNKNOWN]), "json")).values()
    assert (error["code"], error["message"]) == ("PP-DOCUMENT", "1 problem(s) found")
    (problem,) = error["problems"]
    assert (problem["path"], problem["line"], problem["column"]) == ("scenarios/x.yaml", 12, 5)
    usage = json.loads(render(UsageError("no ü", help="h"), "json"))
    assert usage == {"error": {"code": "PP-USAGE", "message": "no ü", "help": "h", "problems": []}}


def test_errors_as_annotations() -> None:
    awkward = Problem("PP-VALUE", "100 % wrong:\na, b", "a:b,c%.yaml", 3, 1, "", "Help\r\nme")
    assert render(DocumentError([awkward]), "github") == (
        "::error file=a%3Ab%2Cc%25.yaml,line=3,col=1,title=PP-VALUE::100 %25 wrong:%0Aa, b%0AHelp%0Ame\n"
    )
    assert render(UsageError("no", help="h"), "github") == "::error title=PP-USAGE::no%0Ah\n"
    nowhere = Problem("PP-FILE", "gone", "x.yaml")
    assert render(DocumentError([nowhere]), "github") == "::error title=PP-FILE::x.yaml: gone\n"


def test_github_gets_ten_annotations() -> None:
    lines = render(DocumentError([UNKNOWN] * 12), "github").splitlines()
    assert [line[:7] for line in lines] == ["::error"] * 10 + ["2 more;"]


@pytest.mark.parametrize("format", ["text", "github"])
def test_a_document_cannot_speak_to_the_terminal_or_to_github(format: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Document.parse("a: \x1b[31m\n", "x.yaml")
    hostile = Problem("PP-VALUE", "got \x1b]0;x\x07\n::error::fake", "x\n::stop.yaml", 1, 1, "\x1b[2J\n^", "\u202ehelp")
    text = render(DocumentError([*caught.value.problems, hostile]), format)
    assert not set(text) & {"\x1b", "\x07", "\r", "\u202e"}
    assert len([line for line in text.splitlines() if line.startswith("::")]) == (2 if format == "github" else 0)
