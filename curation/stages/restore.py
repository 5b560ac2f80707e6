"""restore: puts the records and all answers of the last sync back into an Argilla server that lost them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar, get_args

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.report import Report
from curation.review.accounts import NewAccount, create_workspace, join, require_owner
from curation.review.adjudication import adjudication_settings
from curation.review.merge import under_present_names
from curation.review.rebuilding import Written, write_responses
from curation.services import open_review, open_store
from curation.stages.escalate import adjudication_specs, adjudications_of
from curation.stages.push import in_push_order, sets_of, specs_of
from curation.stages.sync import sync
from curation.store import Snapshot
from curation.types import Response, ReviewRecord, Row, Status
from curation.wording import counted, counts_by_name

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview, Pushed

RecordT = TypeVar("RecordT", bound=ReviewRecord)

NAMED = 3
"""How many of the records and responses that Argilla refused are named in the report."""


class RefusedResponse(Row):
    """A response that Argilla refused, with its reason."""

    record_id: str
    reviewer: str
    reason: str


class Others(Row):
    """The numbers of records and responses of another review task in the store. They are in another Argilla dataset."""

    records: int
    responses: int


class RestoreReport(Report):
    """What `restore` did.

    - `workspace_created` and `dataset_created` say whether they were missing.
    - `records` of the present task need answers or have some; `records_added` of them were missing in Argilla.
      `records_refused` has Argilla's reason by record id. `adjudications` are those that were escalated, which stand in
      the dataset of the adjudicators too; `adjudications_added` were missing there.
    - `responses` are those of the store to these records, those of adjudicators among them; `responses_added` counts
      those that were missing, by status.
      `responses_refused` are those that Argilla did not accept.
    - `accounts` are the accounts that were missing. `outsiders` are reviewers whose account is not in the workspace.
    - `last_seen` is when the last sync that saw a change began, null if the store has no responses.
    - `others` counts what the store holds of other tasks, by the task.
    - `commit` is the commit to the store that says where the responses are now, null if that did not change.
    """

    dataset: str
    workspace: str
    url: str
    workspace_created: bool
    dataset_created: bool
    records: int
    records_added: int
    records_refused: dict[str, str]
    adjudications: int
    adjudications_added: int
    responses: int
    responses_added: dict[str, int]
    responses_refused: tuple[RefusedResponse, ...]
    accounts: tuple[NewAccount, ...]
    outsiders: tuple[str, ...]
    last_seen: datetime | None
    others: dict[str, Others]
    commit: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """What was created and put back, the passwords, and what is lost."""
        return (*self._created(), *self._accounts(), *self._refused(), *self._lost(), *self._elsewhere())

    @property
    def next_verb(self) -> str | None:
        """`sync`, from now on as before."""
        return "sync"

    def _created(self) -> Iterable[str]:
        if self.workspace_created:
            yield f"Created the workspace {self.workspace}."
        if self.dataset_created:
            yield f"Created the dataset {self.workspace}/{self.dataset} with the settings of the config."
        added = sum(self.responses_added.values())
        by_status = f" ({counts_by_name(self.responses_added)})" if added else ""
        yield (
            f"{counted(self.records, 'record')} of {self.workspace}/{self.dataset}: {self.records_added:,} put back; "
            f"{counted(self.responses, 'response')} of the store: {added:,} put back{by_status}. Review: {self.url}"
        )

        if self.adjudications:
            yield (
                f"{counted(self.adjudications, 'record')} of the dataset of the adjudicators: "
                f"{self.adjudications_added:,} put back."
            )

    def _accounts(self) -> Iterable[str]:
        yield from (account.line for account in self.accounts)
        if self.accounts:
            yield "Give each reviewer theirs: the passwords are shown only this once, and kept nowhere."
        if self.outsiders:
            yield (
                f"Not in the workspace, although their answers are: {', '.join(self.outsiders)}. If they shall go on "
                "reviewing, let them in with `curation reviewers add`."
            )

    def _refused(self) -> Iterable[str]:
        if self.records_refused:
            yield f"{counted(len(self.records_refused), 'record')} left out, because Argilla refused:"
            yield from (f"  {key}: {reason}" for key, reason in list(self.records_refused.items())[:NAMED])
        if self.responses_refused:
            yield (
                f"{counted(len(self.responses_refused), 'response')} left out, because Argilla refused; the store "
                "keeps them:"
            )
            for response in self.responses_refused[:NAMED]:
                yield f"  {response.reviewer} to {response.record_id}: {response.reason}"

    def _lost(self) -> Iterable[str]:
        if any(self.responses_added.values()) and self.last_seen is not None:
            yield (
                "The store knows what the last sync saw, and the last change that one saw was at "
                f"{self.last_seen:%Y-%m-%d %H:%M} UTC. What reviewers answered, edited or deleted after the last sync "
                "is lost, unless Argilla still had it: an edited answer is as it was before, and a deleted one is "
                "there again."
            )

    def _elsewhere(self) -> Iterable[str]:
        for task, other in self.others.items():
            yield (
                f"The store also holds {counted(other.records, 'record')} of the task {task}, with "
                f"{counted(other.responses, 'response')}: run `curation restore` with a config of that task and its "
                "dataset to put them back."
            )


def restore(
    config: Config, *, services: Services | None = None, tell: Callable[[NewAccount], None] = lambda account: None
) -> RestoreReport:
    """Rebuild the Argilla dataset of the present task from the store: records, accounts of reviewers, and responses.

    What Argilla has stays as it is, so a second call changes nothing. At the end the store learns where the responses
    are now, as with `sync`. `tell` is called with each account right after it was created, because its password is
    known to nobody else: if an error follows, there is no report.

    Raises MissingError without a store, AuthError if the key is not an owner's, RefusedError if the store has no
    records of the task, or if the dataset exists with other settings than the config's.
    """
    services = services or Services.from_environment()
    snapshot = open_store(config, services).snapshot()
    records = _to_restore(config, snapshot)
    with closing(open_review(config, services)) as review:
        require_owner(review, "restore")
        workspace_created = create_workspace(review)
        dataset_created = review.find() is None
        dataset_id = review.create(config.review.settings())
        with sets_of(snapshot, records) as sets:
            pushed = review.push(specs_of(config, sets, records))
        escalated = adjudications_of(config, snapshot)
        adjudication = review.beside(config.adjudication_dataset)
        pushed_again = _put_back(config, snapshot, adjudication, escalated)
        stored = _responses_to([record.id for record in (*records, *escalated)], snapshot)
        responses = under_present_names(stored.values(), review.accounts())
        accounts, outsiders = _reviewers(review, responses, new_workspace=workspace_created, tell=tell)
        user_ids = {username: user_id for user_id, username in review.accounts().usernames.items()}
        written = write_responses(review, dataset_id, responses, user_ids=user_ids)
        if (adjudication_id := adjudication.find()) is not None and escalated:
            written = written.with_more(write_responses(adjudication, adjudication_id, responses, user_ids=user_ids))
        url = review.url(dataset_id, in_order=config.review.in_order)
        changed = bool(pushed.added or pushed_again.added or written.responses)
    return RestoreReport(
        dataset=config.review_dataset,
        workspace=config.review.workspace,
        url=url,
        workspace_created=workspace_created,
        dataset_created=dataset_created,
        records=len(records),
        records_added=pushed.added,
        records_refused=pushed.refused | pushed_again.refused,
        adjudications=len(escalated),
        adjudications_added=pushed_again.added,
        responses=len(responses),
        responses_added=_by_status(written, responses),
        responses_refused=tuple(
            RefusedResponse(record_id=record_id, reviewer=reviewer, reason=reason)
            for (record_id, reviewer), reason in sorted(written.refused.items())
        ),
        accounts=accounts,
        outsiders=outsiders,
        last_seen=max((version.synced_at for version in snapshot.response_versions), default=None),
        others=_others(config, snapshot),
        commit=sync(config, services=services, read_all=changed).commit,
    )


def _put_back(
    config: Config, snapshot: Snapshot, adjudication: ArgillaReview, escalated: Sequence[ReviewRecord]
) -> Pushed:
    """Put the records back that adjudicators are shown, with their dataset; nothing if there are none."""
    from curation.review.argilla import Pushed

    if not escalated:
        return Pushed(added=0, refused={})
    adjudication.create(adjudication_settings(config.review))
    return adjudication.push(adjudication_specs(config, snapshot, escalated))


def _to_restore(config: Config, snapshot: Snapshot) -> list[ReviewRecord]:
    """Return the present task's records that are not retired, with gold among them, as `push` would push them."""

    def of_task(records: Iterable[RecordT]) -> list[RecordT]:
        return [record for record in records if record.task == config.review.task and record.id not in snapshot.retired]

    records, gold = of_task(snapshot.records.values()), of_task(snapshot.gold.values())
    if not records:
        raise RefusedError(
            f"{config.store.repo_id} has no records of the task {config.review.task} to put back.",
            remedy="Run `curation push`, which shows the first ones to reviewers.",
        )
    return in_push_order(config, snapshot, records, gold)


