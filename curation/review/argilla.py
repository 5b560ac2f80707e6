"""Where people answer: the only importer of argilla. Records go in by content id, responses come out over HTTP."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from curation.errors import (
    ConfigError,
    CurationError,
    MissingError,
    RefusedError,
    ServiceError,
    TemporaryError,
)
from curation.ids import content_hash
from curation.review.api_errors import misshapen_answer, refused_request
from curation.review.pulled import Accounts, Pulled
from curation.review.record_pages import RecordsMovedError
from curation.review.record_reading import RecordReader, RecordsRead
from curation.review.record_writing import write_records
from curation.review.settings import WITHOUT_MEANING, ArgillaSettings, differences
from curation.review.settings_update import update_guidelines, update_pages, update_shares
from curation.review.shares import SHARE, query_of
from curation.review.spec import (
    Field,
    LabelQuestion,
    MultiLabelQuestion,
    Question,
    RankingQuestion,
    RatingQuestion,
    RecordSpec,
    TaskSpec,
    TextQuestion,
)
from curation.review.times import time_of
from curation.review.transport import PatientTransport, get_json
from curation.types import Response

with warnings.catch_warnings():
    # argilla 2.8 still configures pydantic by class.
    warnings.filterwarnings("ignore", message="Support for class-based `config`")
    import argilla as rg
    from argilla._exceptions import ArgillaAPIError, ArgillaCredentialsError, ArgillaError
    from argilla._exceptions._api import ForbiddenError

SHAPE_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""Errors that are raised when the SDK or we cannot parse an answer of Argilla."""
DIFFERENCES = 3
"""An error message lists at most so many differences of settings."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push: the number of records that were added, and Argilla's reason for each that it refused."""

    added: int
    refused: dict[str, str]


