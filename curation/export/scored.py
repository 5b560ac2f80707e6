"""What every export starts from: candidate sets with one resolved score, or none, for each of their answers."""

from __future__ import annotations

from dataclasses import dataclass

from curation.frames import pl
from curation.types import LabelSource

LABEL_SOURCES: tuple[LabelSource, ...] = ("adjudicated", "human", "simulated", "judge", "imported", "role")
"""Who decided the scores, from the best source to the weakest. A row of two sources names the weaker one."""
HUMAN = LABEL_SOURCES.index("human")


@dataclass(frozen=True, slots=True)
class ScoredSets:
    """The scored sets of a segment as frames that are joined by number.

    - `sets`: a line for each set with a score: set_no, prompt_no, prompt_id, prompt (messages), source, language,
      split, and the columns that come with prompts.
    - `answers`: a line for each scored answer of a set, the worst first: answer_no, set_no, prompt_no, candidate_id,
      text, model, thinking, finish_reason, score, rating, is_edit, edit_similarity, records (the numbers of the records
      whose verdicts gave the score), fault_if_chosen and fault_if_rejected (the check that the answer does not pass as
      a good or as a bad example, null if it passes all). Of two answers with equal scores an edit comes after an answer
      of a model, a higher rating of the judge after a lower one, and then the greater id after the smaller.
    - `records`: a line for each record with a verdict: record_no, record_id, source (index in LABEL_SOURCES), voters,
      agreement.
    - `entries`: a line for each response to a record: entry_no, record_no, reviewer, pseudonym, status, strength,
      labels, flags, reason, adjudication (whether an adjudicator gave it), counted (whether it counts for the verdict),
      and shown (the ids of the candidates on the page, in order).
    - `entry_scores`: the score that each response gives to each answer: entry_no, candidate_id, score.

    For example, one record shows answers x and y of one set, and ann and bob both prefer x:

        records         record_no 0, source 1 ("human"), voters 2, agreement 1.0
        answers         answer_no 0, candidate_id "y", score 0.0, then answer_no 1, candidate_id "x", score 1.0
        entries         entry_no 0, record_no 0, reviewer "ann", then entry_no 1, record_no 0, reviewer "bob"
        entry_scores    (0, "x", 1.0), (0, "y", 0.0), (1, "x", 1.0), (1, "y", 0.0)
    """

    sets: pl.DataFrame
    answers: pl.DataFrame
    records: pl.DataFrame
    entries: pl.DataFrame
    entry_scores: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that scored sets give to a config, and the reasons why sets give none or fewer.

    `frame` has the columns row_no and set_no, and for each side of the exporter a column of answer_no: for pairs,
    chosen and rejected. `lost` has the columns set_no and reason, a line for each row that is missing.
    """

    frame: pl.DataFrame
    lost: pl.DataFrame


def lost(frame: pl.DataFrame, reason: str | pl.Expr) -> pl.DataFrame:
    """Return why the sets in `frame` lose rows: set_no and reason."""
    return frame.select(
        "set_no", reason=(pl.lit(reason, pl.String) if isinstance(reason, str) else reason).cast(pl.String)
    )
