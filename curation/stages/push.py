"""push: makes records of the candidate sets in the store, and creates them in Argilla."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.frames import pl
from curation.generation import settings_id
from curation.gold import (
    GoldItem,
    PushedGold,
    gold_prompts,
    gold_records,
    mixed_records,
    pushed_gold,
    read_gold,
    refuse_shown_prompts,
)
from curation.quality import Check, PromptChecks, answer_checks, prompt_checks, with_passing_answers
from curation.report import Report
from curation.review import RecordSpec, spread_records
from curation.review.adjudication import adjudication_settings
from curation.review.budget import Shown, as_sample, as_shown, in_order, is_sampled
from curation.review.page import with_document
from curation.scratch import scratch_folder
from curation.services import open_review, open_store
from curation.store import CANDIDATE_SETS, RECORDS, Snapshot, Store
from curation.store.parquet import read_columns
from curation.store.set_spool import SetsById, SetSpool
from curation.types import GOLD_PROMPT, JUDGE_SURE, CandidateSet, Drop, GoldRecord, ReviewRecord
from curation.wording import counted, reasons

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview

NAMED = 3
"""How many of the records that Argilla refused are named in the report."""


class PushReport(Report):
    """What `push` did.

    - `records` are in Argilla now; `added` of them are new. `refused` has Argilla's reason, by record id, for each
      record that it did not accept.
    - `skipped` counts the candidate sets that are not shown, by reason.
    - `shown_before` of the new records are about prompts that had other records before. Of these earlier records,
      `retired` were removed from Argilla now, because nobody had answered them, and `kept` stay, because somebody had.
    - `gold` says how many of the records are gold.
    - `overlap`: how many reviewers each record is for; null if all records are for everybody.
    """

    dataset: str
    workspace: str
    url: str
    records: int
    added: int
    skipped: dict[str, int]
    refused: dict[str, str]
    shown_before: int
    retired: int
    kept: int
    gold: PushedGold
    overlap: int | None

    @property
    def lines(self) -> tuple[str, ...]:
        """What is in Argilla now, and where to review it."""
        existing = self.records - self.added
        lines = [
            f"{counted(self.records, 'record')} in {self.workspace}/{self.dataset}: {self.added:,} new, "
            f"{existing:,} there already. Review: {self.url}"
        ]
        if self.overlap is not None:
            people = counted(self.overlap, "reviewer")
            lines.append(f"Each record is for {people}: `curation reviewers list` has everybody's link.")
        if self.shown_before:
            lines.append(f"{counted(self.shown_before, 'new record')} of prompts that were shown before.")
        if self.retired:
            lines.append(
                f"{counted(self.retired, 'earlier record')} of the same prompts retired, because nobody had answered: "
                "removed from Argilla, and kept in the store."
            )
        if self.kept:
            lines.append(f"{counted(self.kept, 'earlier record')} of the same prompts kept: they have answers.")
        lines += self.gold.lines(records=self.records, added=self.added)
        if self.refused:
            lines.append(f"{counted(len(self.refused), 'record')} left out, because Argilla refused:")
            lines += [f"  {record_id}: {reason}" for record_id, reason in list(self.refused.items())[:NAMED]]
            if len(self.refused) > NAMED:
                lines.append(f"  and {len(self.refused) - NAMED:,} more (`--format json` lists all).")
        if self.skipped:
            lines.append(f"Candidate sets left out: {reasons(self.skipped)}.")
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """`sync`, once people have answered."""
        return "sync"


def push(config: Config, *, services: Services | None = None, update_settings: bool = False) -> PushReport:
    """Create the Argilla dataset if it does not exist, and add the records of the candidate sets to it.

    A second push changes nothing. The records, and the reasons why other sets are not shown, are written to the store
    first, because an answer to a record that the store does not know would have no meaning. A record that Argilla
    refuses is left out and named. Gold records are mixed in with the others.

    With `update_settings` an existing dataset gets the guidelines and `min_submitted` of the config, and what else may
    change while people answer. Without it, a dataset with other settings is refused. Raises MissingError without a
    store, RefusedError if there is nothing to review, ServiceError if a record does not arrive in Argilla, and what
    `gold.read_gold` raises.
    """
    items = read_gold(config)
    services = services or Services.from_environment()
    review = open_review(config, services)
    store = open_store(config, services)
    snapshot = store.snapshot()
    refuse_shown_prompts(config, items, snapshot)
    with scratch_folder() as folder, SetSpool(folder) as spool:
        records, not_shown, left_to_judge = _records_to_show(config, services, snapshot, items, spool)
        all_gold = gold_records(config, items, snapshot, others=len(records))
        store.set_shown(records, not_shown, left_to_judge, gold=all_gold)
        skipped = Counter(not_shown.values())
        if not records:
            raise _nothing_to_review(config, skipped)
        if update_settings:
            _update_settings(config, review, snapshot)
        dataset_id = review.create(config.review.settings())
        gold = [record for record in all_gold if record.counts and record.task == config.review.task]
        ordered = in_push_order(config, snapshot, records, gold)
        pushed = review.push(specs_of(config, spool, ordered))
    shown = {record.id: record for record in (*records, *gold) if record.id not in pushed.refused}
    earlier = _earlier(snapshot, shown)
    without_line = {record.id for record in all_gold if not record.counts and record.task == config.review.task}
    retired = _retire(store, review, earlier | without_line, shown=shown)
    prompts_before = {record.prompt_id for record in snapshot.records.values()}
    return PushReport(
        dataset=config.review_dataset,
        workspace=config.review.workspace,
        url=review.url(dataset_id, in_order=config.review.in_order),
        records=len(ordered) - len(pushed.refused),
        added=pushed.added,
        skipped=dict(skipped),
        refused=pushed.refused,
        shown_before=sum(
            record.prompt_id in prompts_before for record in shown.values() if record.id not in snapshot.records
        ),
        retired=len((retired & earlier) - snapshot.retired),
        kept=len(earlier - retired),
        gold=pushed_gold(
            *(config, snapshot, items, gold),
            shown=shown,
            others=len(records),
            retired=len((retired & without_line) - snapshot.retired),
        ),
        overlap=config.review.overlap if config.review.assignment == "split" else None,
    )


def _records_to_show(
    config: Config, services: Services, snapshot: Snapshot, items: Sequence[GoldItem], spool: SetSpool
) -> ToShow:
    """Return what `records_to_show` gives of each prompt's current set; `spool` gets the sets of the records."""
    sets = spool.adding(snapshot.current_sets(settings_id(config.models)))
    gold = frozenset(item.prompt.id for item in items)
    to_show = records_to_show(config, services, snapshot, sets, gold=gold)
    # A record may show an earlier set with the same answers.
    for candidate_set in snapshot.each_set({record.set_id for record in to_show.records if record.set_id not in spool}):
        spool.add(candidate_set)
    return to_show


