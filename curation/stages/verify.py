"""verify: proves that nothing got lost or doubled between the source of the prompts and the published rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation.balances import (
    Balance,
    answer_balance,
    prompt_balance,
    published_balance,
    record_balance,
    response_balance,
    row_balance,
    shown_balance,
)
from curation.config import Config, Services
from curation.derive import Watch, derive
from curation.derive.shards import paths_by_split
from curation.errors import CurationError, TemporaryError
from curation.generation import settings_id
from curation.report import Report
from curation.review.datasets import together
from curation.review.merge import merge_responses
from curation.review.pulled import Pulled
from curation.runs.prompt_reader import read_rows
from curation.runs.written_prompts import opened_written_prompts
from curation.scratch import scratch_folder
from curation.services import open_published, open_review, open_store, review_datasets
from curation.stages.escalate import adjudications_of
from curation.store import CANDIDATE_SETS, Snapshot
from curation.wording import counted

ANSWERS = (
    "prompt.id",
    "candidates.list.element.id",
    "failures.list.element.stage",
    "failures.list.element.reason",
)


class VerifyReport(Report):
    """The sums, in the order of the flow. `temporary`: nothing is wrong but that a service did not answer."""

    balances: tuple[Balance, ...]
    temporary: bool

    @property
    def exit_code(self) -> int:
        """0 if all sums close, 1 if one does not, 3 if they might but a service did not answer."""
        if all(balance.closes for balance in self.balances):
            return 0
        return 3 if self.temporary else 1

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each sum, which begins with ok or FAIL, and its gaps below it."""
        lines = [line for balance in self.balances for line in balance.lines]
        open_sums = sum(not balance.closes for balance in self.balances)
        if open_sums:
            return (*lines, f"{counted(open_sums, 'sum')} of {len(self.balances)} not closed.")
        return (*lines, f"All {len(self.balances)} sums close.")


def verify(
    config: Config, *, services: Services | None = None, watch: Watch = lambda done, total: None
) -> VerifyReport:
    """Compare the source of the prompts, the store, Argilla and the published dataset. Nothing is written.

    If a source or service cannot be read, its sum stays open, and the other sums are made all the same. `watch` is
    called with the number of segments of the store that are done, and of all. Raises MissingError without a store.
    """
    services = services or Services.from_environment()
    snapshot = open_store(config, services).snapshot()
    lasting: list[CurationError] = []

    def attempted(name: str, make: Callable[[], tuple[Balance, ...]]) -> tuple[Balance, ...]:
        try:
            return make()
        except CurationError as error:
            if not isinstance(error, TemporaryError):
                lasting.append(error)
            return (Balance(name=name, unknown=str(error)),)

    balances = (
        *attempted("prompts of the source", lambda: (_prompts(config, services, snapshot),)),
        _answers(config, snapshot),
        _shown(config, snapshot),
        *attempted("records and responses", lambda: _review(config, services, snapshot)),
        *attempted("rows", lambda: _rows(config, services, snapshot, watch)),
    )
    is_open = [balance for balance in balances if not balance.closes]
    gaps = any(balance.gaps for balance in is_open)
    return VerifyReport(balances=balances, temporary=bool(is_open) and not gaps and not lasting)


def _prompts(config: Config, services: Services, snapshot: Snapshot) -> Balance:
    source = config.prompts.resolve(endpoint=services.hub_endpoint, token=services.hub_token)
    asked = {entry.prompt_id for entry in snapshot.set_index.values()}
    dropped = {prompt.id: prompt.reason for prompt in snapshot.dropped_prompts.values()}
    with opened_written_prompts(config, services, source, snapshot) as written:
        return prompt_balance(read_rows(config, services, source, written), asked=asked, dropped=dropped)


def _answers(config: Config, snapshot: Snapshot) -> Balance:
    """Return the sum of the prompts that were asked.

    A prompt is answered if one of its sets has enough answers. Otherwise the failures of its last set count.
    """
    answered: set[str] = set()
    failures: dict[str, str] = {}
    for _, table in snapshot.tables(CANDIDATE_SETS, ANSWERS):
        for row in table.to_pylist():
            prompt_id = row["prompt"]["id"]
            if len(row["candidates"]) >= config.review.min_candidates:
                answered.add(prompt_id)
            first = next(iter(row["failures"]), None)
            failures[prompt_id] = f"{first['stage']} {first['reason']}" if first else config.review.too_few
    return answer_balance(answered, {key: reason for key, reason in failures.items() if key not in answered})


