"""The categories of prompts that reviewers agree on: they stand in the place of those that prompts bring along."""

from __future__ import annotations

from dataclasses import replace

from curation.categories import category_of, subcategory_of
from curation.derive.scoring import Scoring
from curation.export.scored import ScoredSets
from curation.frames import pl

LABEL = "$.category[0]"
"""Where the labels of a response (JSON text) hold a corrected category."""


def with_agreed_categories(scored: ScoredSets, scoring: Scoring) -> ScoredSets:
    """Return the scored sets with the category that reviewers agree on, if every prompt brings one along.

    They agree on a category if more than half of the responses to records of the prompt name it; a response that names
    none leaves the category as it is. Only responses that count for verdicts are asked. A prompt whose category changes
    keeps its subcategory only if the checklist has it in the new category; otherwise its subcategory becomes null.
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
    corrected = [
        own if agreed_on in (None, category_of(own)) else agreed_on
        for own, agreed_on in sets.select("category", "agreed").iter_rows()
    ]
    columns = {"category": corrected}
    if "subcategory" in sets.columns:
        columns["subcategory"] = [
            subcategory if new == own or (new is not None and subcategory_of(new, subcategory)) else None
            for own, new, subcategory in zip(sets["category"], corrected, sets["subcategory"], strict=True)
        ]
    replaced = (pl.Series(name, values, dtype=pl.String) for name, values in columns.items())
    return replace(scored, sets=sets.drop("agreed").with_columns(*replaced))
