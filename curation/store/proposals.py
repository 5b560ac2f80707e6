"""Proposals: pull requests on the Hub in which somebody looks at rows before they are published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from curation.errors import TemporaryError
from curation.hub import hub_errors
from curation.store.repo import Change, HubRepo

MARK = "<!-- A proposal of the curation {name}. -->"
"""Stands at the end of the description, where people do not see it, so that the next run knows its own proposal."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An open pull request of ours. `comment_id` is that of its first comment, which has the text `description`."""

    num: int
    title: str
    url: str
    comment_id: str
    description: str

    @property
    def revision(self) -> str:
        """The ref of its files."""
        return f"refs/pr/{self.num}"


class Proposals:
    """The proposals of one curation for its published dataset.

    A proposal is known by a mark in its description and by its author: anybody can open a pull request in a public
    repo, and what a stranger put into one must not be merged as ours.
    """

    def __init__(self, repo: HubRepo, *, name: str) -> None:
        self.repo = repo
        self.mark = MARK.format(name=name)

    def open_proposals(self) -> list[Proposal]:
        """Return the open proposals that the owner of our token made, the newest first."""
        api = self.repo.api
        with hub_errors(api, self.repo.repo_id):
            if api.token is False:
                return []
            author = str(api.whoami()["name"])
            discussions = api.get_repo_discussions(
                self.repo.repo_id,
                repo_type="dataset",
                author=author,
                discussion_type="pull_request",
                discussion_status="open",
            )
            nums = sorted((discussion.num for discussion in discussions if discussion.author == author), reverse=True)
            return [proposal for num in nums for proposal in self._read(num, author)]

    def open(self, change: Change, *, parent: str, description: str) -> Proposal:
        """Open a proposal of this change to the commit `parent`, and return it.

        The Hub opens it also if main has moved. If its answer got lost and the client asked again, it opened two: the
        older ones are closed.
        """
        self.repo.propose(change, parent=parent, description=self._marked(description))
        opened = self.open_proposals()
        if not opened:
            raise TemporaryError(
                f"A pull request was opened in {self.repo.repo_id}, but the Hub does not list it yet.",
                remedy="Run `curation publish` again later: it goes on with that pull request.",
            )
        newest, *others = opened
        for other in others:
            self.close(other, f"{newest.url} takes its place.")
        return newest

    def describe(self, proposal: Proposal, *, title: str, description: str) -> None:
        """Give a proposal this title and description, unless it has them."""
        api, repo_id = self.repo.api, self.repo.repo_id
        with hub_errors(api, repo_id):
            if proposal.description.strip() != self._marked(description).strip():
                api.edit_discussion_comment(
                    repo_id, proposal.num, proposal.comment_id, self._marked(description), repo_type="dataset"
                )
            if proposal.title != title:
                api.rename_discussion(repo_id, proposal.num, title, repo_type="dataset")

    def close(self, proposal: Proposal, comment: str) -> None:
        """Close a proposal with a comment that says why."""
        with hub_errors(self.repo.api, self.repo.repo_id):
            self.repo.api.change_discussion_status(
                self.repo.repo_id, proposal.num, "closed", comment=comment, repo_type="dataset"
            )

    def _marked(self, description: str) -> str:
        return f"{description}\n\n{self.mark}"

    def _read(self, num: int, author: str) -> Iterator[Proposal]:
        """Yield the pull request with this number, if it is a proposal."""
        from huggingface_hub.community import DiscussionComment

        details = self.repo.api.get_discussion_details(self.repo.repo_id, num, repo_type="dataset")
        comments = (event for event in details.events if isinstance(event, DiscussionComment))
        first = next(comments, None)
        if first is not None and first.author == author and self.mark in first.content:
            yield Proposal(num, details.title, details.url, first.id, first.content)
