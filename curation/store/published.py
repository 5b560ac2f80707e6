"""The published dataset: Parquet shards that are named by their content, a card and a manifest, committed together."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import DataError, MissingError, RefusedError, TemporaryError
from curation.store.proposals import Proposal, Proposals
from curation.store.repo import Change, HubRepo
from curation.store.versions import Version, newer_tag, next_version, tags_like, version_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MANIFEST = "curation.json"
CARD = "README.md"
FUNNEL, LENGTHS = "images/funnel.svg", "images/lengths.svg"
PICTURES = frozenset({FUNNEL, LENGTHS})
FILES_OF_NEW_REPOS = frozenset({".gitattributes", "README.md", "LICENSE"})
"""Files that a new repo may have: the Hub, or the person who created the repo there, puts them into it."""

MakeTexts = Callable[[Collection[str], Version], Mapping[str, bytes]]
"""Returns the card, its pictures and the manifest by their paths, for a version. It is given the paths of other
people's files."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be published.

    `shards` are local files by their paths in the repo: {"dpo/train-0123456789abcdef.parquet": Path(...)}. `private` is
    for a new repo; an existing repo keeps its visibility.
    """

    shards: Mapping[str, Path]
    make_texts: MakeTexts
    rows: int
    private: bool


@dataclass(frozen=True, slots=True)
class Proposed:
    """Where a proposal is, and whether it was opened or changed now."""

    url: str
    is_new: bool


class PublishedDataset:
    """The repo that others load and train on. `name` is the name of the curation that it belongs to."""

    def __init__(self, api: HfApi, repo_id: str, *, name: str) -> None:
        self.repo = HubRepo(api, repo_id)
        self.name = name
        self._is_created = False

    def head(self) -> str | None:
        """Return the commit that is published now, None if there is no repo yet."""
        return self.repo.head() if self.repo.exists() else None

    def check(self, *, private: bool) -> str | None:
        """Return the head of the repo, None if there is no repo yet.

        Raises the same errors as `publish` if the repo belongs to somebody else or is public against `private`.
        """
        head = self.head()
        if head is not None:
            self._our_files(head, self.repo.sizes(head), private=private)
        return head

    def manifest(self, head: str | None) -> dict[str, Any] | None:
        """Return the content of curation.json at `head`; None if there is no such file or it cannot be read."""
        if head is None or MANIFEST not in self.repo.sizes(head):
            return None
        try:
            manifest = json.loads(self.repo.read(MANIFEST, head))
        except ValueError:
            # `publish` reports this: it refuses to write into such a repo.
            return None
        return manifest if isinstance(manifest, dict) else None

    def upload(self, shards: Mapping[str, Path], *, private: bool) -> None:
        """Upload shards of the next `publish` while others are still made; the first of them create the repo.

        Nobody sees them before they are published. Call this only if nothing can refuse the publish any more.
        """
        if not self._is_created:
            self.repo.create(private=private)
            self._is_created = True
        self.repo.upload(shards)

    def publish(self, draft: Draft, *, head: str | None) -> str | None:
        """Commit the draft and tag it; return the new commit, None if nothing changes.

        Only files that differ from those in the repo are uploaded, and files of the last publish that are no longer
        needed are deleted. `head` is what `head()` gave before the store was read. Raises TemporaryError if somebody
        published since then, because they may have read a newer store; RefusedError if the repo belongs to something
        else.
        """
        self.repo.create(private=draft.private)
        tags = self.repo.tags()

        def edit(revision: str) -> Change | None:
            _, change = self._next(draft, revision, tags)
            if change is not None:
                self._require_same(head, revision)
            return change

        commit = self.repo.update(edit)
        current = commit or self.repo.head()
        self._tag(current, tags)
        # If our commit was written but the answer was lost, the second try had nothing to change.
        return current if commit is not None or current != head else None

    def propose(self, draft: Draft, describe: Callable[[], str], *, head: str | None) -> Proposed | None:
        """Open a pull request with the draft, or bring the open one up to date; None if main has all of it.

        `describe` returns the description. Main stays as it is. A proposal that started from an older main is closed
        and replaced, because it could not be merged; if main has all of the draft, open proposals are closed. Raises
        the same errors as `publish`.
        """
        self.repo.create(private=draft.private)
        tags, main = self.repo.tags(), self.repo.head()
        version, change = self._next(draft, main, tags)
        proposals = Proposals(self.repo, name=self.name)
        opened = proposals.open_proposals()
        if change is None:
            self._tag(main, tags)
            for proposal in opened:
                proposals.close(proposal, "What is published has all of this now, or the answers changed back.")
            return None
        self._require_same(head, main)
        current = next((proposal for proposal in opened if main in self.repo.history(proposal.revision)), None)
        for proposal in opened:
            if proposal != current:
                proposals.close(proposal, "What is published has changed since. A newer proposal takes its place.")
        description = describe()
        if current is None:
            proposal, is_new = proposals.open(change, parent=main, description=description), True
        else:
            commit = self.repo.update(lambda revision: self._change(draft, revision, version), branch=current.revision)
            proposal, is_new = current, commit is not None
            proposals.describe(proposal, title=change.message, description=description)
        # The Hub opens a pull request also if main has moved meanwhile. The next run replaces it.
        self._require_same(main, self.repo.head())
        return Proposed(proposal.url, is_new)

    def proposals(self) -> list[Proposal]:
        """Return our open proposals, the newest first."""
        return Proposals(self.repo, name=self.name).open_proposals()

    def put_back_from(self, head: str) -> str | None:
        """Return the newest version if an earlier one was put back in its place, otherwise None."""
        return newer_tag(version_of(self.manifest(head)), self.repo.tags())

    def put_back(self, tag: str, *, head: str) -> str | None:
        """Make the files those of a tag, in one commit; return the commit, None if they are.

        The Hub copies large files itself. Raises TemporaryError if main is no longer at `head`.
        """
        commit = self.commit_of_tag(tag)
        target = self.repo.digests(commit)

        def edit(revision: str) -> Change | None:
            present = self.repo.digests(revision)
            if present == target:
                return None
            self._require_same(head, revision)
            return Change(
                message=f"Put {tag} back",
                copies={path: commit for path, digest in target.items() if present.get(path) != digest},
                delete=tuple(sorted(present.keys() - target.keys())),
            )

        return self.repo.update(edit)

    def commit_of_tag(self, tag: str) -> str:
        """Return the commit of a tag. Raises MissingError if there is none, or if it is none of our versions."""
        tags = self.repo.tags()
        if tag not in tags or version_of(self.manifest(tags[tag])) is None:
            problem = "has no tag" if tag not in tags else "has no published version under the tag"
            raise MissingError(f"{self.repo.repo_id} {problem} {tag!r}.", remedy=tags_like(tag, tags))
        return tags[tag]

    def _next(self, draft: Draft, revision: str, tags: Collection[str]) -> tuple[Version, Change | None]:
        """Return the version that the draft has at a commit of main, and what changes; None if nothing does.

        The card and the manifest name the version. So they are compared as the version that is published, and only if
        anything differs there is a new one.
        """
        current = version_of(self.manifest(revision))
        if current is not None and self._change(draft, revision, current) is None:
            return current, None
        version = next_version(current, tags)
        return version, self._change(draft, revision, version)

    def _change(self, draft: Draft, revision: str, version: Version) -> Change | None:
        """Return what must change at a revision, so that it has the draft under this version; None if nothing."""
        present = self.repo.sizes(revision)
        ours = self._our_files(revision, present, private=draft.private) & set(present)
        texts = draft.make_texts(set(present) - ours - draft.shards.keys(), version)
        # A shard is named by its content, so its path says whether it changed. Texts must be compared.
        files: dict[str, bytes | Path] = {path: local for path, local in draft.shards.items() if path not in present}
        files |= {
            path: text for path, text in texts.items() if path not in present or self.repo.read(path, revision) != text
        }
        stale = ours - draft.shards.keys() - texts.keys()
        if not files and not stale:
            return None
        new_rows = stale or files.keys() - texts.keys()
        message = f"Publish {draft.rows:,} rows" if new_rows else "Bring the card up to date"
        return Change(message=message, files=files, delete=tuple(sorted(stale)))

    def _tag(self, commit: str, tags: Collection[str]) -> None:
        """Tag a commit of main with the version that it has, unless that version has its tag."""
        version = version_of(self.manifest(commit))
        if version is not None and version.name not in tags:
            self.repo.tag(version.name, commit)

    def _require_same(self, expected: str | None, head: str) -> None:
        """Raise TemporaryError if main is at another commit than the one that the rows were made for."""
        if expected is not None and head != expected:
            raise TemporaryError(
                f"{self.repo.repo_id} was changed while these rows were made, perhaps from newer answers.",
                remedy="Run `curation publish` again.",
            )

    def _our_files(self, revision: str, present: Collection[str], *, private: bool) -> set[str]:
        """Return the paths of the shards and pictures that the last publish wrote. Only these may be deleted."""
        if MANIFEST not in present:
            self._require_new(present, private=private)
            return set()
        try:
            manifest = json.loads(self.repo.read(MANIFEST, revision))
            shards = {path for paths in manifest.get("files", {}).values() for path in paths}
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(
                f"{MANIFEST} of {self.repo.repo_id} cannot be read, so we do not know which files `publish` wrote.",
                remedy=f"Restore {MANIFEST} from an earlier commit, or give publish.repo_id a new repo.",
            ) from error
        if manifest.get("name", self.name) != self.name:
            raise RefusedError(
                f"{self.repo.repo_id} is the dataset of {manifest['name']!r}, not of {self.name!r}.",
                remedy="Give this curation another publish.repo_id, or correct `name`.",
            )
        return shards | PICTURES

    def _require_new(self, present: Collection[str], *, private: bool) -> None:
        """Raise RefusedError if the repo has files of something else, or is public although it should be private."""
        foreign = [path for path in present if path not in FILES_OF_NEW_REPOS]
        if foreign:
            raise RefusedError(
                f"{self.repo.repo_id} holds files that curation did not write: {', '.join(sorted(foreign)[:3])}.",
                remedy="Give publish.repo_id a repo of its own.",
            )
        if private and not self.repo.is_private():
            raise RefusedError(
                f"{self.repo.repo_id} is public, and publish.private is true.",
                remedy="Set private = false under [publish], or make the repo private.",
            )