def _nothing_to_review(config: Config, skipped: Mapping[str, int]) -> RefusedError:
    all_sure = skipped.keys() == {JUDGE_SURE}
    return RefusedError(
        f"{config.store.repo_id} has nothing to review: {reasons(skipped) or 'no candidate set'}.",
        remedy="Run `curation publish`: the judge decides." if all_sure else "Run `curation generate` first.",
    )


def _update_settings(config: Config, review: ArgillaReview, snapshot: Snapshot) -> None:
    """Give both datasets the guidelines and `min_submitted` of the config. A missing dataset is not created."""
    review.update(config.review.settings())
    if snapshot.escalated:
        review.beside(config.adjudication_dataset).update(adjudication_settings(config.review))


def in_push_order(
    config: Config, snapshot: Snapshot, records: Sequence[ReviewRecord], gold: Sequence[GoldRecord]
) -> list[ReviewRecord]:
    """Return these records in the order to push them in: those that the snapshot lacks come last."""
    return mixed_records(
        records,
        gold,
        known=snapshot.all_records,
        calibration=config.review.calibration,
        key=snapshot.manifest.pseudonym_key,
    )


def _earlier(snapshot: Snapshot, shown: Mapping[str, ReviewRecord]) -> set[str]:
    """Return the ids of stored records that have the task and the prompt of a record in `shown`, but are not in it."""
    prompts = {(record.task, record.prompt_id) for record in shown.values()}
    return {
        record.id
        for record in snapshot.records.values()
        if record.id not in shown and (record.task, record.prompt_id) in prompts
    }


def _retire(store: Store, review: ArgillaReview, earlier: Collection[str], *, shown: Collection[str]) -> frozenset[str]:
    """Remove the earlier records that nobody answered from Argilla, and mark them as retired; return their ids.

    A record that has an answer in Argilla or in the store, or was escalated, is never removed. Argilla comes first: if
    the process ends in between, the next push sees that they are gone and marks them.
    """
    newest = store.snapshot() if earlier else None
    answered = {*newest.escalated, *(record_id for record_id, _ in newest.responses)} if newest is not None else set()
    retired = review.remove_unanswered(set(earlier) - answered)
    store.retire_records(retired, shown=shown)
    return retired


