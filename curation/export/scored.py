"""What every export starts from: candidate sets with one resolved score, or none, for each of their answers."""

from __future__ import annotations

from dataclasses import dataclass

from curation.frames import pl
from curation.types import LabelSource

LABEL_SOURCES: tuple[LabelSource, ...] = ("adjudicated", "human", "simulated", "judge", "imported", "role")
"""Whose answers decide, best first. A row that needs two of them has the later one."""
HUMAN = LABEL_SOURCES.index("human")


@dataclass(frozen=True, slots=True)
class ScoredSets:
    """The scored sets of a segment as frames that are joined by number.

    - `sets`: a row per set with a score: set_no, prompt_no, prompt_id, prompt (messages), source, language, split, and
      the columns that prompts bring along.
    - `answers`: a row per scored answer of a set, worst first: answer_no, set_no, prompt_no, candidate_id, text, model,
      thinking, finish_reason, score, rating, is_edit, edit_similarity, records (the numbers of the records whose
      verdicts gave the score), fault_if_chosen and fault_if_rejected (the check that it does not pass as a good or a
      bad example, null if it passes all).
      Of answers with equal scores an edit is better, then the one that the judge rated higher, then the greater id.
    - `records`: a row per record with a verdict: record_no, record_id, source (place in LABEL_SOURCES), voters,
      agreement.
    - `entries`: a row per response to a record: entry_no, record_no, reviewer, pseudonym, status, strength, labels,
      flags, reason, adjudication (whether an adjudicator gave it), counted (whether it counts for the verdict), and
      shown (the ids of the candidates on the page, in order).
    - `entry_scores`: what a response says of an answer: entry_no, candidate_id, score.
    """

    sets: pl.DataFrame
    answers: pl.DataFrame
    records: pl.DataFrame
    entries: pl.DataFrame
    entry_scores: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that scored sets give to a config, and why sets give no others.

    `frame` has the columns row_no, set_no, and a column of answer_no for each side of the exporter, such as chosen and
    rejected. `lost` has set_no and reason, a row for each reason.
    """

    frame: pl.DataFrame
    lost: pl.DataFrame


def lost(frame: pl.DataFrame, reason: str | pl.Expr) -> pl.DataFrame:
    """Return why the sets in `frame` lose rows: set_no and reason."""
    return frame.select(
        "set_no", reason=(pl.lit(reason, pl.String) if isinstance(reason, str) else reason).cast(pl.String)
    )
