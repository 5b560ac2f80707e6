"""All responses to one record, which of them count, and how a verdict is made of them. Every resolver uses this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Literal, NamedTuple

from curation import ids
from curation.types import SIMULATED_PREFIX, Annotation, Drop, Scores, Verdict

_by_reviewer = attrgetter("reviewer")


class Ballot(NamedTuple):
    """What reviewers and the judge said about the candidates of one record.

    `annotations` are the reviewers' answers, also drafts and discarded ones. `ratings` are the judge's (1 to 5), in the
    order of `ReviewRecord.candidates`; null for a candidate without a rating, and () if there is no judge.
    """

    record_id: str
    annotations: tuple[Annotation, ...]
    ratings: tuple[float | None, ...] = ()

    @property
    def submitted(self) -> tuple[Annotation, ...]:
        """The annotations that count, sorted by reviewer: those of people, or of programs if no person submitted.

        If adjudicators are among them, only theirs count. A program never takes the place of a person.
        """
        submitted = tuple([annotation for annotation in self.annotations if annotation.status == "submitted"])
        if len(submitted) < 2:
            return submitted
        people = [annotation for annotation in submitted if not _simulated(annotation)]
        counted = people or submitted
        adjudicators = [annotation for annotation in counted if annotation.adjudication]
        return tuple(sorted(adjudicators or counted, key=_by_reviewer))

    @property
    def adjudicated(self) -> bool:
        """Whether the annotations that count are those of adjudicators."""
        submitted = self.submitted
        return bool(submitted) and submitted[0].adjudication

    @property
    def first_round(self) -> Ballot:
        """The ballot without what adjudicators said."""
        if not any(annotation.adjudication for annotation in self.annotations):
            return self
        return self._replace(annotations=tuple(given for given in self.annotations if not given.adjudication))

    @property
    def label_source(self) -> Literal["adjudicated", "human", "simulated"]:
        """Whose answers count: adjudicators', other people's or programs'. It is "human" if nobody answered."""
        submitted = self.submitted
        if submitted and _simulated(submitted[0]):
            return "simulated"
        return "adjudicated" if submitted and submitted[0].adjudication else "human"


def too_few(ballot: Ballot, minimum: int) -> Drop | None:
    """Return the reason why a ballot cannot be resolved, None if at least `minimum` reviewers answered.

    The minimum is that of the first reviewers: adjudicators decide, however few they are.

    - "too_few_reviewers": some reviewers answered
    - "discarded": nobody answered, but somebody discarded the record, because they could not answer
    - "unreviewed": nobody answered or discarded it
    """
    answered = len(ballot.submitted)
    if answered >= max(minimum, 1) or ballot.adjudicated:
        return None
    if answered:
        reason = "too_few_reviewers"
    elif any(annotation.status == "discarded" for annotation in ballot.annotations):
        reason = "discarded"
    else:
        reason = "unreviewed"
    return Drop(id=ballot.record_id, reason=reason)


def verdict(
    ballot: Ballot,
    scores: Scores,
    *,
    agreeing: Sequence[Annotation],
    editors: Iterable[Annotation],
    edit_score: float = 1.0,
) -> Verdict:
    """Return the verdict that gives the shown candidates `scores`, and the texts of the editors `edit_score`.

    `agreeing` are the annotations that agree with the scores. Their share of all that count is the agreement, which is
    null if there is only one.
    """
    voters = len(ballot.submitted)
    return Verdict(
        scores=scores,
        edits=edit_texts(editors),
        edit_score=edit_score,
        reviewers=voters,
        agreement=len(agreeing) / voters if voters > 1 else None,
        label_source=ballot.label_source,
    )


def edit_texts(editors: Iterable[Annotation]) -> tuple[str, ...]:
    """Return the texts that editors wrote, without the blanks around them.

    Texts that are equal once they are normalised (`ids.normalise`) stand once, as their first editor wrote them.
    """
    texts: dict[str, str] = {}
    for editor in editors:
        if editor.edit and (text := editor.edit.strip()):
            texts.setdefault(ids.normalise(text), text)
    return tuple(texts.values())


def _simulated(annotation: Annotation) -> bool:
    return annotation.reviewer.startswith(SIMULATED_PREFIX)
