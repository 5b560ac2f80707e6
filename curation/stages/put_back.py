"""publish --to TAG: puts an earlier version of the published dataset back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.config import Config, Services
from curation.derive.row_changes import ConfigChange, RowChange
from curation.derive.row_differences import row_differences
from curation.errors import MissingError
from curation.report import Report
from curation.services import open_published
from curation.wording import counted


class PutBackReport(Report):
    """What `publish --to` did, or with `dry_run` would do.

    `changes` counts the rows of each config that come, go and change, `examples` has up to ten of them. `other_files`
    are the other files that differ, such as the card. `commit` is null if nothing differs or nothing was written.
    """

    repo: str
    url: str
    tag: str
    dry_run: bool
    changes: dict[str, ConfigChange]
    examples: tuple[RowChange, ...]
    other_files: tuple[str, ...]
    commit: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """What changed, and what comes next."""
        if not self.changes and not self.other_files:
            return (f"Nothing new: {self.url} has the files of {self.tag}.",)
        start = "Dry run: nothing was written. It would put" if self.dry_run else "Put"
        lines = [f"{start} {self.tag} back at {self.url}."]
        lines += [
            f"{name}: {counted(change.comes, 'row')} came, {change.goes:,} went, {change.changes:,} changed."
            for name, change in self.changes.items()
        ]
        if self.other_files:
            lines.append(f"Other files: {', '.join(self.other_files)}.")
        lines += [f"  {example.line}" for example in self.examples]
        if not self.dry_run:
            lines.append("`curation refresh` publishes nothing until you run `curation publish` again.")
        return tuple(lines)


def put_back(config: Config, tag: str, *, services: Services | None = None, dry_run: bool = False) -> PutBackReport:
    """Make the published dataset what it was at a tag, in one commit on main; with `dry_run` only say what changes.

    Responses stay as they are, so the next `publish` makes the same rows of them as before. Raises MissingError if
    nothing is published or there is no such tag, TemporaryError if somebody publishes at the same time.
    """
    services = services or Services.from_environment()
    published = open_published(config, services)
    head = published.check(private=False)
    if head is None:
        raise MissingError(f"{config.publish.repo_id} does not exist, so no version can be put back.")
    commit = published.commit_of_tag(tag)
    before, after = published.repo.digests(head), published.repo.digests(commit)
    changed = sorted(path for path in {**before, **after} if before.get(path) != after.get(path))
    old, new = _files(published.manifest(head)), _files(published.manifest(commit))
    changes, examples = row_differences(
        *(old, new),
        old=lambda path: published.repo.download(path, head),
        new=lambda path: published.repo.download(path, commit),
    )
    rows = {path for files in (old, new) for paths in files.values() for path in paths}
    return PutBackReport(
        repo=config.publish.repo_id,
        url=f"{services.hub_endpoint}/datasets/{config.publish.repo_id}",
        tag=tag,
        dry_run=dry_run,
        changes={name: change for name, change in changes.items() if change.comes or change.goes or change.changes},
        examples=examples,
        other_files=tuple(path for path in changed if path not in rows),
        commit=None if dry_run else published.put_back(tag, head=head),
    )


def _files(manifest: Mapping[str, Any] | None) -> dict[str, list[str]]:
    return dict((manifest or {}).get("files", {}))
