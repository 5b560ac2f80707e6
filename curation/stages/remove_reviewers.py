"""reviewers remove: takes people out of the workspace of a curation; their answers and accounts stay."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from curation.config import Config, Services
from curation.errors import DataError
from curation.report import Report
from curation.review.accounts import OWNER, all_users, members, other_workspaces, remove_member, require_owner
from curation.review.usernames import tidy
from curation.reviewer_counts import stored_answers
from curation.services import open_review
from curation.types import Row
from curation.wording import counted


class Removed(Row):
    """What is left of a reviewer who was taken out of the workspace.

    `was_member` is false if there was nothing to do. `answers` are in the store. `other_workspaces` are those in which
    the account may still answer; `owner` says that it may answer in every workspace.
    """

    username: str
    was_member: bool
    answers: int
    other_workspaces: tuple[str, ...]
    owner: bool

    @property
    def line(self) -> str:
        """What happened to one reviewer, and what stays."""
        if not self.was_member:
            did = f"{self.username} was not in the workspace."
        else:
            did = f"{self.username} can answer no more. The account stays, and {counted(self.answers, 'synced answer')}"
            did += f" {'counts' if self.answers == 1 else 'count'} as before."
        if self.owner:
            return f"{did} But the account is an owner's, who may answer in every workspace."
        return did + (f" It also belongs to {', '.join(self.other_workspaces)}." if self.other_workspaces else "")


class RemoveReport(Report):
    """What `reviewers remove` did, for each name that was given."""

    workspace: str
    removed: tuple[Removed, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened to each, and how to remove answers too."""
        lines = [removed.line for removed in self.removed]
        if any(removed.was_member for removed in self.removed):
            lines.append(
                "What they answered since the last sync is in Argilla, and the next `curation sync` with an owner's "
                "key stores it. `curation sync` with `--forget NAME` removes answers."
            )
        return tuple(lines)


def remove_reviewers(config: Config, names: Iterable[str], *, services: Services | None = None) -> RemoveReport:
    """Take people out of the workspace. Accounts are never deleted, because Argilla would delete their answers too.

    Raises DataError with all names that no account has, before anything is changed; else as `add_reviewers`.
    """
    services = services or Services.from_environment()
    wanted = list(dict.fromkeys(map(tidy, names)))
    with closing(open_review(config, services)) as review:
        require_owner(review, "reviewers remove")
        known, present = all_users(review), members(review)
        faults = [f"Argilla at {review.api_url} has no account {name!r}." for name in wanted if name not in known]
        if faults:
            names_there = ", ".join(sorted(present)) or "nobody"
            raise DataError(" ".join(faults), remedy=f"Nobody was removed; in the workspace are {names_there}.")
        answers = stored_answers(config, services)
        for name in wanted:
            if name in present:
                remove_member(review, known[name])
        removed = tuple(
            Removed(
                username=name,
                was_member=name in present,
                answers=answers[name],
                other_workspaces=other_workspaces(review, known[name]),
                owner=known[name].role == OWNER,
            )
            for name in wanted
        )
    return RemoveReport(workspace=config.review.workspace, removed=removed)