class ArgillaReview:
    """One Argilla dataset in which people review. Opening it changes nothing."""

    def __init__(self, *, api_url: str | None, api_key: str | None, workspace: str, dataset: str) -> None:
        """Connect. Raises ConfigError without address or key, AuthError for a wrong key, TemporaryError otherwise."""
        if api_url is None or api_key is None:
            missing = " and ".join(
                name for name, value in (("ARGILLA_API_URL", api_url), ("ARGILLA_API_KEY", api_key)) if not value
            )
            raise ConfigError(
                f"{missing} not set: where to review is not known.",
                remedy='Export it, or run `eval "$(curation local env)"` for the local stack.',
            )
        self.api_url = api_url
        self.workspace = workspace
        self.name = dataset
        with self.errors():
            # The SDK makes its own client and asks with it at once; a mount is how a transport of ours gets into it.
            transport = PatientTransport(httpx.HTTPTransport(), api_url=api_url)
            try:
                self._client = rg.Argilla(api_url=api_url, api_key=api_key, mounts={"all://": transport})
            except BaseException:
                transport.close()
                raise
        self.http: httpx.Client = self._client.http_client
        """Sends requests of the API with our key, patiently."""

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def beside(self, dataset: str) -> ArgillaReview:
        """Return another dataset of the same workspace, on the same connections."""
        other = copy(self)
        other.name = dataset
        return other

    def url(self, dataset_id: str, *, in_order: bool = False, shares: Collection[str] = ()) -> str:
        """Return the page on which reviewers answer: all records, or those of some shares.

        `in_order` is whether it shows records in the order in which they were pushed. Without that, Argilla shows each
        reviewer an order of their own, drawn at random.
        """
        page = f"{self.api_url}/dataset/{dataset_id}/annotation-mode"
        query = [*([query_of(shares)] if shares else ()), *(["sort=record.inserted_at.asc"] if in_order else ())]
        return "&".join((f"{page}?page=1&status=pending", *query)) if query else page

    def find(self) -> str | None:
        """Return the id of the dataset, None if there is none. MissingError if there is no such workspace."""
        with self.errors():
            return self._dataset_id()

    def create(self, task: TaskSpec) -> str:
        """Create the dataset unless it exists with the same settings; return its id.

        Raises RefusedError if it exists with other fields or questions: answers would not mean what the task says.
        """
        with self.errors():
            self._workspace()
            existing = self._dataset()
            if existing is not None and self._is_draft(existing):
                # An earlier creation was interrupted. The dataset was never published, so it has no records.
                existing.delete()
                existing = None
            if existing is None:
                return str(rg.Dataset(self.name, self.workspace, _settings(task), self._client).create().id)
        self.check(task)
        return str(existing.id)

    def check(self, task: TaskSpec) -> None:
        """Raise RefusedError if the settings of the dataset differ from `task`. If there is no dataset, do nothing.

        Fields, questions, labels, guidelines and `min_submitted` are compared, with all their texts.
        """
        with self.errors():
            dataset_id = self._dataset_id()
            if dataset_id is None:
                return
            changes = differences(self._settings(dataset_id), task)
            if changes and self._get("/api/v1/me")["role"] == "annotator":
                # Argilla does not show annotators all settings, so nobody can tell whether they differ.
                raise refused_request(self.api_url, self.workspace, httpx.codes.FORBIDDEN, "")
        if not changes:
            return
        sentences = "; ".join(list(changes.values())[:DIFFERENCES])
        more = f"; and {len(changes) - DIFFERENCES} more" if len(changes) > DIFFERENCES else ""
        raise RefusedError(
            f"The Argilla dataset {self.name!r} in workspace {self.workspace!r} has other settings than the config: "
            f"{sentences}{more}.",
            remedy="Copy Argilla's into the config, or run `curation push` with `--update-settings` to show reviewers "
            "those of the config from now on."
            if changes.keys() <= WITHOUT_MEANING
            else "Answers would mean something else. Put it right on the dataset's page of settings in Argilla if "
            "nobody has answered since, or name another one as `dataset` under [review].",
        )

    def update(self, task: TaskSpec) -> None:
        """Change the guidelines, `min_submitted` and the card's page to those of `task`, and show the share.

        The other settings give answers their meaning and must not change. If there is no dataset, do nothing.
        """
        with self.errors():
            dataset_id = self._dataset_id()
            if dataset_id is None:
                return
            settings = self._settings(dataset_id)
            update_guidelines(self.http, dataset_id, task)
            update_pages(self.http, settings.fields, task)
            update_shares(self.http, dataset_id, settings.metadata, RecordReader(self.http, dataset_id).records())

    def push(self, specs: Iterable[RecordSpec]) -> Pushed:
        """Add the records that Argilla lacks. Records that it refuses are left out and returned with its reason.

        Raises ServiceError if another record does not arrive, or if Argilla refuses all records.
        """
        asked: list[str] = []
        with self.errors():
            dataset_id = str(self._require().id)
            present = {record["external_id"] for record in RecordReader(self.http, dataset_id).records()}

            def lacking() -> Iterator[RecordSpec]:
                for spec in specs:
                    asked.append(spec.record.id)
                    if spec.record.id not in present:
                        yield spec

            written = write_records(self.http, dataset_id, lacking(), question_ids=self._question_ids(dataset_id))
        refused = written.refused
        if refused and len(refused) == len(asked):
            record_id, reason = next(iter(refused.items()))
            raise ServiceError(f"Argilla at {self.api_url} refused all {len(asked)} records; {record_id}: {reason}")
        there = present | written.arrived | refused.keys()
        lost = [record_id for record_id in asked if record_id not in there]
        if lost:
            raise ServiceError(
                f"{len(lost)} of {len(asked)} records did not arrive in Argilla, {lost[0]} among them.",
                remedy="Run `curation push` again.",
            )
        return Pushed(added=len(written.arrived), refused=refused)

    def present(self) -> frozenset[str]:
        """Return the ids of our records that the dataset has. MissingError if there is no dataset."""
        with self.errors():
            records = RecordReader(self.http, str(self._require().id)).records()
            return frozenset(record["external_id"] for record in records if record["external_id"] is not None)

    def add(self, specs: Iterable[RecordSpec]) -> dict[str, str]:
        """Add records, or write them again; return Argilla's reason for each that it refuses, by record id."""
        with self.errors():
            dataset_id = str(self._require().id)
            return write_records(self.http, dataset_id, specs, question_ids=self._question_ids(dataset_id)).refused

    def _question_ids(self, dataset_id: str) -> dict[str, str]:
        """Return the server's id of each question, by its name."""
        questions = self._get(f"/api/v1/datasets/{dataset_id}/questions")["items"]
        return {str(question["name"]): str(question["id"]) for question in questions}

    def remove_unanswered(self, record_ids: Collection[str]) -> frozenset[str]:
        """Delete those records that nobody answered; return the ids of the records that no longer exist.

        Drafts and discards count as answers. Each record is read once more right before it is deleted, so that a record
        that was answered in the meantime stays. (Argilla cannot delete conditionally, so a small gap remains.)
        """
        answered: set[str] = set()
        with self.errors():
            dataset_id = self._dataset_id() if record_ids else None
            for record in list(RecordReader(self.http, dataset_id).records()) if dataset_id is not None else ():
                if record["external_id"] not in record_ids:
                    continue
                if not self._delete_unanswered(f"/api/v1/records/{record['id']}"):
                    answered.add(record["external_id"])
        return frozenset(record_ids) - answered

    def _delete_unanswered(self, path: str) -> bool:
        """Delete a record unless somebody answered it; return whether it no longer exists."""
        try:
            if self._get(path)["responses"]:
                return False
            self.http.delete(path).raise_for_status()
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
        return True

    def pull(
        self, only: Collection[str] | None = None, *, beside: str | None = None, stored: Collection[Response] = ()
    ) -> Pulled:
        """Return all records, all responses with any status, and all accounts.

        With `only`, the ids that the server gave to some records, only these are read; if one of them is not there any
        more, all are. Those that are in the dataset with the id `beside` are left out.

        `stored` are responses that were read before. If the server lists responses (see `listing`), only the records
        are read whose responses are not those of `stored`; the answers to all other records are taken from `stored`.

        No search filter is used, because a record's updated_at does not change when a response is edited. Raises
        RefusedError if the dataset is missing or has no records, TemporaryError if records keep being deleted while
        they are read.
        """
        began_at = datetime.now(UTC)
        with self.errors():
            dataset_id = self._dataset_id()
            if dataset_id is None:
                raise RefusedError(
                    f"The Argilla dataset {self.name!r} in workspace {self.workspace!r} does not exist; "
                    "its answers are not taken for withdrawn.",
                    remedy="If the Space was reset, run `curation restore`: it puts the records and all answers of the "
                    "last sync back.",
                )
            reader = RecordReader(self.http, dataset_id)
            read = reader.read_named(only, beside) if only is not None else None
            read = read or reader.read_listed(stored) or self._read_all(reader)
            # Accounts are read last: if one is deleted in the meantime, its answers must not count as withdrawn.
            accounts = self.accounts()
            about = self._get(f"/api/v1/datasets/{dataset_id}")
        return Pulled(
            began_at=began_at,
            dataset_id=dataset_id,
            guidelines=about["guidelines"] or "",
            last_activity_at=time_of(about["last_activity_at"]),
            records=read.records,
            answers=read.answers,
            accounts=accounts,
            whole=read.whole,
            read=read.read,
        )

    def _read_all(self, reader: RecordReader) -> RecordsRead:
        """Return all records and answers. RefusedError if there are none, TemporaryError if some are being deleted."""
        try:
            read = reader.read_all()
        except RecordsMovedError:
            raise TemporaryError(
                f"Records of the Argilla dataset {self.name!r} are being deleted while they are read.",
                remedy="Run `curation sync` again when that is done.",
            ) from None
        if not read.records:
            raise RefusedError(
                f"The Argilla dataset {self.name!r} in workspace {self.workspace!r} holds no records; "
                "its answers are not taken for withdrawn.",
                remedy="Run `curation restore`: it puts the records and all answers of the last sync back.",
            )
        return read

    def activity(self) -> str | None:
        """Return a hash that changes if anybody answers, changes or withdraws an answer; None if there is no dataset.

        It costs some short requests. It also changes if records or reviewers come, go or are renamed. It does not
        change if a program with an admin's key replaces answers of the same status, so all must be read now and then.
        """
        with self.errors():
            dataset_id = self._dataset_id()
            if dataset_id is None:
                return None
            path = f"/api/v1/datasets/{dataset_id}"
            last_activity_at = self._get(path)["last_activity_at"]
            progress = [self._get(f"{path}/progress"), self._get(f"{path}/users/progress")]
            # The progress goes on to count reviewers who left the workspace.
            members = sorted(self.accounts().members)
        return content_hash("activity", dataset_id, last_activity_at, *progress, *members)

    def progress(self) -> tuple[int, int]:
        """Return (completed records, all records) as Argilla counts them, (0, 0) if there is no dataset."""
        with self.errors():
            dataset_id = self._dataset_id()
            if dataset_id is None:
                return 0, 0
            counts = self._get(f"/api/v1/datasets/{dataset_id}/progress")
            return int(counts["completed"]), int(counts["total"])

    def answers_by_reviewer(self) -> dict[str, dict[str, int]]:
        """Return the number of answers by username and status, as Argilla counts them; none if there is no dataset."""
        counts: dict[str, dict[str, int]] = {}
        with self.errors():
            dataset_id = self._dataset_id()
            users = self._get(f"/api/v1/datasets/{dataset_id}/users/progress")["users"] if dataset_id else ()
            for user in users:
                of_user = counts.setdefault(str(user["username"]), {})
                for by_status in (user.get("completed") or {}, user.get("pending") or {}):
                    for status, count in by_status.items():
                        if count:
                            of_user[status] = of_user.get(status, 0) + int(count)
        return counts

    def _settings(self, dataset_id: str) -> ArgillaSettings:
        path = f"/api/v1/datasets/{dataset_id}"
        return ArgillaSettings(
            dataset=self._get(path),
            fields=tuple(self._get(f"{path}/fields")["items"]),
            questions=tuple(self._get(f"{path}/questions")["items"]),
            metadata=tuple(self._get(f"/api/v1/me/datasets/{dataset_id}/metadata-properties")["items"]),
        )

    def workspace_id(self) -> str:
        """Return the id of the workspace; MissingError if there is none of this name."""
        return str(self._workspace().id)

    def accounts(self) -> Accounts:
        """Return the accounts that our key may see."""
        members = self._get(f"/api/v1/workspaces/{self._workspace().id}/users")["items"]
        try:
            users, everybody = self._get("/api/v1/users")["items"], True
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.FORBIDDEN:
                raise
            # An admin may only list the users of the workspace.
            users, everybody = members, False
        owners = (user for user in users if user["role"] == "owner")
        return Accounts(
            usernames={str(user["id"]): str(user["username"]) for user in users},
            members=frozenset(str(user["id"]) for user in (*members, *owners)),
            everybody=everybody,
        )

    def _get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return get_json(self.http, path, params)

    def _workspace(self) -> Any:
        workspace = self._client.workspaces(self.workspace)
        if workspace is None:
            names = ", ".join(sorted(repr(workspace.name) for workspace in self._client.workspaces)) or "none"
            raise MissingError(
                f"Argilla at {self.api_url} has no workspace {self.workspace!r}; there are: {names}.",
                remedy="Create it, or correct `workspace` under [review]. If the server lost its data, run `curation "
                "restore`.",
            )
        return workspace

    def _dataset_id(self) -> str | None:
        """Return the id of the dataset, None if there is none. The SDK's dataset would cost five requests more."""
        params = {"workspace_id": str(self._workspace().id), "name": self.name}
        datasets = self._get("/api/v1/me/datasets", params)["items"]
        return next((str(dataset["id"]) for dataset in datasets if dataset["name"] == self.name), None)

    def _dataset(self) -> Any:
        with warnings.catch_warnings():
            # The SDK warns about a missing dataset, but here that is a normal answer.
            warnings.simplefilter("ignore")
            workspace = self._client.workspaces(self.workspace)
            # Given only the name of a workspace that does not exist, the SDK fails.
            return None if workspace is None else self._client.datasets(name=self.name, workspace=workspace)

    def _require(self) -> Any:
        dataset = self._dataset()
        if dataset is None:
            raise MissingError(
                f"There is no Argilla dataset {self.name!r} in workspace {self.workspace!r}.",
                remedy="Run `curation push` first.",
            )
        return dataset

    def _is_draft(self, dataset: Any) -> bool:
        return bool(self._get(f"/api/v1/datasets/{dataset.id}")["status"] == "draft")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise what goes wrong inside as our errors, with a sentence that says what Argilla answered."""
        try:
            yield
        except CurationError:
            raise
        except ArgillaCredentialsError as error:
            raise refused_request(self.api_url, self.workspace, httpx.codes.UNAUTHORIZED, str(error)) from error
        except ArgillaError as error:
            cause = _cause(error)
            if isinstance(cause, CurationError):
                # The SDK wraps whatever comes while it makes a dataset, what our transport raises too.
                raise cause from cause.__cause__
            if cause is None and isinstance(error.__cause__, SHAPE_ERRORS):
                raise misshapen_answer(self.api_url, error.__cause__) from error
            raise refused_request(self.api_url, self.workspace, _status(cause), str(cause or error)) from error
        except httpx.HTTPStatusError as error:
            answer = error.response
            raise refused_request(self.api_url, self.workspace, answer.status_code, answer.text) from error
        except SHAPE_ERRORS as error:
            raise misshapen_answer(self.api_url, error) from error


def _cause(error: BaseException | None) -> ArgillaAPIError | CurationError | None:
    """Return the error of the API or of our transport that the SDK wrapped. (Its wrapper does not have the status.)"""
    while error is not None and not isinstance(error, ArgillaAPIError | CurationError):
        error = error.__cause__ or error.__context__
    return error


def _status(cause: ArgillaAPIError | None) -> int | None:
    """Return the status of an error of the API. The SDK gives 500 to some refusals, whatever the server answered."""
    if isinstance(cause, ForbiddenError):
        return int(httpx.codes.FORBIDDEN)
    return cause.status_code if cause is not None else None


def _settings(task: TaskSpec) -> Any:
    return rg.Settings(
        guidelines=task.guidelines,
        fields=[_field(field) for field in task.fields],
        questions=[_question(question) for question in task.questions],
        metadata=[rg.TermsMetadataProperty(SHARE, title="Share", visible_for_annotators=True)],
        distribution=rg.TaskDistribution(min_submitted=task.min_submitted),
    )


def _field(field: Field) -> Any:
    if field.template is not None:
        return rg.CustomField(
            field.name, title=field.title, template=field.template, advanced_mode=True, required=field.required
        )
    kind = rg.ChatField if field.chat else rg.TextField
    return kind(field.name, title=field.title, use_markdown=True, required=field.required)


def _question(question: Question) -> Any:
    options: dict[str, Any] = {
        "title": question.title,
        "description": question.description or None,
        "required": question.required,
    }
    match question:
        case LabelQuestion():
            return rg.LabelQuestion(question.name, labels=question.labels, **options)
        case MultiLabelQuestion():
            return rg.MultiLabelQuestion(question.name, labels=question.labels, **options)
        case RatingQuestion():
            return rg.RatingQuestion(question.name, values=list(question.values), **options)
        case RankingQuestion():
            return rg.RankingQuestion(question.name, values=question.options, **options)
        case TextQuestion():
            return rg.TextQuestion(question.name, use_markdown=False, **options)
