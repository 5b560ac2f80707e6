"""The Argilla datasets of a curation: that in which all records are reviewed, and that of the adjudicators."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from curation.ids import content_hash
from curation.review.adjudication import Adjudicated, adjudication_settings
from curation.review.pulled import Pulled
from curation.types import Response

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview


@dataclass(frozen=True, slots=True)
class ReviewDatasets:
    """The datasets of a review task, on one connection.

    `adjudication` is null if nothing was escalated. Then nobody is asked about a second dataset, whose name may be that
    of another curation's. `answered` is whether the store holds an answer of an adjudicator.
    """

    task: Adjudicated
    review: ArgillaReview
    adjudication: ArgillaReview | None
    answered: bool

    def check(self) -> None:
        """Raise RefusedError if the settings of a dataset that exists are not those of the task."""
        self.review.check(self.task.settings())
        if self.adjudication is not None:
            self.adjudication.check(adjudication_settings(self.task))

    def activity(self) -> str | None:
        """Return a hash that changes when anything happens in either dataset (see `ArgillaReview.activity`)."""
        activity = self.review.activity()
        if activity is None or self.adjudication is None:
            return activity
        return content_hash("activity of both", activity, self.adjudication.activity())

    def pull(
        self, only: Collection[str] | None = None, *, stored: Collection[Response] = ()
    ) -> tuple[Pulled, Pulled | None]:
        """Return what both datasets hold, the second null if there is none yet.

        With `only` or `stored` some of the records of the first are read, and all of the second, which has few. Raises
        the errors of `ArgillaReview.pull`: the dataset of the adjudicators may only be missing or empty if nobody
        answered there.
        """
        if self.adjudication is None:
            return self.review.pull(only, stored=stored), None
        dataset_id = self.adjudication.find()
        pulled = self.review.pull(only, beside=dataset_id, stored=stored)
        _, records = self.adjudication.progress()
        return pulled, self.adjudication.pull() if records or self.answered else None


def together(review: Pulled, adjudication: Pulled | None) -> Pulled:
    """Return what two datasets of one workspace hold as if it were one; the second was read last."""
    if adjudication is None:
        return review
    return replace(
        review,
        records={**review.records, **adjudication.records},
        answers=(*review.answers, *adjudication.answers),
        accounts=adjudication.accounts,
        read=None if review.read is None else review.read + len(adjudication.records),
    )
