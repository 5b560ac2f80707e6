"""The keys of `[review]` that every task has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from curation.files import suffix_of
from curation.review.adjudication import AdjudicationOptions
from curation.review.budget import Priority, SkipIf
from curation.review.limits import checked_guidelines
from curation.section import ARGILLA_DATASET, ARGILLA_WORKSPACE, FILTER_NAME

Guidelines = Annotated[str, AfterValidator(checked_guidelines)]

FLAGS = ("unsafe", "personal_data", "wrong_language", "broken_prompt")
"""What a reviewer can say is wrong with a record, unless the configuration names other flags."""
FEWEST_FLAGS, MOST_FLAGS = 2, 9
"""Argilla refuses a choice of one label, and a key of the keyboard has one digit."""


def checked_flags(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the flags. Raises ValueError unless there are none, or 2 to 9 that differ."""
    if len(set(flags)) < len(flags):
        raise ValueError("must name each flag once")
    if flags and not FEWEST_FLAGS <= len(flags) <= MOST_FLAGS:
        raise ValueError(f"must name {FEWEST_FLAGS} to {MOST_FLAGS} flags, or none, not {len(flags)}")
    return flags


Flag = Annotated[str, StringConstraints(pattern=FILTER_NAME)]
Flags = Annotated[tuple[Flag, ...], AfterValidator(checked_flags)]

GOLD_SUFFIXES = (".jsonl", ".ndjson", ".json")


def checked_gold(gold: Path | None) -> Path | None:
    """Return the path of the gold file. Raises ValueError unless its name is that of a JSON file."""
    if gold is not None and suffix_of(gold) not in GOLD_SUFFIXES:
        raise ValueError(f"must end in {', '.join(GOLD_SUFFIXES)}, or in .gz behind one of these")
    return gold


def checked_share(value: Any, check: ValidatorFunctionWrapHandler) -> bool | float:
    """Return the value. Raises ValueError, with one sentence for both types, unless it is a boolean or 0 to 1."""
    try:
        checked: bool | float = check(value)
    except ValidationError:
        raise ValueError("must be true, false, or a share from 0 to 1") from None
    return checked


Shown = Annotated[bool | Annotated[float, Field(ge=0, le=1)], WrapValidator(checked_share)]


class ReviewOptions(AdjudicationOptions):
    """The options that all tasks share; a task adds `task`, its `guidelines` and options of its own."""

    workspace: Annotated[str, StringConstraints(pattern=ARGILLA_WORKSPACE)] = "argilla"
    """The workspace in Argilla; it must exist. Letters, digits, `_` and `-`."""
    dataset: Annotated[str, StringConstraints(pattern=ARGILLA_DATASET)] | None = None
    """The dataset in Argilla: by default it is called as the curation is. Up to 200 characters."""
    full_every: Annotated[float, Field(ge=0)] = 24.0
    """After so many hours `sync` reads all answers, even if Argilla says that little or nothing changed since then."""
    min_submitted: PositiveInt = 1
    """When a record has so many answers, Argilla shows it to nobody else."""
    assignment: Literal["overlap", "split"] = "overlap"
    """`"overlap"`: everybody sees all records. `"split"`: each record is for `overlap` reviewers, and `curation
    reviewers list` has a link for everyone."""
    overlap: PositiveInt = 1
    """With `assignment = "split"`: how many reviewers answer each record; it is `min_submitted` too."""
    show_suggestions: Shown = False
    """`true`: new records suggest the answer that follows from the judge's ratings. A share, 0 to 1: so many of them
    do, chosen by chance, and reports say whether reviewers follow the judge there."""
    layout: Literal["card", "fields"] | None = None
    """How a record is shown: `"card"` (answers side by side on a page made for comparing them) or `"fields"` (one below
    the other, as Argilla shows texts). By default a card where a record shows two answers or more. It cannot change
    once records are in Argilla."""
    skip_if: SkipIf | None = None
    """Candidate sets that people are not asked about, because the judge is sure of them. Its ratings decide there, and
    people review a twentieth of them all the same."""
    priority: Priority | None = None
    """The order in which new records are pushed: `"uncertain"` (first what the judge is least sure of), `"random"`, or
    without it that of the prompts."""
    edit: bool = True
    """`false`: reviewers are not asked for a better answer."""
    comment: bool = True
    """`false`: reviewers are not asked for a comment."""
    flags: Flags = FLAGS
    """What reviewers can flag a record for: 2 to 9 names of small letters, digits and `_`. `[]`: they are not asked."""
    gold: Annotated[Path | None, AfterValidator(checked_gold)] = None
    """A .jsonl file of prompts with answers and the right answer, relative to the TOML file: records that measure
    reviewers, and are never published."""
    gold_share: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """The share of gold records among all records that reviewers are shown."""
    calibration: NonNegativeInt = 0
    """So many gold records come first for everyone who opens the link that `push` and `status` show."""

    @model_validator(mode="after")
    def _asks_each_share(self) -> Self:
        if self.assignment == "overlap":
            if self.overlap != 1:
                raise ValueError('overlap needs assignment = "split"; without it min_submitted says how many answer')
            return self
        if "min_submitted" in self.model_fields_set and self.min_submitted != self.overlap:
            raise ValueError('with assignment = "split" overlap says how many answer: leave min_submitted out')
        # A frozen model is set so while it is made: one number says how many answers a record needs, however it came.
        object.__setattr__(self, "min_submitted", self.overlap)
        if self.calibration:
            raise ValueError('calibration needs assignment = "overlap": with "split" nobody sees all records')
        return self

    @model_validator(mode="after")
    def _calibrates_with_gold(self) -> Self:
        if self.calibration and self.gold is None:
            raise ValueError("calibration needs gold, a file of records whose right answer is known")
        return self

    @property
    def compares(self) -> bool:
        """Whether a record shows two answers or more."""
        return False

    @property
    def on_card(self) -> bool:
        """Whether records are shown on a card."""
        return self.layout == "card" or (self.layout is None and self.compares)

    @property
    def in_order(self) -> bool:
        """Whether the link for reviewers shows records in the order of their push.

        Else Argilla shows each reviewer an order of their own, and what was pushed first does not come first.
        """
        return self.calibration > 0 or self.priority is not None

    @property
    def graded(self) -> bool:
        """Whether reviewers say by how much one of two answers is better."""
        return False

    @property
    def reasons_published(self) -> bool:
        """Whether `raw` has what reviewers wrote as reasons."""
        return False
