"""The sections `[publish]`, `[generate]` and `[store]`. The other sections stand in the rooms that use them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from curation.export import PairsPerPrompt
from curation.generation.options import Budget, Engine
from curation.prompts.hub import RepoId
from curation.section import LICENSE, Section

Format = Literal["dpo", "kto", "reward", "sft", "raw"]


class Publish(Section):
    """`[publish]`: where the datasets go, what becomes a row, and in which layout.

    `margin` writes the score gap into `reward`, where TRL's RewardTrainer uses it. `conversational = false` writes
    plain strings. `license` is an identifier of the Hub, such as "cc-by-4.0"; it is yours to state.
    """

    repo_id: RepoId
    """The dataset repo to write to, as owner/name."""
    private: bool = True
    """Whether the repo is created as a private one. Later you can change that on the Hub."""
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("dpo", "kto")
    """The datasets to publish: `"dpo"`, `"kto"`, `"reward"`, `"sft"`, `"raw"`."""
    pairs: PairsPerPrompt = "best-worst"
    """`"best-worst"`: the best and the worst answer to a prompt; `"all"`: every two that are `min_gap` apart."""
    min_gap: Annotated[float, Field(ge=0, le=1)] = 0.25
    """How far apart the scores of a pair must be, 0 to 1."""
    test_size: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """The share of prompts in the test split, 0 to less than 1; `0.0`: no test split."""
    margin: bool = False
    """`true`: a column `margin` with the gap in `reward`, which must be among `formats`."""
    conversational: bool = True
    """`false`: plain strings."""
    license: Annotated[str, Field(pattern=LICENSE)] | None = None
    """The licence, as an identifier of the Hub such as "cc-by-4.0"."""

    method: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    """How the prompts were collected, in Markdown, for the card: of refusal data, the red-teaming method."""
    max_shrink: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The share, 0 to 1, of the stored responses that a `sync` may remove, and of the published rows that a `publish`
    may remove, without `--allow-shrink`. One response, or the rows of one prompt, may always go."""
    lint: Literal["error", "warning"] | None = None
    """`"error"`: rows are published only if `curation lint` finds no error in them; `"warning"`: nor a warning. Only
    with `"dpo"`, `"kto"` or `"reward"` among `formats`."""
    mode: Literal["commit", "pull-request"] = "commit"
    """`"commit"`: a publish writes to main; `"pull-request"`: it opens a pull request, which somebody merges."""
    min_agreement: Annotated[float, Field(ge=-1, le=1)] | None = None
    """The least Krippendorff's alpha, -1 to 1, at which rows are published."""
    min_reviewers: PositiveInt | None = None
    """How many reviewers must have answered, in the whole dataset, before rows are published."""
    min_rows: PositiveInt | None = None
    """How many rows each of `formats` must have, except for `"raw"` beside others, before anything is published."""
    min_judge_kappa: Annotated[float, Field(ge=-1, le=1)] | None = None
    """The least weighted kappa, -1 to 1, of the judge against people at which `judge_fallback` may decide, once 50
    records can be compared."""
    max_tie_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share, 0 to 1, of compared candidate sets that may be ties."""
    min_gold_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    """The least share, 0 to 1, of right answers to gold records, of all reviewers together, at which rows are
    published."""

    @property
    def has_gates(self) -> bool:
        """Whether a gate is set, so that rows may be refused after they were made."""
        gates = (self.min_agreement, self.min_reviewers, self.min_rows, self.min_judge_kappa, self.max_tie_rate)
        return any(gate is not None for gate in (*gates, self.min_gold_accuracy, self.lint))

    @model_validator(mode="after")
    def _each_once(self) -> Publish:
        if len(set(self.formats)) < len(self.formats):
            raise ValueError(f"formats = {list(self.formats)} has a format twice")
        if self.margin and "reward" not in self.formats:
            raise ValueError("margin = true is for the format 'reward', which is not among formats")
        if self.lint is not None and not {"dpo", "kto", "reward"} & set(self.formats):
            raise ValueError(f"lint = {self.lint!r} reads dpo, kto and reward, and none of them is among formats")
        return self


class Generate(Section):
    """`[generate]`: how prompts are asked, and what it may cost.

    `confirm_above` is in US dollars: a run that may cost more, or whose cost is unknown, asks first. `min_success` is
    the share of prompts that must come through for exit code 0.
    """

    engine: Engine = "streaming"
    """The engine that runs the pipeline: `"streaming"`, `"distilabel"`, `"ray"`, or `"batch"` for batch files."""
    min_success: Annotated[float, Field(ge=0, le=1)] = 0.95
    """The share of prompts, 0 to 1, that must be complete for exit code 0."""
    confirm_above: Annotated[float, Field(ge=0)] | None = None
    """US dollars: a run that may cost more, or an unknown amount, asks first."""
    budget: Budget | None = None
    """What all runs of this curation together may use. Only with `engine = "streaming"`."""

    @model_validator(mode="after")
    def _budget_is_kept(self) -> Generate:
        if self.budget is not None and self.engine != "streaming":
            raise ValueError(f"engine = {self.engine!r} cannot stop at a budget; only 'streaming' can")
        return self


class StoreSection(Section):
    """`[store]`: the private dataset repo that keeps everything."""

    repo_id: RepoId
    """A private dataset repo, as owner/name, but not that of `[publish]`. `generate` creates it."""
