"""The categories of prompts that reviewers agree on: they stand in the place of those that prompts bring along."""

from __future__ import annotations

from dataclasses import replace

from curation.categories import category_of
from curation.derive.scoring import Scoring
from curation.export.scored import ScoredSets
from curation.frames import pl

LABEL = "$.category[0]"
"""Where the labels of a response (JSON text) hold a corrected category."""


def with_agreed_categories(scored: ScoredSets, scoring: Scoring) -> ScoredSets:
    """Return the scored sets with the category that reviewers agree on, if every prompt brings one along.

    They agree on a category if more than half of the responses to records of the prompt name it; a response that names
    none leaves the category as it is. Only responses that count for verdicts are asked.
    """
    if "category" not in scored.sets.columns:
        return scored
    named = scoring.scored.entries.filter("counted").select(
        "record_no", agreed=pl.col("labels").str.json_path_match(LABEL)
    )
    if not named["agreed"].count():
        return scored
    votes = named.join(scoring.records.select("record_no", "prompt_no"), on="record_no")
    agreed = (
        votes.with_columns(responses=pl.len().over("prompt_no"))
        .drop_nulls("agreed")
        .group_by("prompt_no", "agreed")
        .agg(named=pl.len(), responses=pl.col("responses").first())
        .filter(pl.col("named") * 2 > pl.col("responses"))
        .select("prompt_no", "agreed")
    )
    sets = scored.sets.join(agreed, on="prompt_no", how="left", maintain_order="left")
    categories = [
        own if agreed_on in (None, category_of(own)) else agreed_on
        for own, agreed_on in sets.select("category", "agreed").iter_rows()
    ]
    return replace(scored, sets=sets.drop("agreed").with_columns(category=pl.Series(categories, dtype=pl.String)))
