"""One TOML file = one curated dataset. The same model is built in Python by a launch script."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import to_json

from curation.errors import ConfigError
from curation.export import PairsPerPrompt
from curation.generation import Budget, Engine, Evolver, Generator, Models, UltraFeedbackJudge
from curation.generation.options import ACCOUNT, PROVIDER, is_address
from curation.hub import DEFAULT_ENDPOINT
from curation.labels import DawidSkeneResolver, MajorityResolver, MeanResolver, UnanimousResolver
from curation.prompts import FilePrompts, HubPrompts
from curation.prompts.hub import REPO_ID, RepoId
from curation.quality import Quality
from curation.review import PairwiseTask

Format = Literal["dpo", "kto", "reward", "sft", "raw"]
LICENSE = r"^[a-z0-9][a-z0-9.-]*$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Publish(_Section):
    """`[publish]`: where the datasets go, what becomes a row, and in which layout.

    `margin` writes the score gap into `reward`, where TRL's RewardTrainer uses it. `conversational = false` writes
    plain strings. `license` is an identifier of the Hub, such as "cc-by-4.0"; it is yours to state.
    """

    repo_id: RepoId
    private: bool = True
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("dpo", "kto")
    pairs: PairsPerPrompt = "best-worst"
    min_gap: Annotated[float, Field(ge=0, le=1)] = 0.25
    test_size: Annotated[float, Field(ge=0, lt=1)] = 0.1
    margin: bool = False
    conversational: bool = True
    license: Annotated[str, Field(pattern=LICENSE)] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Publish:
        if len(set(self.formats)) < len(self.formats):
            raise ValueError(f"formats = {list(self.formats)} has a format twice")
        if self.margin and "reward" not in self.formats:
            raise ValueError("margin = true is for the format 'reward', which is not among formats")
        return self


class Generate(_Section):
    """`[generate]`: how prompts are asked, and what it may cost.

    `confirm_above` is in US dollars: a run that may cost more, or whose cost is unknown, asks first. `min_success` is
    the share of prompts that must come through for exit code 0.
    """

    engine: Engine = "streaming"
    min_success: Annotated[float, Field(ge=0, le=1)] = 0.95
    confirm_above: Annotated[float, Field(ge=0)] | None = None
    budget: Budget | None = None

    @model_validator(mode="after")
    def _budget_is_kept(self) -> Generate:
        if self.budget is not None and self.engine != "streaming":
            raise ValueError(f"engine = {self.engine!r} cannot stop at a budget; only 'streaming' can")
        return self


class StoreSection(_Section):
    """`[store]`: the private dataset repo that remembers everything."""

    repo_id: RepoId


def _resolver_name(value: Any) -> str:
    return str(value.get("resolver", "majority") if isinstance(value, dict) else getattr(value, "resolver", "majority"))


Resolver = Annotated[
    Annotated[MajorityResolver, Tag("majority")]
    | Annotated[MeanResolver, Tag("mean")]
    | Annotated[UnanimousResolver, Tag("unanimous")]
    | Annotated[DawidSkeneResolver, Tag("dawid-skene")],
    Discriminator(_resolver_name),
]


class Config(_Section):
    """A curation: prompts, generators, judges, review task, resolver, checks, and the two repos it writes."""

    name: Annotated[str, Field(pattern=NAME)]
    prompts: Annotated[HubPrompts | FilePrompts, Field(discriminator="type")]
    generators: Annotated[tuple[Generator, ...], Field(min_length=2)]
    evolve: Evolver | None = None
    judge: UltraFeedbackJudge | None = None
    judges: tuple[UltraFeedbackJudge, ...] = ()
    generate: Generate = Generate()
    review: PairwiseTask = PairwiseTask()
    labels: Resolver = MajorityResolver()
    quality: Quality = Quality()
    publish: Publish
    store: StoreSection

    @model_validator(mode="after")
    def _whole(self) -> Config:
        if self.judge is not None and self.judges:
            raise ValueError("[judge] and [[judges]] are both there; keep one")
        writers: list[Generator | Evolver] = [*self.generators, *([self.evolve] if self.evolve else [])]
        written_by = "generators and evolve" if self.evolve else "generators"
        for section, named in ((written_by, writers), ("judges", self.judges)):
            names = [options.name for options in named]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{section}: the name {twice[0]!r} stands twice; give each entry a `name` of its own")
        self._money_is_counted()
        if self.publish.repo_id == self.store.repo_id:
            raise ValueError(
                f"store.repo_id = {self.store.repo_id!r} is also publish.repo_id; the private store needs its own repo"
            )
        if self.labels.judge_fallback and not self.models.judges:
            raise ValueError("labels.judge_fallback = true needs a [judge] or [[judges]]")
        return self

    def _money_is_counted(self) -> None:
        budget = self.generate.budget
        if budget is None or budget.money is None:
            return
        for stage, options in self.models.stages.items():
            if options.price_in is None or options.price_out is None:
                raise ValueError(
                    f"generate.budget.money needs price_in and price_out of every model; {stage!r} has not both"
                )

    @property
    def models(self) -> Models:
        """Every model that a prompt passes."""
        judges = (self.judge,) if self.judge is not None else self.judges
        return Models(generators=self.generators, evolve=self.evolve, judges=judges)

    @property
    def review_dataset(self) -> str:
        """The name of the Argilla dataset: `review.dataset`, or else `name`."""
        return self.review.dataset or self.name


class Services(BaseModel):
    """Where the services are and the keys to them: from the environment only, never from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

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
    prompts, quality = values.get("prompts"), values.get("quality")
    if isinstance(prompts, dict) and isinstance(prompts.get("path"), str):
        prompts["path"] = str(path.parent / prompts["path"])
    if isinstance(quality, dict):
        quality |= {key: _beside(path, quality[key]) for key in ("benchmarks", "tokenizer") if key in quality}
    return parse_config(values, where=str(path))


