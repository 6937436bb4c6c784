"""YAML that people write: what is read, what is refused, and that every problem is told at once, at its place."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pilotplant.model import yaml_positions
from pilotplant.model.documents import SIZE_MAX, Document, Problems, read_and_validate
from pilotplant.model.editor_schema import DRAFT, json_schema
from pilotplant.model.errors import REGISTRY, DocumentError, Problem


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OAuth(Strict):
    kind: Literal["oauth2"]
    life_s: Annotated[float, Field(gt=0)] = 60.0


class ApiKey(Strict):
    kind: Literal["api-key"]


def _shorthand(value: object) -> object:
    return {"step": value} if isinstance(value, str) else value


class After(Strict):
    step: str
    over: str = ""


class Step(Strict):
    commit: str
    by: Annotated[tuple[str, ...], Field(min_length=1)]
    actor: Literal["target", "native", "either"] = "target"
    after: tuple[Annotated[After, BeforeValidator(_shorthand)], ...] = ()


class Plant(Strict):
    estate: str
    for_: Annotated[int | None, Field(alias="for")] = None
    share: float = 0.5
    open: bool = True
    auth: Annotated[OAuth | ApiKey, Field(discriminator="kind")] = OAuth(kind="oauth2")
    source: str | list[str] = ""
    size: int | Literal["small", "large"] = "small"
    steps: dict[Annotated[str, Field(pattern="^[a-z]+$")], Step] = {}
    option: Step | After | None = None


def refused(text: str, model: type[BaseModel] | None = Plant) -> list[Problem]:
    """What is wrong with a document."""
    with pytest.raises(DocumentError) as caught:
        document = Document.parse(text, "x.yaml")
        if model is not None:
            document.validate(model)
    return caught.value.problems


def told(text: str, model: type[BaseModel] | None = Plant) -> list[str]:
    """The same, one line each."""
    return [f"{p.line}:{p.column} {p.code} {p.message}" for p in refused(text, model)]


# --- What values are -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(text, text) for text in ("no", "yes", "on", "off", "12:30", "0010", "2026-01-01", "1_000", ".inf", "1.2.3")],
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("-12", -12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!float 1", 1),
    ],
)
def test_only_truth_null_and_plain_numbers_are_more_than_text(written: str, value: object) -> None:
    data = Document.parse(f"a: {written}", "x.yaml").data
    assert data == {"a": value} and type(data["a"]) is type(value)


def test_keys_are_what_is_written() -> None:
    assert Document.parse("on: 1\n1: 2\nnull: 3\n1.10: 4\ntrue: 5\n", "x").data == {
        "on": 1,
        "1": 2,
        "null": 3,
        "1.10": 4,
        "true": 5,
    }


def test_aliases_and_merge_keys_work() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {x: 9, z: 4}]}\nd: *a\n"
    a = {"x": 1, "y": 2}
    assert Document.parse(text, "x").data == {"a": a, "b": {"y": 3, "x": 1}, "c": {"x": 1, "y": 2, "z": 4}, "d": a}


def test_tabs_inside_texts_are_content() -> None:
    text = "# \tcomment\na: |\n  one\n  \ttwo\nb: 'x\n\ty'\nc:\t1\n  \t# comment\n"
    assert Document.parse(text, "x").data == {"a": "one\n\ttwo\n", "b": "x y", "c": 1}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfestate: a\r\nopen: maybe\r\n")
    with pytest.raises(DocumentError) as caught:
        Document.read(path).validate(Plant)
    assert [(p.line, p.column) for p in caught.value.problems] == [(2, 7)]


def test_the_parser_in_pure_python_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &a [1, {b: 'c'}]\nd: *a\n"
    expected = Document.parse(text, "x").data
    monkeypatch.setattr(yaml_positions, "LOADER", yaml.SafeLoader)
    assert Document.parse(text, "x").data == expected
    assert told("a: b: c", None) == ["1:5 PP-YAML-SYNTAX `: ` cannot stand here"]
    assert told("[" * 10_000, None) == ["1:101 PP-YAML-LIMIT values are nested more than 100 deep"]


# --- What is refused -------------------------------------------------------------------------------------------------

BILLION_LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 64))
MERGED_LAUGHS = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{l: *a{i - 1}, r: *a{i - 1}}}\n" for i in range(1, 64))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "1:1 PP-YAML-SYNTAX the document is empty", id="empty"),
        pytest.param("# nothing\n", "1:1 PP-YAML-SYNTAX the document is empty", id="only a comment"),
        pytest.param("a:\n\tb: 1\n", "2:1 PP-YAML-SYNTAX a tab indents this line", id="tab"),
        pytest.param("a: b\n\tc\n", "2:1 PP-YAML-SYNTAX a tab indents this line", id="tab that YAML would swallow"),
        pytest.param("a: [1,\n \t2]\n", "2:2 PP-YAML-SYNTAX a tab indents this line", id="tab in a list"),
        pytest.param(
            "a: 1\n---\nb: 2\n", "2:1 PP-YAML-SYNTAX a second document begins here; a file holds one", id="two"
        ),
        pytest.param("{a: 1}: 2", "1:1 PP-YAML-SYNTAX a key must be plain text", id="mapping as key"),
        pytest.param("? [1]\n: 2", "1:3 PP-YAML-SYNTAX a key must be plain text", id="list as key"),
        pytest.param("a: &x [1]\n*x : 2", "2:1 PP-YAML-SYNTAX a key must be plain text", id="alias as key"),
        pytest.param("a: x\x00y", "1:5 PP-YAML-SYNTAX the character U+0000 is not text", id="binary"),
        pytest.param("a: \x1b[31m", "1:4 PP-YAML-SYNTAX the character U+001B is not text", id="escape sequence"),
        pytest.param("a: &a [*a]", "1:8 PP-YAML-SYNTAX `*a` stands inside what it refers to", id="recursion"),
        pytest.param("a: *b", "1:4 PP-YAML-SYNTAX there is no anchor `&b` above this place", id="no anchor"),
        pytest.param("b: {<<: 1}", "1:5 PP-YAML-SYNTAX `<<` takes a mapping, or a list of mappings", id="merge"),
        pytest.param("a: {b}/c", "1:7 PP-YAML-SYNTAX this does not continue what stands before it", id="braces"),
        pytest.param("a: 1\n b: 2", "2:3 PP-YAML-SYNTAX `: ` cannot stand here", id="indentation"),
        pytest.param("a: [1\nb: 2", "2:2 PP-YAML-SYNTAX a `,` or the closing `]` is missing", id="open list"),
        pytest.param("b: 1\na: 'x\n", "2:4 PP-YAML-SYNTAX the quoted text that begins here has no end", id="quote"),
        pytest.param("a: @x", "1:4 PP-YAML-SYNTAX a text that begins with `@` has to be quoted", id="at"),
        pytest.param("a: !x {b: 1}", "1:4 PP-YAML-SYNTAX the tag `!x` is not accepted here", id="tag"),
        pytest.param("a: !!int x", "1:4 PP-VALUE `x` is not what its tag says", id="wrong tag"),
        pytest.param("a: 1e999", "1:4 PP-VALUE the number 1e999 is too large", id="large number"),
        pytest.param("[" * 10_000, "1:101 PP-YAML-LIMIT values are nested more than 100 deep", id="deep list"),
        pytest.param("{a: " * 10_000, "1:401 PP-YAML-LIMIT values are nested more than 100 deep", id="deep mapping"),
        pytest.param("- " * 10_000, "1:201 PP-YAML-LIMIT values are nested more than 100 deep", id="deep block"),
        pytest.param("{" * SIZE_MAX, "1:2 PP-YAML-SYNTAX a key must be plain text", id="4 MiB of braces"),
        pytest.param("a" * (SIZE_MAX + 1), "0:0 PP-YAML-LIMIT the text is larger than 4 MiB", id="huge"),
    ],
)
def test_what_is_not_acceptable_yaml_is_one_clear_sentence(text: str, complaint: str) -> None:
    assert told(text, None) == [complaint]


@pytest.mark.parametrize("text", [BILLION_LAUGHS, MERGED_LAUGHS], ids=["lists", "mappings"])
def test_aliases_cannot_stand_for_billions_of_values(text: str) -> None:
    (problem,) = refused(text, None)
    assert (problem.code, problem.message) == (
        "PP-YAML-LIMIT",
        "more than 500,000 values, counting what each alias stands for",
    )
    assert 10 < problem.line < 25


def test_code_in_tags_is_not_executed() -> None:
    (problem,) = refused("a: !!python/object/apply:os.system ['true']", None)
    assert problem.code == "PP-YAML-SYNTAX" and "is not accepted here" in problem.message


def test_every_key_that_is_there_twice_is_told() -> None:
    assert told("a: 1\nb: {c: 1, 'c': 2}\na: 3\n", None) == [
        "2:11 PP-YAML-DUPLICATE-KEY the key `c` is there twice; the first is on line 2",
        "3:1 PP-YAML-DUPLICATE-KEY the key `a` is there twice; the first is on line 1",
    ]


def test_a_flood_of_problems_is_cut_off() -> None:
    assert len(refused("a: 1\n" * 1000, None)) == 200
    assert len(refused("estate: x\n" + "".join(f"x{i}: 1\n" for i in range(1000)))) == 200


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(None, "there is no such file", id="missing"),
        pytest.param(b"ok: 1\nname: Stra\xdfe\n", "the file is not text in UTF-8: byte 16 on line 2", id="latin-1"),
        pytest.param("a: 1".encode("utf-16"), "the file is not text in UTF-8: byte 0 on line 1", id="utf-16"),
        pytest.param(b" " * (SIZE_MAX + 1), "the file is larger than 4 MiB", id="huge"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        Document.read(path)
    assert [(p.message, p.line) for p in caught.value.problems] == [(complaint, 0)]


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        Document.read(tmp_path)
    assert caught.value.problems[0].message == "this is not a file"


# --- What a model finds ----------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_told_at_once_where_it_is() -> None:
    text = """\
