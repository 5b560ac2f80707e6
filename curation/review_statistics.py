"""The statistics of reviews: how far reviewers agree with each other, with gold records, with judges and with labels.

`labels` computes them from the responses; the card and `curation status` show them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from curation.types import Row, Scores


class Measure(Row):
    """A number that was measured on `count` things, with the ends of its 95 % interval.

    If it is not defined, `value` is null and `reason` says why.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0
    reason: str | None = None


class Leaning(NamedTuple):
    """Divides the answers to a review task into two kinds, to see whether a reviewer gives one kind too often.

    - `title`: what answers of the first kind do: "prefers the first answer"
    - `to(scores)`: True for an answer of the first kind, False for one of the second, None for one of neither
    - `even`: whether an honest reviewer gives as many answers of each kind, because the order on the page is random
    """

    title: str
    to: Callable[[Scores], bool | None]
    even: bool


class ReviewerStatistics(Row):
    """Statistics of one reviewer's answers.

    - `responses`: how many answers count
    - `agreement`: the share of the other reviewers of the same records who gave the same answer
    - `leaning`: the share of answers of the first kind among those of either kind (see Leaning)
    - `marks`: what is unusual: "contrary", "random", "one_sided" (see `labels.reviewers`)
    """

    reviewer: str
    responses: int
    agreement: Measure
    leaning: Measure
    marks: tuple[str, ...] = ()


class GoldAccuracy(Row):
    """How often a reviewer is right on gold records. `marked` says that it is too seldom (`labels.accuracy`)."""

    reviewer: str
    accuracy: Measure
    marked: bool


WRONG_ON_GOLD = "wrong_on_gold"
"""The mark of a reviewer who is right too seldom on gold records, beside the marks of ReviewerStatistics."""


@dataclass(frozen=True, slots=True)
class JudgePair:
    """How often two judges prefer the same one of two answers.

    - `judges`: their names, sorted
    - `pairs`: the pairs of answers that both rated; on `undecided` of them one judge or both gave equal ratings
    - `sets`: the candidate sets with a pair that is not undecided
    - `equal`: the sum over these sets of the share of their decided pairs on which both prefer the same answer
    """

    judges: tuple[str, str]
    pairs: int
    undecided: int
    sets: int
    equal: float


class JudgesAgreement(Row):
    """How far two judges agree, on the pairs of answers of which both prefer one.

    `equal` is the mean over candidate sets of the share of equal choices; 0.5 is what coins would give. `undecided` is
    the share of pairs on which one judge or both gave equal ratings, null if they have no pair in common.
    """

    judges: tuple[str, str]
    equal: Measure
    undecided: float | None


class JudgeAgreement(Row):
    """How far the judge agrees with people, on the records where both prefer one of two candidates.

    `accuracy` is the share of equal choices, `kappa` is Cohen's kappa.
    """

    accuracy: Measure
    kappa: Measure


class CriterionAgreement(Row):
    """How far a judge agrees with people by one of its criteria or aspects.

    `asked` is whether people were asked about an aspect of this name; if not, it is compared with which answer they
    prefer as a whole. `kappa` is Cohen's with linear weights, on records where the first answer, the second or neither
    is preferred; of records with a single answer, where it is good, bad or neither.
    """

    judge: str
    criterion: str
    asked: bool
    kappa: Measure


class SuggestionEffect(Row):
    """Whether people follow the judge more where they see what it says.

    `shown` and `hidden` are the shares of records on which they prefer what the judge prefers, where they saw it and
    where they did not; `difference` is the first less the second.
    """

    shown: Measure
    hidden: Measure
    difference: Measure


class JudgeCheck(Row):
    """What is known of the judge from people.

    - `kappa`: how far its ratings as a whole, of all judges and criteria together, agree with what people prefer, as in
      CriterionAgreement. Records that showed a suggestion count neither here nor in `criteria`.
    - `suggestions`: null if no record with a suggestion was answered
    - `left_to_judge`: how many candidate sets are not shown because the judge was sure (`JUDGE_SURE`)
    - `disagreement`: of the sample of such sets that people review all the same, on what share of records they do not
      prefer what the judge prefers; null if none was reviewed
    """

    kappa: Measure
    criteria: tuple[CriterionAgreement, ...]
    suggestions: SuggestionEffect | None
    left_to_judge: int
    disagreement: Measure | None

    @property
    def known(self) -> bool:
        """Whether anything could be compared, or is left to the judge."""
        return bool(self.kappa.count or self.criteria or self.suggestions or self.left_to_judge or self.disagreement)


class Difference(Row):
    """A record on which people prefer another answer than its source: the scores by the source and by people.

    The scores have the order of `ReviewRecord.candidates`. `prompt` is the last message of the user.
    """

    record_id: str
    prompt: str
    imported: Scores
    scores: Scores


class ImportedAgreement(Row):
    """How far people agree with the labels that answers came with, on the records where both prefer an answer.

    `share` is the share of equal choices, `undecided` counts the records where people or the source have no preference,
    and `differing` has the others on which they do not agree.
    """

    share: Measure
    undecided: int
    differing: tuple[Difference, ...]


class LengthBias(Row):
    """Whether longer texts are chosen more often.

    `longer_chosen` is the share of pairs in which the chosen text is longer. `effect` is the rank-biserial correlation
    of matched pairs of lengths in characters, in [-1, 1] (Kerby 2014): 0 if length has no effect, 1 if every chosen
    text is longer.
    """

    longer_chosen: Measure
    effect: Measure


class Agreement(Row):
    """How far reviewers agree.

    `alpha` is Krippendorff's, at the given level. `percent` is the share of equal pairs of answers to a record.
    `leaning` is the title of the Leaning that is counted for each reviewer: "prefers the first answer".
    """

    level: Literal["nominal", "ordinal", "interval"]
    alpha: Measure
    percent: Measure
    leaning: str
    reviewers: tuple[ReviewerStatistics, ...]
