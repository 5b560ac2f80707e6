"""refresh: `sync` and `publish` in one command. This is what a schedule runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing

from curation.config import Config, Services
from curation.derive import Watch
from curation.errors import NoRowsError
from curation.report import Report
from curation.services import open_published, open_review, open_store
from curation.stages.publish import PublishReport, publish
from curation.stages.sync import SyncReport, sync


class RefreshReport(Report):
    """What `refresh` did.

    `sync` is null if there is nothing to read in Argilla, because the rows need no people and nobody was asked.
    `publish` is null if there is no row to publish yet, as `no_rows` says, or if an earlier version was put back, as
    `held` says.
    """

    sync: SyncReport | None
    publish: PublishReport | None
    no_rows: str | None = None
    held: str | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """A line about `sync` and a line about `publish`."""
        return _sync_line(self.sync), self._publish_line

    @property
    def _publish_line(self) -> str:
        if self.publish is None:
            return f"publish: {self.held or self.no_rows}"
        number_of_rows, *_ = self.publish.lines
        changes = self.publish.row_counts
        return f"publish: {number_of_rows}{f' Since the last publish: {changes}' if changes else ''}"


def refresh(
    config: Config,
    *,
    services: Services | None = None,
    watch: Watch = lambda done, total: None,
    tell: Callable[[str], None] = lambda line: None,
    changed: Collection[str] | None = None,
) -> RefreshReport:
    """Copy the responses from Argilla into the store, then publish their rows. If nothing is new, nothing changes.

    If there is no row yet, that is no error, because a schedule may begin before the first response. If rows were
    published before, it is an error. `tell` gets the line about `sync` before `publish` begins, so that it is not lost
    if `publish` fails. `watch` is passed on to `publish`, `changed` to `sync`.

    Raises the errors of `sync` and `publish`. If `sync` fails, nothing is published.
    """
    services = services or Services.from_environment()
    synced = sync(config, services=services, changed=changed) if _has_review(config, services) else None
    tell(_sync_line(synced))
    if (held := _held(config, services)) is not None:
        return RefreshReport(sync=synced, publish=None, held=held)
    try:
        published = publish(config, services=services, watch=watch)
    except NoRowsError as error:
        if open_published(config, services).head() is not None:
            raise
        return RefreshReport(sync=synced, publish=None, no_rows=str(error))
    return RefreshReport(sync=synced, publish=published)


def _held(config: Config, services: Services) -> str | None:
    """Return why nothing is published unattended, None if it may be: somebody put an earlier version back."""
    published = open_published(config, services)
    head = published.head()
    newest = published.put_back_from(head) if head is not None else None
    if newest is None:
        return None
    return (
        f"Nothing, because an earlier version of {config.publish.repo_id} was put back in the place of {newest}. "
        "`curation publish` publishes again."
    )


def _has_review(config: Config, services: Services) -> bool:
    """Whether `sync` has an Argilla dataset to read.

    It is also true if there should be one and it is missing, because rows need people or people answered before: then
    `sync` raises the error.
    """
    if not config.labels.decides_without_people:
        return True
    if services.argilla_api_url is None:
        return False
    if open_store(config, services).snapshot().manifest.review is not None:
        return True
    with closing(open_review(config, services)) as review:
        return review.find() is not None


def _sync_line(report: SyncReport | None) -> str:
    if report is None:
        return "sync: these rows need no people, and nobody was asked."
    return f"sync: {' '.join(report.lines)}"
