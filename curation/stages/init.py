"""init: writes the config file of a new curation, from a recipe."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from curation.config import Services, parse_config
from curation.errors import ConfigError, CurationError, RefusedError
from curation.hub import connect, hub_errors
from curation.recipes import OWNER, load_recipe
from curation.report import Report


class InitReport(Report):
    """The file that was written, and the `files` that it names. `owner` is null if nobody's name is known for the
    repos.
    """

    recipe: str
    summary: str
    path: str
    files: tuple[str, ...]
    owner: str | None
    published: str
    store: str

    @property
    def lines(self) -> tuple[str, ...]:
        """What the file is, and what is to be changed in it."""
        lines = [
            f"Wrote {self.path}: {self.summary}",
            f"It publishes to {self.published} and keeps its store in {self.store}, a private repo.",
            *(f"Wrote {file}, which it names: change it, or name a file of yours." for file in self.files),
        ]
        if self.owner is None:
            lines.append(f"Change {OWNER} in it to your name on the Hub.")
        return (*lines, f"docs/recipes/{self.recipe}.md says when to use the recipe and what it costs.")

    @property
    def next_verb(self) -> str | None:
        """Check what is missing."""
        return "check"


def account(services: Services) -> str | None:
    """Return the name of the account whose token is set; None if no token is set, or the Hub does not tell."""
    if services.hub_token is None:
        return None
    api = connect(services.hub_endpoint, services.hub_token)
    try:
        with hub_errors(api, "your account"):
            return str(api.whoami()["name"])
    except CurationError:
        return None


def init(recipe: str, *, name: str | None = None, owner: str | None = None, path: Path | None = None) -> InitReport:
    """Write a recipe with the user's names to `path`, by default NAME.toml here, and the files it brings beside it.

    `name` is the curation's, by default that in the recipe; `owner` the user or organisation that its repos belong to.
    Raises MissingError if there is no such recipe, ConfigError if a name is not allowed, and RefusedError if a file
    is there already.
    """
    chosen = load_recipe(recipe)
    name = name or chosen.curation_name
    path = path or Path(f"{name}.toml")
    text = chosen.filled(name=name, owner=owner or OWNER, file=str(path))
    config = parse_config(tomllib.loads(text), where=f"The recipe {recipe} with these names")
    _write({path: text, **{path.with_name(file): content for file, content in chosen.files.items()}})
    return InitReport(
        recipe=recipe,
        summary=chosen.summary,
        path=str(path),
        files=tuple(str(path.with_name(file)) for file in chosen.files),
        owner=owner,
        published=config.publish.repo_id,
        store=config.store.repo_id,
    )


def _write(texts: Mapping[Path, str]) -> None:
    """Write new files; none is written if one of them is there already."""
    for path in texts:
        if path.exists():
            raise RefusedError(f"{path} is there already, and stays as it is.", remedy="Name another --output.")
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error}.") from error
