"""lint: looks for faults in every row of a preference dataset, whoever made it. Nothing is changed."""

from __future__ import annotations

from typing import Any

from curation.config import Services
from curation.dataset_rows import open_dataset
from curation.errors import ConfigError, DataError
from curation.linting.findings import Bounds
from curation.linting.report import LintReport, lint_report
from curation.linting.safety import Use
from curation.linting.selection import with_preferences
from curation.linting.survey import Survey
from curation.quality.tokens import TokenCounter


def lint(
    dataset: str,
    *,
    config: str | None = None,
    split: str | None = None,
    use: Use = "alignment",
    safety: bool | None = None,
    near_duplicates: float = 0.8,
    max_length_ratio: float = 5.0,
    tokenizer: str | None = None,
    max_length: int = 1024,
    services: Services | None = None,
) -> LintReport:
    """Look for faults in every row of a preference dataset: a file, a folder, or "owner/name" on the Hub.

    - Two prompts with at least the Jaccard similarity `near_duplicates` are near-duplicates.
    - With `safety` True all rows are compared with the checklist for refusal data, and the dataset with the minimum
      size for `use`. With None, only rows with its categories are, and the dataset if most of its prompts have them.
    - With a `tokenizer` (a folder, or "owner/name" on the Hub), rows with more than `max_length` tokens are reported,
      because TRL's trainers would cut them.

    Raises DataError if it is not a preference dataset, MissingError if it or the tokenizer does not exist.
    """
    if not 0.5 <= near_duplicates <= 1 or max_length_ratio <= 1:
        raise ConfigError("near_duplicates must be from 0.5 to 1, and max_length_ratio above 1.")
    if max_length < 1:
        raise ConfigError(f"max_length must be 1 or more, but is {max_length}.")
    services = services or Services.from_environment()
    hub: dict[str, Any] = {"endpoint": services.hub_endpoint, "token": services.hub_token}
    splits = open_dataset(dataset, config=config, split=split, **hub)
    selected, notes = with_preferences(splits, dataset, asked=config is not None)
    bounds = Bounds(max_length_ratio=max_length_ratio, max_length=max_length, safety=safety)
    counter = None if tokenizer is None else TokenCounter(tokenizer, **hub)
    survey = Survey(bounds, near_duplicates=near_duplicates, counter=counter)
    survey.read(selected)
    if not survey.rows:
        raise DataError(f"{dataset} holds no rows.")
    return lint_report(dataset, survey, use=use, tokenizer=tokenizer, notes=notes)
