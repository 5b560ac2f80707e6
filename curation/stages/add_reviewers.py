"""reviewers add: lets people answer the records of a curation, and creates the accounts that they lack."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing

from curation.config import Config, Services
from curation.errors import DataError
from curation.report import Report
from curation.review.accounts import OWNER, NewAccount, all_users, join, members, require_owner
from curation.review.usernames import tidy, username_faults
from curation.reviewer_counts import stored_answers
from curation.services import open_review


class AddReport(Report):
    """What `reviewers add` did.

    - `accounts` were created, `added` had an account and are members of the workspace now, `present` were in before.
    - `answered_before` has the number of stored answers for each new account whose name answered under another account
      before: both count as the same person.
    """

    workspace: str
    url: str
    accounts: tuple[NewAccount, ...]
    added: tuple[str, ...]
    present: tuple[str, ...]
    answered_before: dict[str, int]

    @property
    def lines(self) -> tuple[str, ...]:
        """The passwords, and who was let in."""
        lines = [account.line for account in self.accounts]
        if self.accounts:
            lines.append(
                f"Give each reviewer theirs: the passwords are shown only this once, and kept nowhere. They sign in at "
                f"{self.url}."
            )
        if self.added:
            lines.append(f"Let in with the accounts and passwords that they have: {', '.join(self.added)}.")
        if self.present:
            lines.append(f"In the workspace {self.workspace} already: {', '.join(self.present)}.")
        if self.answered_before:
            answers = ", ".join(f"{name} ({count:,})" for name, count in self.answered_before.items())
            lines.append(
                f"The store has answers of an earlier account of the same name: {answers}. Both count as one person. "
                "Whoever is somebody else needs another name: remove the account before it answers."
            )
        return tuple(lines)


def add_reviewers(
    config: Config,
    names: Iterable[str],
    *,
    services: Services | None = None,
    tell: Callable[[NewAccount], None] = lambda account: None,
) -> AddReport:
    """Let people answer in the workspace of the config. Anybody without an account gets one, as an annotator.

    Members stay members, and a second call changes nothing. `tell` is called with each new account right after it
    was created: nobody else knows its password. Raises DataError with all faults of all names before anything is made,
    AuthError unless the key is an owner's, MissingError without the workspace.
    """
    services = services or Services.from_environment()
    wanted = list(dict.fromkeys(map(tidy, names)))
    with closing(open_review(config, services)) as review:
        require_owner(review, "reviewers add")
        known, present = all_users(review), members(review)
        faults = username_faults(wanted, known)
        if faults:
            raise DataError(" ".join(faults), remedy="Correct the names; nobody was added.")
        answers = stored_answers(config, services)
        joined = join(review, wanted, tell=tell)
    return AddReport(
        workspace=config.review.workspace,
        url=review.api_url,
        accounts=joined.new,
        added=joined.former,
        present=tuple(name for name in wanted if name in present or (name in known and known[name].role == OWNER)),
        answered_before={
            account.username: answers[account.username] for account in joined.new if answers[account.username]
        },
    )