estat: three-plants
for: ten
share: half
open: 3
auth: {kind: oauth3}
steps:
  Erp: {commit: a, by: [b]}
  mes:
    comit: erp.bom.release
    by: []
    actor: targett
    after: [one, {stp: two}, 3]
  wms:
"""
    assert told(text) == [
        "1:1 PP-FIELD-UNKNOWN unknown field `estat`; did you mean `estate`?",
        '2:6 PP-FIELD-TYPE must be a whole number, got "ten"',
        '3:8 PP-FIELD-TYPE must be a number, got "half"',
        "4:7 PP-FIELD-TYPE must be `true` or `false`, got 3",
        '5:14 PP-VALUE `kind` must be one of `oauth2`, `api-key`, got "oauth3"; did you mean `oauth2`?',
        "7:3 PP-VALUE must be a text of the form ^[a-z]+$, got `Erp`",
        "9:5 PP-FIELD-UNKNOWN unknown field `comit`; did you mean `commit`?",
        "10:5 PP-VALUE must have at least 1 entry, got 0",
        '11:12 PP-VALUE must be one of `target`, `native`, `either`, got "targett"; did you mean `target`?',
        "12:19 PP-FIELD-UNKNOWN unknown field `stp`; did you mean `step`?",
        "12:30 PP-FIELD-TYPE must be a mapping of fields, got 3",
        "13:3 PP-FIELD-TYPE must be a mapping of fields, got nothing",
    ]


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        pytest.param("share: 1", ["1:1 PP-FIELD-MISSING missing field `estate`"], id="missing at the top"),
        pytest.param(
            "estate: a\nsteps:\n  erp:\n    commit: x\n",
            ["3:3 PP-FIELD-MISSING missing field `by`"],
            id="missing further down: at the key of what it is missing from",
        ),
        pytest.param(
            "estate: a\nauth: {life_s: 3}",
            ["2:1 PP-FIELD-MISSING missing field `kind`, which decides about the others"],
            id="what decides is missing",
        ),
        pytest.param(
            "estate: a\nauth: {kind: oauth2, life_s: -1, lief_s: 2}",
            [
                "2:30 PP-VALUE must be more than 0, got -1",
                "2:34 PP-FIELD-UNKNOWN unknown field `lief_s`",
            ],
            id="in the member that was decided for; nothing is suggested that is there already",
        ),
        pytest.param(
            "estate: a\nsource: 3", ["2:9 PP-FIELD-TYPE must be text or a list, got 3"], id="neither member of a union"
        ),
        pytest.param("estate: a\nsource: [x, 3]", ["2:13 PP-FIELD-TYPE must be text, got 3"], id="inside a member"),
        pytest.param(
            "estate: a\nsize: lagre",
            ['2:7 PP-FIELD-TYPE must be a whole number or one of `small`, `large`, got "lagre"; did you mean `large`?'],
            id="a number or a word",
        ),
        pytest.param(
            "estate: a\noption: {step: x, ovr: y}",
            ["2:19 PP-FIELD-UNKNOWN unknown field `ovr`; did you mean `over`?"],
            id="the likeliest member of a union",
        ),
        pytest.param("estate: 1.10", ["1:9 PP-FIELD-TYPE must be text, got 1.10"], id="a number as it was written"),
        pytest.param("estate: {a}", ["1:1 PP-FIELD-TYPE must be text, got a mapping"], id="braces without quotes"),
        pytest.param("- estate", ["1:1 PP-FIELD-TYPE must be a mapping of fields, got a list"], id="a list at the top"),
        pytest.param("estate", ['1:1 PP-FIELD-TYPE must be a mapping of fields, got "estate"'], id="a text at the top"),
    ],
)
def test_places_and_words(text: str, complaints: list[str]) -> None:
    assert told(text) == complaints


def test_excerpt_and_help() -> None:
    unknown, typed = refused("estat: three-plants\nsource: {a: 1}\n" + "steps: 5\n")[:2]
    assert unknown.excerpt == "estat: three-plants\n^~~~~"
    assert unknown.help.startswith("The fields here are `auth`, `estate`, `for`, ")
    assert typed.excerpt == "source: {a: 1}\n^~~~~~"
    (number,) = refused("estate: 0x10")
    assert number.help == 'Put it in quotes: "0x10".'
    assert number.excerpt == "estate: 0x10\n        ^~~~"


def test_a_mark_stands_below_wide_characters_and_in_long_lines() -> None:
    (wide,) = refused("{estate: 株式会社, share: x}")
    assert wide.excerpt.splitlines()[1] == " " * 26 + "^"
    (long,) = refused("{estate: " + "x" * 5000 + ", share: half}")
    line, mark = long.excerpt.splitlines()
    assert line[mark.index("^") : len(mark)] == "half" and len(line) <= 100


def test_validators_that_choose_a_model_themselves_keep_their_places() -> None:
    def chosen(value: Any) -> Any:
        if not isinstance(value, dict) or value.get("kind") != "step":
            raise ValueError("an entry needs a `kind`")
        return Step.model_validate({k: v for k, v in value.items() if k != "kind"})

    class Listed(Strict):
        entries: list[Annotated[Step, BeforeValidator(chosen)]]

    text = "entries:\n  - {kind: step, comit: x, by: [y]}\n  - {kind: other}\n  - {kind: step, by: y}\n"
    assert told(text, Listed) == [
        "2:18 PP-FIELD-UNKNOWN unknown field `comit`; did you mean `commit`?",
        "3:5 PP-VALUE an entry needs a `kind`",
        "4:5 PP-FIELD-MISSING missing field `commit`",
        '4:22 PP-FIELD-TYPE must be a list, got "y"',
    ]


def test_later_checks_point_at_any_place() -> None:
    document = Document.parse("steps:\n  erp: {commit: erp.bom.relaese, by: [item]}\n", "x.yaml")
    value = document.problem(
        ("steps", "erp", "commit"), "PP-REFERENCE", "there is no such operation", candidates=["erp.bom.release"]
    )
    assert (value.line, value.column) == (2, 17)
    assert value.message == "there is no such operation; did you mean `erp.bom.release`?"
    assert value.help == REGISTRY["PP-REFERENCE"].help
    key = document.problem(("steps", "erp"), "PP-VALUE", "no", key=True, candidates=["mes", "erp2"], help="Why.")
    assert (key.line, key.column, key.message, key.help) == (2, 3, "no; did you mean `erp2`?", "Why.")
    entry = document.problem(("steps", "erp", "by", 0), "PP-VALUE", "no", given="pant", candidates=["plant"])
    assert (entry.column, entry.message) == (39, "no; did you mean `plant`?")
    absent = document.problem(("steps", "erp", "after", 3), "PP-VALUE", "no")
    assert (absent.line, absent.column) == (2, 3)


def test_a_part_is_explained_where_it_stands() -> None:
    document = Document.parse("stimuli:\n  - {do: x, with: {step: 3, ovr: y}}\n", "x.yaml")
    with pytest.raises(ValueError, match="2 validation errors") as caught:
        After.model_validate(document.data["stimuli"][0]["with"])
    problems = document.problems_of(caught.value, After, at=("stimuli", 0, "with"))  # type: ignore[arg-type]
    assert [(p.line, p.column, p.message) for p in problems] == [
        (2, 26, "must be text, got 3"),
        (2, 29, "unknown field `ovr`; did you mean `over`?"),
    ]


def test_files_with_different_kinds_of_problems_are_told_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.yaml").write_text("estate: [", encoding="utf-8")
    (tmp_path / "a.yaml").write_text("estate: a\nopne: true\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("estate: c\n", encoding="utf-8")
    problems = Problems()
    models = [read_and_validate(tmp_path / f"{name}.yaml", Plant, problems) for name in "bacd"]
    assert [model and model.estate for model in models] == [None, None, "c", None]
    with pytest.raises(DocumentError) as caught:
        problems.raise_if_any()
    assert [(p.path, p.line, p.code) for p in caught.value.problems] == [
        ("a.yaml", 2, "PP-FIELD-UNKNOWN"),
        ("b.yaml", 1, "PP-YAML-SYNTAX"),
        ("d.yaml", 0, "PP-FILE"),
    ]
    Problems().raise_if_any()


# --- The schema for editors ------------------------------------------------------------------------------------------


def words(schema: Any) -> set[str]:
    """Every key in a schema."""
    if isinstance(schema, dict):
        return set(schema).union(*(words(value) for value in schema.values()))
    return set().union(*map(words, schema)) if isinstance(schema, list) else set()


def test_the_schema_is_in_draft_07() -> None:
    class Wired(Strict):
        pair: tuple[int, str]
        step: Annotated[Step, Field(description="What follows.")]
        anything: object = None

    for model in (Plant, Wired):
        schema = json_schema(model)
        assert schema["$schema"] == DRAFT
        assert not words(schema) & {
            "$defs",
            "prefixItems",
            "discriminator",
            "unevaluatedProperties",
            "dependentSchemas",
        }
        assert "#/$defs/" not in json.dumps(schema)
        assert schema["additionalProperties"] is False
    properties = json_schema(Wired)["properties"]
    assert properties["pair"]["items"] == [{"type": "integer"}, {"type": "string"}]
    assert properties["step"] == {"description": "What follows.", "allOf": [{"$ref": "#/definitions/Step"}]}
    assert "for" in json_schema(Plant)["properties"]


def test_fields_that_are_called_like_words_of_the_schema_survive() -> None:
    class Odd(Strict):
        defs: Annotated[int, Field(alias="$defs")]
        prefix: Annotated[int, Field(alias="prefixItems")]

    assert set(json_schema(Odd)["properties"]) == {"$defs", "prefixItems"}
