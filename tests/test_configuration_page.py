"""docs/configuration.md names every key that a TOML file may have, and none else, with its true default."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel

from curation.config import SECTIONS, load_config, parse_config
from curation.errors import ConfigError
from curation.generation.endpoint_options import ROUTER_URL
from curation.hub import DEFAULT_ENDPOINT
from curation.prompts import FilePrompts
from curation.section import TAG_KEYS
from curation.types import Prompt

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "configuration.md"
MARKDOWN = MarkdownIt("commonmark").enable("table")

JUDGES = tuple(section for section in SECTIONS if section.startswith(("judge.", "judges.")))
OF_JUDGES = tuple(section for section in JUDGES if not section.endswith(".criteria"))
LABELS = tuple(section for section in SECTIONS if section.startswith("labels."))
SKIPS = tuple(section for section in SECTIONS if section.endswith(".skip_if"))
REVIEWS = tuple(section for section in SECTIONS if section.startswith("review.") and section not in SKIPS)
TABLES: dict[str, tuple[str, ...]] = {
    "The whole file": ("",),
    "`[prompts]`": ("prompts.hub", "prompts.file", "prompts.list"),
    '`type = "hub"`': ("prompts.hub",),
    '`type = "file"`': ("prompts.file",),
    '`type = "list"`': ("prompts.list",),
    '`type = "documents"`': ("prompts.documents",),
    "`question_model`": ("prompts.documents.question_model",),
    '`type = "preferences"`': ("prompts.preferences", "prompts.answers"),
    '`type = "answers"`': ("prompts.answers",),
    "Where a model answers": ("prompts.documents.question_model", "vary", "generators", "evolve", *OF_JUDGES),
    "`[[vary]]`": ("vary",),
    "`[[generators]]`": ("generators",),
    "`[[evolve]]`": ("evolve",),
    "`[judge]` and `[[judges]]`": OF_JUDGES,
    '`type = "ultrafeedback"`': ("judge.ultrafeedback", "judges.ultrafeedback"),
    '`type = "rubric"`': ("judge.rubric", "judges.rubric"),
    "`criteria`": ("judge.rubric.criteria", "judges.rubric.criteria"),
    "`[generate]`": ("generate",),
    "`budget`": ("generate.budget",),
    "`[review]`": REVIEWS,
    "`skip_if`": SKIPS,
    '`task = "pairwise"`': ("review.pairwise",),
    '`task = "binary"`': ("review.binary",),
    '`task = "rating"`': ("review.rating",),
    '`task = "ranking"`': ("review.ranking",),
    '`task = "safety"`': ("review.safety",),
    "`[labels]`": LABELS,
    '`resolver = "unanimous"`': ("labels.unanimous",),
    '`resolver = "dawid-skene"`': ("labels.dawid-skene",),
    "`[quality]`": ("quality",),
    "`[[filters]]`": ("filters",),
    "`[publish]`": ("publish",),
    "`[store]`": ("store",),
}
"""The sections that the table under each heading is about; a later table may say otherwise than an earlier one."""

LEAST = """
name = "helpful"
prompts = { type = "hub", repo_id = "acme/prompts" }
generators = [{ model_id = "one" }, { model_id = "two" }]
publish = { repo_id = "acme/helpful" }
store = { repo_id = "acme/helpful-store" }
"""
PRICES = "price_in = 1.0, price_out = 1.0"
DOCUMENTS = '{ type = "documents", path = "handbook", question_model = { model_id = "two" } }'
ANSWERED = '{{ type = "{}", path = "pairs.jsonl" }}'
RUBRIC = '{ type = "rubric", model_id = "three", criteria = [{ name = "brief", description = "Is it short?" }] }'
INSTEAD = {
    "prompts.file": 'prompts = { type = "file", path = "prompts.jsonl" }',
    "prompts.documents": f"prompts = {DOCUMENTS}",
    "prompts.documents.question_model": f"prompts = {DOCUMENTS}",
    "prompts.preferences": f"prompts = {ANSWERED.format('preferences')}\ngenerators = []",
    "prompts.answers": f"prompts = {ANSWERED.format('answers')}\ngenerators = []",
    "prompts.list": 'prompts = { type = "list", rows = ["Why?"] }',
    "vary": 'vary = [{ model_id = "three" }]',
    "evolve": 'evolve = [{ model_id = "three" }]',
    "filters": 'filters = [{ type = "lines", min = 1, max = 1 }]',
    "judge.ultrafeedback": 'judge = { model_id = "three" }',
    "judges.ultrafeedback": 'judges = [{ model_id = "three" }]',
    **{section: f"judge = {RUBRIC}" for section in JUDGES if section.startswith("judge.rubric")},
    **{section: f"judges = [{RUBRIC}]" for section in JUDGES if section.startswith("judges.rubric")},
    "generate.budget": (
        f'generators = [{{ model_id = "one", {PRICES} }}, {{ model_id = "two", {PRICES} }}]\n'
        "generate = { budget = { money = 1.0, tokens = 1 } }"
    ),
    **{section: f'review = {{ task = "{section.removeprefix("review.")}" }}' for section in REVIEWS},
    **{
        section: 'judge = { model_id = "three" }\n'
        f'review = {{ task = "{section.split(".")[1]}", skip_if = {{ judge_gap = 2.0 }} }}'
        for section in SKIPS
    },
    **{section: f'labels = {{ resolver = "{section.removeprefix("labels.")}" }}' for section in LABELS},
}
"""What a file holds so that it has a section, with no key but those that the section needs."""


@dataclass(frozen=True)
class Row:
    """A row of a table: its cells as they are written."""

    key: str
    default: str
    meaning: str


@cache
def tables(first: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The rows of each table whose first column is called `first`, by the heading above it."""
    heading, tables_by_heading = "", {}
    row: list[str] = []
    rows: list[tuple[str, ...]] = []
    tokens = MARKDOWN.parse(PAGE.read_text(encoding="utf-8"))
    for token, inside in zip(tokens, [*tokens[1:], None], strict=True):
        text = inside.content if inside is not None else ""
        if token.type == "heading_open":
            heading = text
        elif token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            row = []
        elif token.type in {"th_open", "td_open"}:
            row.append(text)
        elif token.type == "tr_close":
            rows.append(tuple(row))
        elif token.type == "table_close" and rows[0][0] == first:
            assert heading not in tables_by_heading, f"two tables under {heading}"
            tables_by_heading[heading] = tuple(rows[1:])
    return tables_by_heading