def _beside(path: Path, value: Any) -> Any:
    """What names a file or folder beside the config file, as its path; a name on the Hub stays as it is."""
    if isinstance(value, list):
        return [_beside(path, one) for one in value]
    return str(path.parent / value) if isinstance(value, str) and value and (path.parent / value).exists() else value


def parse_config(values: Mapping[str, Any], *, where: str = "The config") -> Config:
    """Return the config that `values` (parsed TOML) holds; ConfigError with a sentence for each fault."""
    try:
        # Strict, so that "yes" is no boolean; as JSON, because strict Python input takes no list for a tuple.
        return Config.model_validate_json(to_json(values), strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        lines = "\n".join(f"  {_sentence(fault)}" for fault in faults if not _follows(fault, faults))
        # The cause would show the values, keys in the wrong place among them.
        raise ConfigError(f"{where} is not valid:\n{lines}") from None


SECTIONS: dict[str, type[BaseModel]] = {
    "": Config,
    "prompts.hub": HubPrompts,
    "prompts.file": FilePrompts,
    "generators": Generator,
    "evolve": Evolver,
    "judge": UltraFeedbackJudge,
    "judges": UltraFeedbackJudge,
    "generate": Generate,
    "generate.budget": Budget,
    "review": PairwiseTask,
    "labels.majority": MajorityResolver,
    "labels.mean": MeanResolver,
    "labels.unanimous": UnanimousResolver,
    "labels.dawid-skene": DawidSkeneResolver,
    "quality": Quality,
    "publish": Publish,
    "store": StoreSection,
}
TAG_KEYS = {"prompts": "type", "labels": "resolver"}
ALLOWED = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "literal_error": "must be {expected}",
    "too_short": "must have {min_length} or more entries, not {actual_length}",
    "string_too_short": "must not be empty",
}
BOUNDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
PATTERNS = {
    NAME: "must be 1 to 64 of letters, digits, '.', '_' and '-', the first a letter or digit",
    REPO_ID: "must be owner/name",
    LICENSE: "must be a licence's identifier on the Hub, such as cc-by-4.0",
    PROVIDER: "must be a provider's name in lower case",
    ACCOUNT: "must be the name of a user or an organisation",
}


