"""The responses to the records of a segment: what each reviewer said, and how good it finds each answer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from curation.frames import Schema, pl
from curation.labels import Ballot
from curation.types import Annotation

ENTRIES: Schema = {
    "ballot_no": pl.UInt32,
    "place": pl.UInt32,
    "reviewer": pl.String,
    "pseudonym": pl.String,
    "status": pl.String,
    "adjudication": pl.Boolean,
    "counted": pl.Boolean,
    "scores": pl.List(pl.Float64),
    "strength": pl.Int64,
    "labels": pl.String,
    "flags": pl.List(pl.String),
    "reason": pl.String,
}
"""The columns of an annotation; `place` is where it stands in its ballot."""


def entries_of(ballots: Mapping[int, tuple[Annotation, ...]], pseudonyms: Mapping[str, str]) -> pl.DataFrame:
    """Return a row for each annotation of each ballot: the columns of ENTRIES."""
    rows = []
    for ballot_no, ballot in ballots.items():
        submitted = Ballot("", ballot).submitted
        rows += [
            (
                ballot_no,
                place,
                annotation.reviewer,
                pseudonyms[annotation.reviewer],
                annotation.status,
                annotation.adjudication,
                annotation in submitted,
                list(annotation.scores),
                annotation.strength,
                _labels_text(annotation),
                list(annotation.flags),
                annotation.reason,
            )
            for place, annotation in enumerate(ballot)
        ]
    return pl.DataFrame(rows, schema=ENTRIES, orient="row")


def _labels_text(annotation: Annotation) -> str:
    return json.dumps(annotation.labels, ensure_ascii=False, sort_keys=True)


def entry_scores(entries: pl.DataFrame, shown: pl.DataFrame, edits: pl.DataFrame) -> pl.DataFrame:
    """Return what each response says of each answer: entry_no, candidate_id, score; who wrote an edit scores it 1."""
    of_candidates = (
        entries.select("entry_no", "record_no", score="scores", slot=pl.int_ranges(pl.col("scores").list.len()))
        .filter(pl.col("score").list.len() > 0)
        .explode("score", "slot")
        .cast({"slot": pl.UInt32})
        .join(shown.select("record_no", "slot", "candidate_id"), on=["record_no", "slot"])
        .select("entry_no", "candidate_id", "score")
    )
    of_edits = (
        edits.select("record_no", "candidate_id", place="authors")
        .explode("place")
        .join(entries.select("entry_no", "record_no", "place"), on=["record_no", "place"])
        .select("entry_no", "candidate_id", score=pl.lit(1.0))
    )
    return pl.concat([of_candidates, of_edits])