def _responses_to(records: Collection[str], snapshot: Snapshot) -> dict[tuple[str, str], Response]:
    wanted = set(records)
    return {key: response for key, response in snapshot.responses.items() if response.record_id in wanted}


def _reviewers(
    review: ArgillaReview,
    responses: Mapping[tuple[str, str], Response],
    *,
    new_workspace: bool,
    tell: Callable[[NewAccount], None],
) -> tuple[tuple[NewAccount, ...], tuple[str, ...]]:
    """Create the accounts of reviewers that are missing; return them, and who is not a member of the workspace.

    Members are added to a workspace only if it or their account is new. Whoever is not in an older one may have been
    removed on purpose.
    """
    known = review.accounts()
    outside = {username for user_id, username in known.usernames.items() if user_id not in known.members}
    reviewers = sorted({reviewer for _, reviewer in responses})
    outsiders = () if new_workspace else tuple(reviewer for reviewer in reviewers if reviewer in outside)
    joined = join(review, [reviewer for reviewer in reviewers if reviewer not in outsiders], tell=tell)
    return joined.new, outsiders


def _by_status(written: Written, responses: Mapping[tuple[str, str], Response]) -> dict[str, int]:
    counts = Counter(responses[key].status for key in written.responses)
    return {status: counts[status] for status in get_args(Status) if counts[status]}


def _others(config: Config, snapshot: Snapshot) -> dict[str, Others]:
    records = Counter(record.task for record in snapshot.all_records.values() if record.id not in snapshot.retired)
    responses = Counter(snapshot.shown[record_id].task for record_id, _ in snapshot.responses)
    return {
        task: Others(records=count, responses=responses[task])
        for task, count in sorted(records.items())
        if task != config.review.task
    }
