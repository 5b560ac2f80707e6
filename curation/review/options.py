"""The keys of `[review]` that every task has."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, PositiveInt, StringConstraints

from curation.review.limits import checked_guidelines
from curation.section import ARGILLA_DATASET, ARGILLA_WORKSPACE, Section

Guidelines = Annotated[str, AfterValidator(checked_guidelines)]


class ReviewOptions(Section):
    """The options that all tasks share; a task adds `task`, its `guidelines` and options of its own."""

    workspace: Annotated[str, StringConstraints(pattern=ARGILLA_WORKSPACE)] = "argilla"
    """The workspace in Argilla; it must exist. Letters, digits, `_` and `-`."""
    dataset: Annotated[str, StringConstraints(pattern=ARGILLA_DATASET)] | None = None
    """The dataset in Argilla: by default it is called as the curation is. Up to 200 characters."""
    min_submitted: PositiveInt = 1
    """When a record has so many answers, Argilla shows it to nobody else."""
    show_suggestions: bool = False
    """`true`: new records suggest the answer that follows from the judge's ratings."""
    edit: bool = True
    """`false`: reviewers are not asked for a better answer."""
    comment: bool = True
    """`false`: reviewers are not asked for a comment."""
