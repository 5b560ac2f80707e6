"""reviewers list: says how much each reviewer did today and in all, and how much is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from curation.config import Config, Services
from curation.progress.responses import values_of
from curation.report import Report
from curation.review.accounts import members
from curation.review.shares import shares_of
from curation.review_state import pulled_review
from curation.reviewer_counts import ReviewerCounts, counts_of
from curation.services import open_review, open_store
from curation.wording import counted

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview


class ReviewersReport(Report):
    """How much each reviewer did, those with most answers first.

    `records` are in Argilla, and `open` of them still need answers. The day of `today` is in UTC.
    """

    workspace: str
    dataset: str
    records: int
    open: int
    reviewers: tuple[ReviewerCounts, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each reviewer, and the sums."""
        if not self.reviewers:
            return (f"Nobody is in the workspace {self.workspace}: let reviewers in with `curation reviewers add`.",)
        today = sum(reviewer.today for reviewer in self.reviewers)
        total = sum(reviewer.submitted for reviewer in self.reviewers)
        return (
            *(reviewer.line for reviewer in self.reviewers),
            f"Together: {counted(today, 'answer')} today (in UTC), {total:,} in all; {self.open:,} of "
            f"{counted(self.records, 'record')} need more answers.",
        )


def reviewers(config: Config, *, services: Services | None = None) -> ReviewersReport:
    """Return how much each reviewer did today and in all, and how much is left, from Argilla and the store together.

    Raises MissingError without a store, a workspace or a dataset, and what reading Argilla raises.
    """
    services = services or Services.from_environment()
    snapshot = open_store(config, services).snapshot()
    with closing(open_review(config, services)) as review:
        names, accounts = members(review), review.accounts()
        state = pulled_review(review, config, snapshot)
        shares = shares_of(names, overlap=config.review.overlap) if config.review.assignment == "split" else None
        urls = _urls(review, shares or {}, in_order=config.review.in_order)
    records = {name for name in state.record_ids if name in snapshot.all_records and name not in snapshot.retired}
    responses = [response for response in values_of(state.responses) if response.record_id in records]
    needed = config.review.min_submitted
    # Owners may answer without being members. Those who do are listed, the others are not.
    answered = {response.reviewer for response in responses}
    may_answer = {accounts.usernames[user_id] for user_id in accounts.members} & answered
    today = datetime.now(UTC).date()
    counts = counts_of(responses, records, may_answer.union(names), min_submitted=needed, today=today, shares=shares)
    submitted = Counter(response.record_id for response in responses if response.status == "submitted")
    return ReviewersReport(
        workspace=config.review.workspace,
        dataset=config.review_dataset,
        records=len(records),
        open=sum(submitted[name] < needed for name in records),
        reviewers=tuple(count.model_copy(update={"url": urls.get(count.username)}) for count in counts),
    )


def _urls(review: ArgillaReview, shares: Mapping[str, Collection[str]], *, in_order: bool) -> dict[str, str]:
    """Return the page of each reviewer who has shares."""
    dataset_id = review.find()
    if dataset_id is None:
        return {}
    return {name: review.url(dataset_id, in_order=in_order, shares=own) for name, own in shares.items() if own}
