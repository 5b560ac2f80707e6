"""The keys of `[review]` that every task has."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, StringConstraints

from curation.review.limits import checked_guidelines
from curation.section import ARGILLA_DATASET, ARGILLA_WORKSPACE, FILTER_NAME, Section

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


class ReviewOptions(Section):
    """The options that all tasks share; a task adds `task`, its `guidelines` and options of its own."""

    workspace: Annotated[str, StringConstraints(pattern=ARGILLA_WORKSPACE)] = "argilla"
    """The workspace in Argilla; it must exist. Letters, digits, `_` and `-`."""
    dataset: Annotated[str, StringConstraints(pattern=ARGILLA_DATASET)] | None = None
    """The dataset in Argilla: by default it is called as the curation is. Up to 200 characters."""
    full_every: Annotated[float, Field(ge=0)] = 24.0
    """After so many hours `sync` reads all answers, even if Argilla says that nothing changed since the last one."""
    min_submitted: PositiveInt = 1
    """When a record has so many answers, Argilla shows it to nobody else."""
    show_suggestions: bool = False
    """`true`: new records suggest the answer that follows from the judge's ratings."""
    edit: bool = True
    """`false`: reviewers are not asked for a better answer."""
    comment: bool = True
    """`false`: reviewers are not asked for a comment."""
    flags: Flags = FLAGS
    """What reviewers can flag a record for: 2 to 9 names of small letters, digits and `_`. `[]`: they are not asked."""

    @property
    def graded(self) -> bool:
        """Whether reviewers say by how much one of two answers is better."""
        return False

    @property
    def reasons_published(self) -> bool:
        """Whether `raw` has what reviewers wrote as reasons."""
        return False
