"""Who reviews which records, if not everybody reviews all: `[review] assignment = "split"`.

Every record belongs to one of 60 shares, by a hash of its id, and Argilla has that share as metadata of the record.
Each share has `overlap` reviewers. A reviewer opens a link that shows the records of their shares alone:

    ?page=1&status=pending&metadata=share.s03.s07.s12

So nothing in Argilla changes when reviewers come and go: only the links do.
"""

from __future__ import annotations

from collections.abc import Collection

from curation import ids

SHARE = "share"
"""The name of the metadata."""
COUNT = 60
"""The number of shares: two to six reviewers, ten or twelve can have equally many."""
SHARES = tuple(f"s{number:02}" for number in range(COUNT))


def share_of(record_id: str) -> str:
    """Return the share of a record: "s07"."""
    return SHARES[int(ids.unit_interval("share", record_id) * COUNT)]


def shares_of(usernames: Collection[str], *, overlap: int) -> dict[str, tuple[str, ...]]:
    """Return the shares of each reviewer, in order.

    Each share goes to so many of the reviewers as `overlap` says, or to all if there are fewer: to those who have the
    fewest shares so far, and among these to those that a hash chooses. So no two reviewers differ by more than a share,
    and everybody meets many of the others, which agreement is computed from. The order of `usernames` does not matter.
    """
    shares: dict[str, list[str]] = {username: [] for username in sorted(usernames)}
    for share in SHARES:
        by_turn = sorted(shares, key=lambda username: (len(shares[username]), ids.unit_interval(share, username)))
        for username in by_turn[:overlap]:
            shares[username].append(share)
    return {username: tuple(of_reviewer) for username, of_reviewer in shares.items()}


def query_of(shares: Collection[str]) -> str:
    """Return the part of a link that shows the records of these shares alone: "metadata=share.s03.s07"."""
    return f"metadata={'.'.join((SHARE, *shares))}"
