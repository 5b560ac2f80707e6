"""How much each reviewer did today and in all, and how much is left for each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date

from curation.config import Config, Services
from curation.errors import MissingError
from curation.review.shares import share_of
from curation.services import open_store
from curation.types import Response, Row
from curation.wording import counted


class ReviewerCounts(Row):
    """What a reviewer did.

    - `member`: whether the reviewer is in the workspace. `left` is null for those who are not.
    - `today`, `submitted`: submitted answers of the day, in UTC, and in all
    - `left`: records that need more answers, and that the reviewer neither submitted nor discarded; with
      `assignment = "split"` of the reviewer's shares alone
    - `url`: with `assignment = "split"` the page that shows these shares, else null
    """

    username: str
    member: bool
    today: int
    submitted: int
    drafts: int
    discarded: int
    left: int | None
    url: str | None = None

    @property
    def line(self) -> str:
        """What the reviewer did: "nadia: 12 answers today, 340 in all (1 draft, 2 discarded), 160 left."."""
        unfinished = {counted(self.drafts, "draft"): self.drafts, f"{self.discarded:,} discarded": self.discarded}
        other = ", ".join(name for name, count in unfinished.items() if count)
        left = f"{self.left:,} left" if self.left is not None else "no longer in the workspace"
        return (
            f"{self.username}: {counted(self.today, 'answer')} today, {self.submitted:,} in all"
            f"{f' ({other})' if other else ''}, {left}.{f' {self.url}' if self.url is not None else ''}"
        )


def counts_of(
    responses: Iterable[Response],
    records: Collection[str],
    members: Collection[str],
    *,
    min_submitted: int,
    today: date,
    shares: Mapping[str, Collection[str]] | None = None,
) -> tuple[ReviewerCounts, ...]:
    """Return the counts of each member and of each other reviewer who answered, those with most answers first.

    `records` are the ids of the records that reviewers may answer; `responses` are to them. `shares` has the shares of
    each member whose records are for that member; null if all records are for everybody.
    """
    of_reviewer: defaultdict[str, list[Response]] = defaultdict(list)
    submitted: Counter[str] = Counter()
    for response in responses:
        of_reviewer[response.reviewer].append(response)
        submitted[response.record_id] += response.status == "submitted"
    needed = {record_id for record_id in records if submitted[record_id] < min_submitted}

    def needed_of(name: str) -> set[str]:
        if shares is None:
            return needed
        return {record_id for record_id in needed if share_of(record_id) in shares.get(name, ())}

    counts = [
        _counts(name, of_reviewer[name], today, needed_of(name) if name in members else None)
        for name in sorted({*of_reviewer, *members})
    ]
    return tuple(sorted(counts, key=lambda reviewer: -reviewer.submitted))


def _counts(name: str, responses: Collection[Response], today: date, needed: set[str] | None) -> ReviewerCounts:
    statuses = Counter(response.status for response in responses)
    decided = {response.record_id for response in responses if response.status != "draft"}
    return ReviewerCounts(
        username=name,
        member=needed is not None,
        today=sum(_is_of(response, today) for response in responses),
        submitted=statuses["submitted"],
        drafts=statuses["draft"],
        discarded=statuses["discarded"],
        left=None if needed is None else len(needed - decided),
    )


def _is_of(response: Response, day: date) -> bool:
    moment = response.updated_at or response.inserted_at
    return response.status == "submitted" and moment is not None and moment.date() == day


def stored_answers(config: Config, services: Services) -> Counter[str]:
    """Return the number of responses of each reviewer in the store; none without a store."""
    try:
        snapshot = open_store(config, services).snapshot()
    except MissingError:
        return Counter()
    return Counter(reviewer for _, reviewer in snapshot.responses)
