"""The `dpo` config: best against worst (TRL's conversational preference layout with an explicit prompt)."""

from __future__ import annotations

from collections.abc import Callable

from curation import ids
from curation.export.annotations import published_annotations
from curation.types import HUMAN_EDIT, Candidate, Drop, Message, PreferenceRow, Score, Verdict


def preference_row(verdict: Verdict, *, min_gap: float, pseudonym: Callable[[str], str]) -> PreferenceRow | Drop:
    """Return the best candidate against the worst, if their scores are at least `min_gap` apart.

    An edit wins over a candidate with the same score. Drops: "gap" (too close, ties included) and "identical" (the two
    texts are the same).
    """
    best = max(verdict.scores, key=lambda score: (score.score, _written_by_a_person(score), score.candidate.id))
    worst = min(verdict.scores, key=lambda score: (score.score, _written_by_a_person(score), score.candidate.id))
    gap = best.score - worst.score
    # A tie is no preference, however small the gap that the config accepts.
    if gap <= 0 or gap < min_gap:
        return Drop(id=verdict.record_id, reason="gap")
    if ids.normalise(best.candidate.text) == ids.normalise(worst.candidate.text):
        return Drop(id=verdict.record_id, reason="identical")
    pair = (best.candidate, worst.candidate)
    return PreferenceRow(
        id=ids.row_id("dpo", verdict.record_id, *(candidate.id for candidate in pair)),
        prompt=verdict.prompt.messages,
        chosen=assistant_turn(best.candidate),
        rejected=assistant_turn(worst.candidate),
        prompt_id=verdict.prompt.id,
        record_id=verdict.record_id,
        chosen_score=best.score,
        rejected_score=worst.score,
        score_gap=gap,
        chosen_model=best.candidate.model,
        rejected_model=worst.candidate.model,
        reviewers=verdict.reviewers,
        agreement=verdict.agreement,
        label_source=verdict.label_source,
        source=verdict.prompt.source,
        language=None,
        annotations=published_annotations(verdict, pair, pseudonym=pseudonym),
    )


def assistant_turn(candidate: Candidate) -> tuple[Message, ...]:
    """Return the candidate as a conversation of the assistant's turn alone."""
    return (Message(role="assistant", content=candidate.text),)


def _written_by_a_person(score: Score) -> bool:
    return score.candidate.model == HUMAN_EDIT