def _shown(config: Config, snapshot: Snapshot) -> Balance:
    """Return the sum of the candidate sets. A set is shown if a record shows it, or a set with the same answers."""
    of_task = [record for record in snapshot.records.values() if record.task == config.review.task]
    shown = {record.set_id for record in of_task if record.id not in snapshot.retired}
    answers = {
        set_id: frozenset(candidate["id"] for candidate in candidates)
        for _, table in snapshot.tables(CANDIDATE_SETS, ("id", "candidates.list.element.id"))
        for set_id, candidates in zip(table["id"].to_pylist(), table["candidates"].to_pylist(), strict=True)
    }
    answers_shown = {answers[set_id] for set_id in shown if set_id in answers}
    return shown_balance(
        snapshot.current_set_ids(settings_id(config.models)),
        shown={set_id for set_id, candidates in answers.items() if candidates in answers_shown},
        not_shown=snapshot.not_shown,
    )


def _review(config: Config, services: Services, snapshot: Snapshot) -> tuple[Balance, ...]:
    """Return the sums of records and responses. If rows need no people, there may be no Argilla, or nothing in it."""
    if config.labels.decides_without_people and services.argilla_api_url is None:
        return ()
    of_task = {record.id for record in snapshot.records.values() if record.task == config.review.task}
    gold = {record.id for record in snapshot.gold.values() if record.task == config.review.task}
    with closing(open_review(config, services)) as review:
        if config.labels.decides_without_people and review.find() is None:
            return ()
        datasets = review_datasets(config, review, snapshot)
        datasets.check()
        first, adjudication = datasets.pull()
    pulled = together(first, adjudication)
    in_argilla = _names(first)
    now = merge_responses(
        snapshot.responses, pulled, known=snapshot.shown, forgotten=snapshot.manifest.forgotten
    ).responses
    return (
        record_balance(of_task - snapshot.retired, in_argilla=in_argilla - gold),
        *(
            [record_balance(gold - snapshot.retired, in_argilla=in_argilla & gold, name="gold records to answer")]
            if gold
            else []
        ),
        *([_adjudications(config, snapshot, adjudication)] if datasets.adjudication is not None else []),
        response_balance(
            snapshot.responses,
            now,
            on_server={(answer.server_record_id, answer.server_user_id) for answer in pulled.answers},
            gold=snapshot.gold.keys(),
        ),
    )


def _adjudications(config: Config, snapshot: Snapshot, adjudication: Pulled | None) -> Balance:
    """Return the sum of the escalated records: the dataset of the adjudicators has these and no others."""
    return record_balance(
        {record.id for record in adjudications_of(config, snapshot)},
        in_argilla=_names(adjudication) if adjudication is not None else set(),
        name="records to adjudicate",
        remedy="Run `curation sync`; those that adjudicators answered come back by `curation restore`.",
    )


def _names(pulled: Pulled) -> set[str]:
    """Return the ids of the records that a dataset holds. A record of somebody else has only the server's id."""
    return {record_id or server_id for server_id, record_id in pulled.records.items()}


def _rows(config: Config, services: Services, snapshot: Snapshot, watch: Watch) -> tuple[Balance, ...]:
    """Return the sums of the rows. Rows of `raw` are derived too: each says which rows its candidate set gave, or why
    none.
    """
    published = open_published(config, services)
    head = published.head()
    manifest = published.manifest(head) or {}
    formats = config.publish.formats
    proposals = published.proposals() if head is not None and config.publish.mode == "pull-request" else []
    remedy = f"Merge the proposal at {proposals[0].url}." if proposals else "Run `curation publish`."
    with_raw = config.publish.model_copy(update={"formats": (*dict.fromkeys((*formats, "raw")),)})
    with scratch_folder() as folder:
        derived = derive(
            config.model_copy(update={"publish": with_raw}), snapshot, services, folder=folder, watch=watch
        )
        now = paths_by_split(derived.tally.shards)
        raw = list(_read(_paths(now, "raw"), lambda path: folder / path, ("set_id", "settings", "rows", "dropped")))
        balances = []
        for name in formats:
            given = {row["id"] for row in _read(_paths(now, name), lambda path: folder / path, ("id",))}
            before = _paths(manifest.get("files", {}), name)
            published_ids = {
                row["id"] for row in _read(before, lambda path: published.repo.download(path, str(head)), ("id",))
            }
            if name != "raw":
                balances.append(row_balance(name, _sets(raw, given)))
            balances.append(published_balance(name, given, published=published_ids, remedy=remedy))
    return tuple(balances)


def _sets(raw: list[dict[str, Any]], given: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the candidate sets of rows of `raw`, with whether they gave a row among those in `given`.

    A prompt that a check dropped has a row of `raw` too, but no settings that it was asked with.
    """
    for row in raw:
        if row["settings"]:
            yield {"set_id": row["set_id"], "rows": not given.isdisjoint(row["rows"]), "dropped": row["dropped"]}


def _paths(files: Mapping[str, list[str]], config: str) -> list[str]:
    return [path for split, paths in files.items() if split.startswith(f"{config}/") for path in paths]


def _read(paths: list[str], local: Callable[[str], Path], columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with pq.ParquetFile(local(path)) as file:
            for batch in file.iter_batches(columns=list(columns)):
                yield from batch.to_pylist()