def documented(section: str) -> dict[str, Row]:
    """The rows about a section by key."""
    rows_by_key: dict[str, Row] = {}
    for heading, sections in TABLES.items():
        if section in sections:
            rows = [Row(named(key), default, meaning) for key, default, meaning in tables("key")[heading]]
            assert len({row.key for row in rows}) == len(rows), f"a key stands twice under {heading}"
            rows_by_key |= {row.key: row for row in rows}
    return rows_by_key


def named(cell: str) -> str:
    """What a cell holds as code."""
    assert re.fullmatch(r"`[^`]+`", cell), f"{cell} is not a name in backticks"
    return cell.strip("`")


def blocks(language: str) -> list[str]:
    tokens = MARKDOWN.parse(PAGE.read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info == language]


def part(values: Any, section: str) -> Any:
    """The table of a section in a parsed file or a dumped config, of a list the first; {} if it is not there."""
    names = section.split(".") if section else []
    # "prompts.documents.question_model" is the key question_model of the table prompts.
    for name in [names[0], *names[2:]] if names and names[0] in TAG_KEYS else names:
        values = values.get(name) or {}
        values = values[0] if isinstance(values, list) else values
    return values


def least(section: str) -> dict[str, Any]:
    return tomllib.loads(LEAST) | tomllib.loads(INSTEAD.get(section, ""))


def default_of(section: str, key: str) -> object:
    """What holds if a file does not name a key; the word "required" if no config comes of that file."""
    values = least(section)
    part(values, section).pop(key, None)
    if section in {"prompts.documents", "prompts.preferences", "prompts.answers"} and key == "path":
        # Without a path there is a dataset.
        part(values, section)["repo_id"] = "acme/documents"
    if section in {"judge.rubric", "judges.rubric"} and key == "type":
        # Without a type it is a judge that has no criteria.
        part(values, section).pop("criteria")
    try:
        config = parse_config(values)
    except ConfigError as error:
        if f"{key} is missing" not in str(error):
            raise
        return "required"
    default = part(config.model_dump(mode="json"), section)[key]
    if section in {"review.rating", "review.ranking"} and key == "candidates":
        # It follows from the number of generators.
        assert default == len(config.generators)
        return None
    return config.review_dataset if section in REVIEWS and key == "dataset" else default


def stated(row: Row, section: str) -> object:
    """What a row says that holds if its key is not named."""
    if row.default in {"required", "none"}:
        return None if row.default == "none" else row.default
    if row.default == "its defaults":
        model = next(model for name, model in SECTIONS.items() if f"{name}.".startswith(f"{row.key}."))
        return model().model_dump(mode="json")
    if row.default.startswith("["):
        text = default_in_the_file(row.default)
        return [text] if row.key == "question_templates" else text
    values = least(section)
    code = named(row.default)
    # The value of another key, of the same section or of the whole file.
    same = {**values, **part(values, section)}.get(code)
    return tomllib.loads(f"value = {code}")["value"] if same is None else same


def default_in_the_file(link: str) -> str:
    """The text that the page leaves to the file of the package where it stands."""
    [(name, target)] = re.findall(r"\[(.+?)\]\((.+?)\)", link)
    constant = "GUIDELINES" if name == "this text" else named(name)
    [text] = re.findall(
        rf'^{constant} = """\\\n(.+?)"""', (PAGE.parent / target).read_text(encoding="utf-8"), re.M | re.S
    )
    return str(text)


def in_plain_words(meaning: str) -> str:
    """A cell without its links: what they show stays."""
    return re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", meaning)