def _sentence(fault: Any) -> str:
    """Return what is wrong, as `key = value: what is allowed.`; pydantic's own words where we have none."""
    section, key = _place(fault["loc"])
    kind, value, context = fault["type"], fault["input"], fault.get("ctx", {})
    message = fault["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return _unknown_key(key, SECTIONS[section])
    if kind == "missing":
        return f"{key} is missing."
    if kind == "union_tag_not_found" and isinstance(value, dict):
        return f"{key}.{TAG_KEYS[key]} is missing; it must be 'hub' or 'file'."
    if kind == "union_tag_invalid":
        *tags, last = context["expected_tags"].split(", ")
        return f"{key}.{TAG_KEYS[key]} = {_shown(value[TAG_KEYS[key]])}: must be {', '.join(tags)} or {last}."
    if not key:
        return f"{message}."
    allowed = message[0].lower() + message[1:]
    if kind == "string_pattern_mismatch":
        allowed = PATTERNS[context["pattern"]]
    elif BOUNDS.keys() & context.keys():
        allowed = f"must be {_bounds(SECTIONS[section], key) or _bound(context)}"
    elif kind in ALLOWED:
        allowed = ALLOWED[kind].format(**context)
    # A whole section may hold a secret, and its place says enough.
    return f"{key}: {allowed}." if isinstance(value, dict | list) else f"{key} = {_shown(value)}: {allowed}."


def _bounds(model: type[BaseModel], key: str) -> str:
    """Return all bounds of a number, not just the one that was passed; "" if the field is not simply a number."""
    rules = model.model_fields[key.rpartition(".")[2]].metadata
    # Rules such as strictness bound nothing.
    return " and ".join(filter(None, (_bound({name: getattr(rule, name, None) for name in BOUNDS}) for rule in rules)))


def _bound(limits: Mapping[str, Any]) -> str:
    return " and ".join(f"{BOUNDS[name]} {limit:g}" for name, limit in limits.items() if limit is not None)


def _follows(fault: Any, faults: Sequence[Any]) -> bool:
    """Whether a list is only too short because entries in it are at fault themselves."""
    place = fault["loc"]
    return fault["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in faults
    )


def _place(location: tuple[int | str, ...]) -> tuple[str, str]:
    """Return the section a fault is in and its key as the file has it; entries of a list count from 1."""
    parts = list(location)
    section = str(parts[0]) if len(parts) > 1 else ""
    if section in TAG_KEYS:
        section = f"{section}.{parts.pop(1)}"
    elif len(parts) > 2 and f"{section}.{parts[1]}" in SECTIONS:
        section = f"{section}.{parts[1]}"
    return section, "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _unknown_key(key: str, model: type[BaseModel]) -> str:
    allowed = sorted(model.model_fields)
    close = difflib.get_close_matches(key.rpartition(".")[2], allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{key} is not a setting; {hint}allowed: {', '.join(allowed)}."


def _shown(value: object) -> str:
    """Return a value as a sentence may show it: short, and without what may be a password, a key or a token."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    value = re.sub(r"^([a-zA-Z]+://)?.*@", r"\1***@", value, flags=re.DOTALL)
    value = re.sub(r"\?.*", "?***", value, flags=re.DOTALL) if "://" in value else value
    value = re.sub(r"\bhf_\w+", "hf_***", value)
    return repr(value if len(value) <= 80 else f"{value[:80]}...")


def _address(name: str, value: str | None) -> str | None:
    if not value:
        return None
    if not is_address(value):
        raise ConfigError(f"{name} = {_shown(value)}: must be an http or https address.")
    return value.rstrip("/")
