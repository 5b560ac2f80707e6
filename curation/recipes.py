"""The recipes: TOML files to start from. They are the files of pipelines/, and come with the package."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from curation.errors import MissingError

OWNER = "acme"
"""The owner of the repos in a recipe, which the user's name replaces."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe: its name, what it builds in a sentence, the text of its TOML file, and the texts of files beside it.

    The TOML file begins with the sentence as a comment, and `repo_id` is the first key of [publish] and of [store].
    `files` has the files that come with the recipe, such as prompts, by name. A recipe may also name files that the
    user has to bring.
    """

    name: str
    summary: str
    text: str
    files: Mapping[str, str]

    def filled(self, *, name: str, owner: str, file: str) -> str:
        """Return the text for the curation `name` in `file`, with the repos "owner/name" and "owner/name-store"."""
        text = re.sub(r'^name = ".*"', f'name = "{name}"', self.text, count=1, flags=re.MULTILINE)
        for section, repo in (("publish", name), ("store", f"{name}-store")):
            text = re.sub(rf'^(\[{section}\]\nrepo_id = ).*"', rf'\1"{owner}/{repo}"', text, flags=re.MULTILINE)
        return text.replace(f"pipelines/{self.name}.toml", file)

    @property
    def curation_name(self) -> str:
        """The name that the curation has in the recipe."""
        return str(tomllib.loads(self.text)["name"])


def load_recipes() -> dict[str, Recipe]:
    """Return all recipes by name, in alphabetical order."""
    toml_files = sorted(
        (file for file in _folder().iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
    )
    recipes = (_read(file.name.removesuffix(".toml"), file.read_text(encoding="utf-8")) for file in toml_files)
    return {recipe.name: recipe for recipe in recipes}


def load_recipe(name: str) -> Recipe:
    """Return a recipe; raises MissingError, which names the recipes, if there is none of that name."""
    recipes = load_recipes()
    if name not in recipes:
        raise MissingError(
            f"There is no recipe {name!r}; there are {', '.join(recipes)}.",
            remedy="`curation recipes` says what each builds.",
        )
    return recipes[name]


def _folder() -> Traversable:
    """The folder of the recipes: within an installed package, or beside the package in a checkout."""
    inside = files("curation") / "pipelines"
    return inside if inside.is_dir() else files("curation") / ".." / "pipelines"


def _read(name: str, text: str) -> Recipe:
    """Return a recipe. Its summary is the first sentence of the comment at the top of the file."""
    comments = re.match(r"(?:# .*\n)+", text)
    path = tomllib.loads(text)["prompts"].get("path")
    brought = [file for file in _folder().iterdir() if file.name == path and file.is_file()]
    prose = " ".join(line.removeprefix("# ") for line in comments[0].splitlines()) if comments else ""
    return Recipe(
        name=name,
        summary=prose.partition(". ")[0].rstrip(".") + ".",
        text=text,
        files={file.name: file.read_text(encoding="utf-8") for file in brought},
    )