def schemas(value: object) -> Iterator[Mapping[str, Any]]:
    """Every schema in a JSON schema."""
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from schemas(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from schemas(inner)


def of_sections() -> list[Any]:
    return [pytest.param(section, model, id=section or "file") for section, model in SECTIONS.items()]


def test_every_section_has_a_table_and_every_table_belongs_to_a_section() -> None:
    assert list(tables("key")) == list(TABLES)
    assert {section for sections in TABLES.values() for section in sections} == set(SECTIONS)


def test_a_file_can_have_no_other_sections() -> None:
    inner = {
        definition["title"]
        for schema in schemas(SECTIONS[""].model_json_schema())
        for definition in schema.get("$defs", {}).values()
        if "properties" in definition
    }
    assert {model.__name__ for model in SECTIONS.values()} == inner | {"Config"}


@pytest.mark.parametrize(("section", "model"), of_sections())
def test_every_key_has_a_description_and_the_page_says_the_same(section: str, model: type[BaseModel]) -> None:
    descriptions = {name: " ".join((field.description or "").split()) for name, field in model.model_fields.items()}
    assert descriptions == {row.key: in_plain_words(row.meaning) for row in documented(section).values()}


def test_the_descriptions_reach_the_json_schema() -> None:
    schema = SECTIONS[""].model_json_schema()
    assert schema["properties"]["name"]["description"].startswith("The curation's name")
    assert schema["$defs"]["Generator"]["properties"]["temperature"]["description"].endswith("0 to 2.")


@pytest.mark.parametrize(("section", "model"), of_sections())
def test_the_page_has_every_key_of_a_section_and_no_other(section: str, model: type[BaseModel]) -> None:
    assert sorted(documented(section)) == sorted(model.model_fields)


@pytest.mark.parametrize(("section", "model"), of_sections())
def test_the_stated_defaults_are_those_of_the_code(section: str, model: type[BaseModel]) -> None:
    rows = documented(section).values()
    # As JSON, in which 1, 1.0 and true differ.
    stated_defaults = {row.key: json.dumps(stated(row, section)) for row in rows}
    assert stated_defaults == {row.key: json.dumps(default_of(section, row.key)) for row in rows}


@pytest.mark.parametrize(("section", "model"), of_sections())
def test_a_key_with_a_few_values_names_them_and_a_number_has_its_bounds(section: str, model: type[BaseModel]) -> None:
    if not section:
        return
    rows = documented(section)
    for key, schema in model.model_json_schema()["properties"].items():
        row = rows[key]
        for inner in schemas(schema):
            missing = [value for value in inner.get("enum", ()) if json.dumps(value) not in row.default + row.meaning]
            # Several aspects are "several of these".
            assert not missing or key == "aspects", f"{section}: {key} may be {missing}"
            if {"minimum", "maximum"} <= inner.keys():
                assert f"{inner['minimum']:g} to {inner['maximum']:g}" in row.meaning, f"{section}: {key}"


def test_the_examples_are_whole_files() -> None:
    assert [parse_config(tomllib.loads(block)).name for block in blocks("toml")] == ["helpful", "support"]


def test_the_smallest_file_can_lose_nothing() -> None:
    text = blocks("toml")[0]
    for number, line in enumerate(text.splitlines()):
        rest = [other for position, other in enumerate(text.splitlines()) if position != number]
        if " = " in line:
            with pytest.raises(ConfigError):
                parse_config(tomllib.loads("\n".join(rest)))


def test_the_second_example_reads_the_prompt_that_the_page_shows(tmp_path: Path) -> None:
    (tmp_path / "curation.toml").write_text(blocks("toml")[1], encoding="utf-8")
    (tmp_path / "prompts.jsonl").write_text(blocks("json")[0], encoding="utf-8")
    config = load_config(tmp_path / "curation.toml")
    assert isinstance(config.prompts, FilePrompts)
    source = config.prompts.resolve(endpoint=DEFAULT_ENDPOINT, token=None)
    [prompt] = config.prompts.load(source, endpoint=DEFAULT_ENDPOINT, token=None)
    assert isinstance(prompt, Prompt)
    assert prompt.messages[0].content == "How do I return a parcel?"
    assert all(generator.base_url is not None for generator in config.generators)


def test_the_page_has_every_variable_that_the_package_reads_and_no_other() -> None:
    rows = {named(name): default for name, default, _ in tables("variable")["The environment"]}
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "curation").rglob("*.py"))
    read = set(re.findall(r'(?:\benviron(?:ment)?(?:\.get\(|\[)|\b(?:key|address)_from\()"([A-Z_]+)"(?!\] =)', code))
    # What a process of the local stack is told by the one that starts it.
    assert set(rows) == read - {"CURATION_TIED"}
    assert rows["HF_ENDPOINT"] == f"`{DEFAULT_ENDPOINT}`"
    assert rows["CURATION_INFERENCE_URL"] == f"`{ROUTER_URL}`"


def test_every_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = PAGE.parent / name if name else PAGE
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