@contextmanager
def sets_of(snapshot: Snapshot, records: Iterable[ReviewRecord]) -> Iterator[SetSpool]:
    """Give the candidate sets of these records, which are in a temporary file."""
    with scratch_folder() as folder, SetSpool(folder) as spool:
        for candidate_set in snapshot.each_set({record.set_id for record in records}):
            spool.add(candidate_set)
        yield spool


def specs_of(config: Config, sets: SetsById, records: Iterable[ReviewRecord]) -> Iterator[RecordSpec]:
    """Yield what Argilla shows of these records. A question about a document is shown with its part of the document.

    `sets` has the sets of all records but gold, which brings its own along.
    """
    for record in records:
        candidate_set = record.candidate_set if isinstance(record, GoldRecord) else sets[record.set_id]
        yield config.review.spec(_as_shown(candidate_set), record)


def _as_shown(candidate_set: CandidateSet) -> CandidateSet:
    """Return a set with the prompt that reviewers see: it has the part of the document that it is about."""
    return candidate_set.model_copy(update={"prompt": with_document(candidate_set.prompt)})


class ToShow(NamedTuple):
    """What people are shown of some candidate sets.

    `records` are those to push, in their order. `not_shown` has by set id why people are shown nothing of a set, and
    `left_to_judge` the records of those that are not shown because the judge is sure.
    """

    records: list[ReviewRecord]
    not_shown: dict[str, str]
    left_to_judge: list[ReviewRecord]


def records_to_show(
    config: Config,
    services: Services,
    snapshot: Snapshot,
    sets: Iterable[CandidateSet],
    *,
    gold: frozenset[str] | None = None,
) -> ToShow:
    """Return the records to push, and why people are not shown other sets.

    `gold` has the prompts of gold records, by default of those in the store: sets of these prompts are not shown. If
    the store has a record already, that is returned: the order of its candidates was chosen when it was first shown.
    """
    gold = gold_prompts(snapshot.gold.values()) if gold is None else gold
    shown = _by_set(record for record in snapshot.records.values() if record.task == config.review.task)
    rated: dict[frozenset[str], list[ReviewRecord]] | None = None
    # Near-duplicates are not looked for again: `generate` did that, and these sets are paid for.
    options = config.quality.model_copy(update={"near_duplicates": None})
    prompts = prompt_checks(options, config.filters, endpoint=services.hub_endpoint, token=services.hub_token)
    answers = answer_checks(options, config.filters, endpoint=services.hub_endpoint, token=services.hub_token)
    of_sets: list[Shown] = []
    not_shown: dict[str, str] = {}
    left: list[ReviewRecord] = []
    for candidate_set in sets:
        if candidate_set.prompt.id in gold:
            not_shown[candidate_set.id] = GOLD_PROMPT
            continue
        known = shown.get(candidate_set.id)
        if known is None and not candidate_set.rated:
            # All sets must be read to find these.
            rated = _by_answers_of_rated_sets(snapshot, shown) if rated is None else rated
            known = rated.get(_answers(candidate_set))
        records = known or _new_records(config, candidate_set, prompts, answers)
        if isinstance(records, Drop):
            not_shown[candidate_set.id] = records.reason
            continue
        records = [snapshot.records.get(record.id, record) for record in records]
        if _is_left_to_judge(config, snapshot, candidate_set, records):
            if not is_sampled(candidate_set.id):
                not_shown[candidate_set.id] = JUDGE_SURE
                left += records
                continue
            records = as_sample(records)
        of_sets.append(as_shown(candidate_set, records))
    ordered = spread_records(in_order(config.review.priority, of_sets))
    return ToShow(list({record.id: record for record in ordered}.values()), not_shown, left)


def _is_left_to_judge(
    config: Config, snapshot: Snapshot, candidate_set: CandidateSet, records: Sequence[ReviewRecord]
) -> bool:
    """Whether the judge is sure of a set that was never shown."""
    skip_if = config.review.skip_if
    shown_before = any(record.id in snapshot.records for record in records)
    return skip_if is not None and not shown_before and skip_if.skips(candidate_set, records)


