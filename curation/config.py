"""One TOML file = one curated dataset. The same model is built in Python by a launch script."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from curation.errors import ConfigError
from curation.generation import Generator, UltraFeedbackJudge
from curation.hub import DEFAULT_ENDPOINT
from curation.labels import MajorityResolver, MeanResolver
from curation.prompts import FilePrompts, HubPrompts
from curation.prompts.hub import RepoId
from curation.review import PairwiseTask

Format = Literal["dpo", "kto"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Publish(_Section):
    """`[publish]`: where the datasets go, and what becomes a row."""

    repo_id: RepoId
    private: bool = True
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("dpo", "kto")
    min_gap: Annotated[float, Field(ge=0, le=1)] = 0.25
    test_size: Annotated[float, Field(ge=0, lt=1)] = 0.1


class StoreSection(_Section):
    """`[store]`: the private dataset repo that remembers everything."""

    repo_id: RepoId


def _resolver_name(value: Any) -> str:
    return str(value.get("resolver", "majority") if isinstance(value, dict) else value.resolver)


Resolver = Annotated[
    Annotated[MajorityResolver, Tag("majority")] | Annotated[MeanResolver, Tag("mean")], Discriminator(_resolver_name)
]


class Config(_Section):
    """A curation: prompts, generators, judge, review task, resolver, and the two repos it writes."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    prompts: Annotated[HubPrompts | FilePrompts, Field(discriminator="type")]
    generators: Annotated[tuple[Generator, ...], Field(min_length=2)]
    judge: UltraFeedbackJudge | None = None
    review: PairwiseTask = PairwiseTask()
    labels: Resolver = MajorityResolver()
    publish: Publish
    store: StoreSection

    @model_validator(mode="after")
    def _whole(self) -> Config:
        names = [generator.name for generator in self.generators]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"generators: the name {twice[0]!r} stands twice; give each entry a `name` of its own")
        if self.publish.repo_id == self.store.repo_id:
            raise ValueError(
                f"store.repo_id = {self.store.repo_id!r} is also publish.repo_id; the private store needs its own repo"
            )
        if self.labels.judge_fallback and self.judge is None:
            raise ValueError("labels.judge_fallback = true needs a [judge]")
        return self

    @property
    def review_dataset(self) -> str:
        """The name of the Argilla dataset: `review.dataset`, or else `name`."""
        return self.review.dataset or self.name


class Services(BaseModel):
    """Where the services are and the keys to them: from the environment only, never from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    hub_endpoint: str = DEFAULT_ENDPOINT
    hub_token: Annotated[str | None, Field(repr=False)] = None
    argilla_api_url: str | None = None
    argilla_api_key: Annotated[str | None, Field(repr=False)] = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Services:
        """Return the services that HF_ENDPOINT, HF_TOKEN, ARGILLA_API_URL and ARGILLA_API_KEY name."""
        return cls(
            hub_endpoint=_address("HF_ENDPOINT", environment.get("HF_ENDPOINT")) or DEFAULT_ENDPOINT,
            hub_token=environment.get("HF_TOKEN") or None,
            argilla_api_url=_address("ARGILLA_API_URL", environment.get("ARGILLA_API_URL")),
            argilla_api_key=environment.get("ARGILLA_API_KEY") or None,
        )


def load_config(path: Path) -> Config:
    """Return the config in a TOML file; paths in it are relative to the file.

    Raises ConfigError with a sentence for each fault, naming the key, the value and what is allowed.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no config file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
    prompts = values.get("prompts")
    if isinstance(prompts, dict) and isinstance(prompts.get("path"), str):
        prompts["path"] = str(path.parent / prompts["path"])
    return parse_config(values, where=str(path))


def parse_config(values: Mapping[str, Any], *, where: str = "The config") -> Config:
    """Return the config that `values` (parsed TOML) holds; ConfigError with a sentence for each fault."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        faults = "\n".join(f"  {_sentence(fault)}" for fault in error.errors(include_url=False))
        raise ConfigError(f"{where} is not valid:\n{faults}") from None


SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "": (Config,),
    "prompts": (HubPrompts, FilePrompts),
    "generators": (Generator,),
    "judge": (UltraFeedbackJudge,),
    "review": (PairwiseTask,),
    "labels": (MajorityResolver, MeanResolver),
    "publish": (Publish,),
    "store": (StoreSection,),
}
TAGS = {"hub", "file", "majority", "mean"}


def _sentence(fault: Any) -> str:
    parts = [part for part in fault["loc"] if part not in TAGS]
    key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    message = fault["msg"].removeprefix("Value error, ")
    kind = fault["type"]
    if kind == "extra_forbidden":
        return _unknown_key(key, parts)
    if kind == "missing":
        return f"{key} is missing."
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        return f"{key}: {message}."
    if not key:
        return f"{message}."
    return f"{key} = {fault['input']!r}: {message[0].lower() + message[1:]}."


def _unknown_key(key: str, parts: list[Any]) -> str:
    models = SECTIONS.get(str(parts[0]) if len(parts) > 1 else "", ())
    allowed = sorted({name for model in models for name in model.model_fields})
    close = difflib.get_close_matches(str(parts[-1]), allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{key} is not a setting; {hint}allowed: {', '.join(allowed)}."


def _address(name: str, value: str | None) -> str | None:
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{name} = {value!r} is not an http or https address.")
    return value.rstrip("/")
