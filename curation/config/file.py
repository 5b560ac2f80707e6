"""Reads a config from a TOML file, or from the values of one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from curation.config.choices import default_resolver, task_name
from curation.config.config import SECTIONS, Config
from curation.errors import ConfigError
from curation.review import TASKS, ReviewTask
from curation.section import sentences


def load_config(path: Path) -> Config:
    """Return the config in a TOML file. Paths in it are relative to the file.

    Raises ConfigError with a sentence for each fault, which has the key, the value and what is allowed.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no config file {path}.",
            remedy="Correct the path, or run `curation init` to write a config file.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
    prompts, quality, review = values.get("prompts"), values.get("quality"), values.get("review")
    if isinstance(review, dict) and isinstance(review.get("gold"), str):
        review["gold"] = str(path.parent / review["gold"])
    if isinstance(prompts, dict) and isinstance(prompts.get("path"), str):
        prompts["path"] = str(path.parent / prompts["path"])
    if isinstance(quality, dict):
        quality |= {key: _beside(path, quality[key]) for key in ("benchmarks", "tokenizer") if key in quality}
    return parse_config(values, where=str(path))


def _beside(path: Path, value: Any) -> Any:
    """Return the path of a file or folder that is named relative to the config file. A name on the Hub stays."""
    if isinstance(value, list):
        return [_beside(path, name) for name in value]
    return str(path.parent / value) if isinstance(value, str) and value and (path.parent / value).exists() else value


def parse_config(values: Mapping[str, Any], *, where: str = "The config") -> Config:
    """Return the config in `values` (parsed TOML). Raises ConfigError with a sentence for each fault."""
    values = _with_resolver(values)
    try:
        # Strict, so that "yes" is not read as true. As JSON, because strict Python input refuses a list for a tuple.
        return Config.model_validate_json(to_json(values), strict=True)
    except ValidationError as error:
        # The cause is left out: it shows all values, and one of them may be an API key in the wrong place.
        raise ConfigError(f"{where} is not valid:\n{sentences(error, SECTIONS)}") from None


def _with_resolver(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values, with the default resolver of the review task if [labels] names none."""
    labels, review = values.get("labels"), values.get("review")
    if not isinstance(labels, dict) or "resolver" in labels:
        return values
    resolver = default_resolver(_task_of(review)).resolver
    return {**values, "labels": {"resolver": resolver, **labels}}


def _task_of(review: Any) -> ReviewTask | None:
    """The review task with its options; null if [review] is missing, or not valid, as the reading of it will say."""
    task: Any = TASKS.get(task_name(review)) if isinstance(review, dict) else None
    try:
        return task(**review) if task is not None else None
    except ConfigError:
        return None