def with_records(config: Config, services: Services, store: Store) -> Snapshot:
    """Return the store's newest state; candidate sets that may be decided without people have their records in it.

    The records are those that `push` would show, and are written to the store if it lacks them. So rows that nobody
    reviewed are accounted for as all others are, and a later push shows the very same records.
    """
    snapshot = store.snapshot()
    if not _lacks_records(config, snapshot):
        return snapshot
    sets = snapshot.current_sets(settings_id(config.models))
    store.set_shown(*records_to_show(config, services, snapshot, sets))
    return store.snapshot()


def as_if_with_records(config: Config, services: Services, snapshot: Snapshot, *, folder: Path) -> Snapshot:
    """Return the state that `with_records` would make of a snapshot. The store is not changed.

    What differs is written to `folder`, which must stay while the state is read.
    """
    if not _lacks_records(config, snapshot):
        return snapshot
    sets = snapshot.current_sets(settings_id(config.models))
    return snapshot.as_if_shown(*records_to_show(config, services, snapshot, sets), folder=folder)


def records_to_push(config: Config, services: Services, snapshot: Snapshot) -> set[str]:
    """Return the ids of the records that are in Argilla after a `push`, those that are there already among them."""
    records = pl.DataFrame(snapshot.whole(RECORDS, ("id", "task", "set_id")))
    of_task = records.filter(pl.col("task") == config.review.task)
    current = set(snapshot.current_set_ids(settings_id(config.models)))
    known = set(of_task.filter(pl.col("set_id").is_in(list(current)))["id"])
    known |= {record.id for record in snapshot.gold.values() if record.counts and record.task == config.review.task}
    unshown = current.difference(of_task["set_id"])
    new = records_to_show(config, services, snapshot, snapshot.each_set(unshown)).records if unshown else ()
    return known | {record.id for record in new}


def _lacks_records(config: Config, snapshot: Snapshot) -> bool:
    """Whether there are candidate sets that may be decided without people, and that were never pushed."""
    if not config.labels.decides_without_people:
        return False
    known = {*snapshot.whole(RECORDS, ("set_id",))["set_id"].to_pylist(), *snapshot.not_shown}
    return not known.issuperset(snapshot.current_set_ids(settings_id(config.models)))


def _new_records(
    config: Config, candidate_set: CandidateSet, prompts: PromptChecks, answers: Sequence[Check]
) -> Sequence[ReviewRecord] | Drop:
    """Return the records of a set that was not shown before, or a Drop with the reason why it has none."""
    task = config.review
    enough = len(candidate_set.candidates) >= task.min_candidates
    if enough and any(failure.judge_may_answer_yet for failure in candidate_set.failures):
        # `generate` asks the judge again, and its ratings may choose other candidates.
        return Drop(id=candidate_set.id, reason="judge_did_not_answer_yet")
    fault = prompts.reason(candidate_set.prompt.messages)
    fit = with_passing_answers(candidate_set, answers, prompt_fault=fault, fewest=task.min_candidates)
    return fit if isinstance(fit, Drop) else task.records(fit)


def _by_set(records: Iterable[ReviewRecord]) -> dict[str, list[ReviewRecord]]:
    """Return the records by the id of their candidate set."""
    by_set: dict[str, list[ReviewRecord]] = {}
    for record in records:
        by_set.setdefault(record.set_id, []).append(record)
    return by_set


def _by_answers_of_rated_sets(
    snapshot: Snapshot, shown: Mapping[str, list[ReviewRecord]]
) -> dict[frozenset[str], list[ReviewRecord]]:
    """Return the records of sets that a judge rated, by the answers of the set.

    They are used again for a later set with the same answers whose judge gave no ratings. Otherwise other candidates
    might be chosen for that set, and people would be asked about the same prompt twice.
    """
    columns = ("id", "candidates.list.element.id", "candidates.list.element.rating")
    rated = {
        row["id"]: frozenset(candidate["id"] for candidate in row["candidates"])
        for path in (snapshot.paths(CANDIDATE_SETS) if shown else ())
        for row in read_columns(path, columns)
        if row["id"] in shown and any(candidate["rating"] is not None for candidate in row["candidates"])
    }
    return {answers: shown[set_id] for set_id, answers in rated.items()}


def _answers(candidate_set: CandidateSet) -> frozenset[str]:
    """Return the ids of the candidates of a set."""
    return frozenset(candidate.id for candidate in candidate_set.candidates)
