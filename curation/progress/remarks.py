"""What reviewers commented and flagged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from curation.frames import pl
from curation.progress.responses import values_of
from curation.review import reading_task
from curation.store import Snapshot
from curation.types import Annotation, Response, Row
from curation.wording import counted, excerpt

PROMPT_EXCERPT, COMMENT_EXCERPT = 40, 500
REMARKS = ("comment", "flags")
"""The questions of every task whose answers are remarks."""
MOST_FLAGGED = 20
"""A report holds the ids of so many records for each flag."""
IDS_IN_LINE = 3


class Comment(Row):
    """A comment of a reviewer on a record. `prompt` and `comment` are excerpts."""

    reviewer: str
    record_id: str
    prompt: str
    comment: str


class Flagged(Row):
    """How many records reviewers flagged for one thing, and the ids of the first 20 of them in the order of ids."""

    flag: str
    records: int
    record_ids: tuple[str, ...]

    @property
    def line(self) -> str:
        """How many records were flagged, with three ids at most: "Flagged as unsafe: 4 records (0a1b, 2c3d, ...)."."""
        more = ", ..." if self.records > IDS_IN_LINE else ""
        ids = ", ".join(self.record_ids[:IDS_IN_LINE])
        return f"Flagged as {self.flag}: {counted(self.records, 'record')} ({ids}{more})."


def remarks_of(snapshot: Snapshot, responses: pl.DataFrame) -> list[tuple[Response, Annotation]]:
    """Return the responses that have a comment or flags, with what they mean, in the order of reviewers and records."""
    # Most responses have neither, and to read what a response means takes time.
    asked = pl.any_horizontal(pl.col("values").str.contains(f'"{name}"', literal=True) for name in REMARKS)
    maybe = responses.filter(asked).sort("reviewer", "record_id")
    records = snapshot.shown_by_id(maybe["record_id"].to_list())
    remarks = []
    for response in values_of(maybe):
        record = records[response.record_id]
        annotation = reading_task(record.task).annotation(response, record)
        if annotation.comment is not None or annotation.flags:
            remarks.append((response, annotation))
    return remarks


def flagged_records(remarks: Iterable[tuple[Response, Annotation]]) -> tuple[Flagged, ...]:
    """Return what reviewers flagged, in the order of flags."""
    records: dict[str, set[str]] = {}
    for response, annotation in remarks:
        for flag in annotation.flags:
            records.setdefault(flag, set()).add(response.record_id)
    return tuple(
        Flagged(flag=flag, records=len(record_ids), record_ids=tuple(sorted(record_ids)[:MOST_FLAGGED]))
        for flag, record_ids in sorted(records.items())
    )


def comments_of(snapshot: Snapshot, commented: Sequence[tuple[Response, str]]) -> tuple[Comment, ...]:
    """Return the comments with excerpts of their prompts."""
    records = snapshot.shown_by_id([response.record_id for response, _ in commented])
    of_gold = [record.candidate_set for record in snapshot.gold.values()]
    set_ids = {records[response.record_id].set_id for response, _ in commented}
    prompts = {
        candidate_set.id: candidate_set.prompt.messages[-1].content
        for candidate_set in (*of_gold, *(snapshot.each_candidate_set() if set_ids else ()))
        if candidate_set.id in set_ids
    }
    return tuple(
        Comment(
            reviewer=response.reviewer,
            record_id=response.record_id,
            prompt=excerpt(prompts.get(records[response.record_id].set_id, ""), PROMPT_EXCERPT),
            comment=excerpt(comment, COMMENT_EXCERPT),
        )
        for response, comment in commented
    )
