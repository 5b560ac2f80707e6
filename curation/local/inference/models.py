"""The table of models: the names that a server answers to, and the settings of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from curation.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """The settings of a name: the temperature of requests that give none, and the grammar of its replies.

    With `grammar="ultrafeedback"` the name answers only prompts of distilabel's UltraFeedback task, and its replies can
    always be parsed.
    """

    temperature: float = 0.7
    grammar: Literal["ultrafeedback"] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 2:
            raise ConfigError(f"A model's temperature lies between 0 and 2, not at {self.temperature}.")
        if self.grammar not in (None, "ultrafeedback"):
            raise ConfigError(f"{self.grammar!r} is no grammar; there is only 'ultrafeedback'.")


# Three names of one small model: two that answer prompts (one with a high temperature), and one that judges.
DEFAULT_MODELS: Mapping[str, ModelSettings] = {
    "smollm2-135m": ModelSettings(temperature=0.3),
    "smollm2-135m-warm": ModelSettings(temperature=1.2),
    "smollm2-135m-judge": ModelSettings(temperature=0.3, grammar="ultrafeedback"),
}


def load_models(path: Path) -> dict[str, ModelSettings]:
    """Read a table from a JSON file, `{name: {temperature, grammar}}`. Raises `ConfigError` if it is wrong."""
    try:
        return {name: ModelSettings(**settings) for name, settings in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} does not hold a table of models: {error}.") from error


def dump_models(models: Mapping[str, ModelSettings]) -> str:
    """Return the JSON that `load_models` reads."""
    return json.dumps({name: asdict(settings) for name, settings in models.items()}, indent=1)
