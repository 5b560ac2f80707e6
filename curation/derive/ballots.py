"""From responses to verdicts: what each response means, and what a resolver makes of all responses to a record.

A task turns a response into an `Annotation`, a resolver a ballot into a `Verdict`: pure functions of small values. They
are called once for each distinct response and each distinct ballot, of which a store of a million records has a
few hundred unless people write texts; frames hold their numbers.

    responses  record_no annotation_no     ballots  ballot_no annotations     records  record_no ballot_no
               0         0 (ann: a)                 0         (0, 1)                   0         0
               0         1 (bob: b)                 1         ()                       1         1
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.frames import pl
from curation.labels import Ballot, Resolver, Votes
from curation.labels.votes import order_of_answers
from curation.store import ESCALATED_RECORDS, RESPONSES, Snapshot
from curation.types import Annotation, Drop, LabelSource, Response, ReviewRecord, Verdict

Annotate = Callable[[Response, ReviewRecord], Annotation]
"""What a response to a record means, by the task of the record."""

MEANING = ("task", "candidates", "reviewer", "status", "values", "adjudication")
"""What the meaning of a response depends on: responses that are alike in these mean the same."""


@dataclass(frozen=True, slots=True)
class Ballots:
    """The distinct ballots of a store; a ballot is the annotations of all who responded to a record, by reviewer.

    `records` are the records with their ballot_no. `examples` has the id of one record with each ballot. What
    adjudicators said of a record is in its ballot. `reviewers` counts the submitted responses of everybody who
    responded, without those that they gave as adjudicators.
    """

    records: pl.DataFrame
    annotations: tuple[tuple[Annotation, ...], ...]
    examples: tuple[str, ...]
    reviewers: Mapping[str, int]

    def resolved(self, resolver: Resolver) -> list[Verdict | Drop]:
        """Return the verdict of each ballot, or why it has none."""
        return [
            resolver.resolve(Ballot(record_id, annotations))
            for record_id, annotations in zip(self.examples, self.annotations, strict=True)
        ]

    def votes(self, source: LabelSource | None = None) -> Votes:
        """Return the answers that count, in the order of the records; with a source only its ("human", "simulated").

        Those of adjudicators are left out: they saw only what the first reviewers did not agree on.
        """
        ballots = [Ballot("", annotations).first_round for annotations in self.annotations]
        submitted = [ballot.submitted if source is None or ballot.label_source == source else () for ballot in ballots]
        reviewers = sorted({vote.reviewer for votes in submitted for vote in votes})
        answers = sorted({vote.scores for votes in submitted for vote in votes}, key=order_of_answers)
        reviewer_codes = {reviewer: code for code, reviewer in enumerate(reviewers)}
        answer_codes = {answer: code for code, answer in enumerate(answers)}
        counted = pl.DataFrame(
            [
                (ballot_no, reviewer_codes[vote.reviewer], answer_codes[vote.scores])
                for ballot_no, votes in enumerate(submitted)
                for vote in votes
            ],
            schema={"ballot_no": pl.UInt32, "reviewer": pl.Int32, "answer": pl.Int32},
            orient="row",
        )
        votes = (
            self.records.select("ballot_no")
            .with_row_index("record")
            .join(counted, on="ballot_no", maintain_order="left_right")
        )
        return Votes(
            record=votes["record"].cast(pl.Int32).to_numpy(),
            reviewer=votes["reviewer"].to_numpy(),
            answer=votes["answer"].to_numpy(),
            reviewers=tuple(reviewers),
            answers=tuple(answers),
            records=self.records.height,
        )


def read_ballots(snapshot: Snapshot, records: pl.DataFrame, annotate: Annotate) -> Ballots:
    """Return the ballots of `records`; responses to other records are left out.

    Raises DataError for a submitted response that its task cannot read.
    """
    responses, annotations = _read_responses(snapshot, records, annotate)
    counts = responses["annotation_no"].value_counts()
    submitted = Counter({annotation.reviewer: 0 for annotation in annotations})
    for annotation_no, count in counts.iter_rows():
        annotation = annotations[annotation_no]
        submitted[annotation.reviewer] += count * (annotation.status == "submitted" and not annotation.adjudication)
    in_order = responses.sort("record_no", "adjudication", "reviewer")
    ballots = in_order.group_by("record_no", maintain_order=True).agg("annotation_no")
    of_records = records.join(ballots, on="record_no", how="left", maintain_order="left")
    distinct = of_records.unique("annotation_no", keep="first", maintain_order=True).with_row_index("ballot_no")
    numbers = of_records.select("annotation_no").join(
        distinct.select("annotation_no", "ballot_no"), on="annotation_no", nulls_equal=True, maintain_order="left"
    )
    return Ballots(
        records=records.with_columns(numbers["ballot_no"]),
        annotations=tuple(
            tuple(annotations[number] for number in ballot or ()) for ballot in distinct["annotation_no"].to_list()
        ),
        examples=tuple(distinct["record_id"]),
        reviewers=dict(sorted(submitted.items())),
    )


def _read_responses(
    snapshot: Snapshot, records: pl.DataFrame, annotate: Annotate
) -> tuple[pl.DataFrame, list[Annotation]]:
    """The responses to `records` (record_no, reviewer, adjudication, annotation_no), and the distinct annotations by
    their number.
    """
    known: dict[tuple[Any, ...], int] = {}
    annotations: list[Annotation] = []
    parts = []
    present = _present_versions(snapshot, records)
    rows_before = 0
    for batch in snapshot.batches(RESPONSES):
        versions = pl.DataFrame(batch).with_row_index("version_no", offset=rows_before)
        rows_before += versions.height
        of_batch = present.filter(pl.col("version_no").is_between(versions["version_no"].min(), rows_before - 1))
        responses = versions.join(of_batch, on="version_no", maintain_order="left")
        distinct = responses.unique(MEANING, keep="first", maintain_order=True)
        numbers = []
        for row in distinct.iter_rows(named=True):
            key = tuple(row[name] for name in MEANING)
            if key not in known:
                known[key] = len(annotations)
                annotation = annotate(_response(row), _record(records, row["record_no"]))
                annotations.append(annotation.model_copy(update={"adjudication": row["adjudication"]}))
            numbers.append(known[key])
        distinct = distinct.select(*MEANING, annotation_no=pl.Series(numbers, dtype=pl.UInt32))
        responses = responses.join(distinct, on=MEANING, maintain_order="left")
        parts.append(responses.select("record_no", "reviewer", "adjudication", "annotation_no"))
    schema = {"record_no": pl.UInt32, "reviewer": pl.String, "adjudication": pl.Boolean, "annotation_no": pl.UInt32}
    return pl.concat([pl.DataFrame(schema=schema), *parts]), annotations


def _present_versions(snapshot: Snapshot, records: pl.DataFrame) -> pl.DataFrame:
    """The responses to `records` that are there now, neither changed later nor ended, by their row in the table:
    version_no, and record_no, task and number of candidates of the record, and whether it is an adjudicator's.
    """
    versions = pl.DataFrame(snapshot.whole(RESPONSES, ("record_id", "reviewer", "ended")))
    latest = versions.with_row_index("version_no").unique(("record_id", "reviewer"), keep="last")
    first = records.select("record_no", "record_id", "task", candidates=pl.col("shown").list.len())
    escalated = pl.DataFrame(snapshot.whole(ESCALATED_RECORDS, ("id", "record_id")))
    again = escalated.join(first, on="record_id").drop("record_id").rename({"id": "record_id"}).select(first.columns)
    about = pl.concat(
        frame.with_columns(adjudication=pl.lit(adjudication)) for frame, adjudication in ((first, False), (again, True))
    )
    return (
        latest.filter(pl.col("ended").is_null()).drop("reviewer", "ended").join(about, on="record_id").drop("record_id")
    )


def _response(row: Mapping[str, Any]) -> Response:
    return Response.model_validate(
        {name: json.loads(row[name]) if name == "values" else row[name] for name in Response.model_fields}
    )


def _record(records: pl.DataFrame, record_no: int) -> ReviewRecord:
    row = records.row(record_no, named=True)
    return ReviewRecord(
        id=row["record_id"],
        task=row["task"],
        prompt_id=row["prompt_id"],
        set_id=row["set_id"],
        candidates=tuple(row["shown"]),
    )


def used(ballots: Sequence[Any], numbers: pl.Series) -> dict[int, Any]:
    """Return those of `ballots` (annotations or verdicts, by ballot_no) that have one of these numbers."""
    return {number: ballots[number] for number in numbers.unique().to_list()}
