"""The labels that answers came with: as a verdict where nobody else decided, and how far people agree with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.review_statistics import ImportedAgreement
from curation.types import Drop, Scores, Verdict
from curation.wording import counted, excerpt, percent

LONGEST_PROMPT = 80
"""So many characters of a prompt are shown in a line."""
MIDDLE = 0.5
"""An answer that is shown alone is called good above this score, and bad below it."""


def imported_verdict(record_id: str, scores: Scores) -> Verdict | Drop:
    """Return the labels of the source as scores. Drops "no_imported_label": fewer than two of several have a label.

    The verdict has no reviewers, no agreement, no edits, and `label_source = "imported"`.
    """
    if sum(score is not None for score in scores) < min(2, max(1, len(scores))):
        return Drop(id=record_id, reason="no_imported_label")
    return Verdict(scores=tuple(scores), reviewers=0, agreement=None, label_source="imported")


def agrees(imported: Scores, scores: Scores) -> bool | None:
    """Return whether people prefer the same answer as the source, or call the only answer good or bad as it does.

    None if either has no preference, as with a tie or without a label: imported (1, 0) against scores (1, 1).
    """
    by_source, by_people = _preferred(imported), _preferred(scores)
    return None if by_source is None or by_people is None else by_source == by_people


def imported_lines(agreement: ImportedAgreement, *, records: int) -> Iterator[str]:
    """Yield how often people agree with the source, and the first so many records on which they do not."""
    share, undecided = agreement.share, f"; {agreement.undecided:,} more without a preference"
    more = undecided if agreement.undecided else ""
    if share.value is None or share.low is None or share.high is None:
        yield f"How far people agree with the labels of the source is not known: {share.reason}{more}."
        return
    yield (
        f"People agree with the labels of the source on {percent(share.value)} of {counted(share.count, 'record')} "
        f"({percent(share.low)} to {percent(share.high)}){more}."
    )
    for difference in agreement.differing[:records]:
        yield f"  not on {difference.record_id}: {excerpt(difference.prompt, LONGEST_PROMPT)}"
    if len(agreement.differing) > records:
        yield f"  and {len(agreement.differing) - records:,} more (`--format json` lists all)."


def _preferred(scores: Sequence[float | None]) -> int | None:
    """Return the place of the one best answer; of an answer that is shown alone 1 for a good one, 0 for a bad one."""
    if len(scores) == 1:
        return None if scores[0] in (None, MIDDLE) else int(scores[0] > MIDDLE)
    known = [score for score in scores if score is not None]
    if len(known) < 2 or known.count(max(known)) > 1:
        return None
    return scores.index(max(known))
