"""A store on this machine, written as the Hub would hold it: what `generate`, `push` and `sync` leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from curation import ids
from curation.config import Config, Services, parse_config
from curation.derive import Derived, derive
from curation.generation import settings_of
from curation.store import (
    CANDIDATE_SETS,
    ESCALATED_RECORDS,
    RECORDS,
    RESPONSES,
    Manifest,
    PromptsRead,
    Snapshot,
)
from curation.store.manifest import Settings
from curation.store.parquet import content_name, write_parquet
from curation.store.snapshot import DROPPED_PROMPTS, GOLD, LEFT_TO_JUDGE, NOT_SHOWN, RETIRED_RECORDS, ROW_TYPES
from curation.types import (
    JUDGE_SURE,
    CandidateSet,
    DroppedPrompt,
    EscalatedRecord,
    GoldRecord,
    Message,
    NotShown,
    Prompt,
    Response,
    ResponseVersion,
    RetiredRecord,
    ReviewRecord,
    Row,
    Status,
)
from tests.rows import SETTINGS, make_judgement, make_prompt, make_set

PREFERENCES = ("a", "b", "both_good", "both_bad")
EVERY = ["dpo", "kto", "reward", "sft", "raw"]
TRAINED = EVERY[:-1]
SERVICES = Services(hub_endpoint="http://127.0.0.1:9")
WORDS = ("tree", "river", "stone", "cloud", "lamp", "chair", "window", "garden", "letter", "engine", "bridge", "winter")


class FolderRepo:
    """A repo that holds the files of a folder."""

    repo_id = "acme/demo-store"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def download(self, path: str, revision: str) -> Path:
        """Return where the file is."""
        return self.folder / path


def make_snapshot(
    folder: Path,
    sets: Iterable[Sequence[CandidateSet]] = (),
    records: Iterable[Sequence[ReviewRecord]] = (),
    responses: Sequence[Response] = (),
    dropped: Sequence[DroppedPrompt] = (),
    settings: Mapping[str, Settings] | None = None,
    retired: Sequence[ReviewRecord] = (),
    not_shown: Mapping[str, str] | None = None,
    escalated: Sequence[EscalatedRecord] = (),
    gold: Sequence[GoldRecord] = (),
    left: Sequence[ReviewRecord] = (),
) -> Snapshot:
    """Return a store in which each of the sequences of `sets` and `records` is a file of its own.

    `not_shown` has why the last push made no record of a set, by set id.
    """
    files: dict[str, list[str]] = {}
    tables: list[tuple[str, Sequence[Row]]] = [
        *((CANDIDATE_SETS, part) for part in sets),
        *((RECORDS, part) for part in records),
        *([(RESPONSES, [as_version(response) for response in responses])] if responses else []),
        *([(DROPPED_PROMPTS, dropped)] if dropped else []),
        *([(RETIRED_RECORDS, [RetiredRecord(id=record.id) for record in retired])] if retired else []),
        *([(ESCALATED_RECORDS, escalated)] if escalated else []),
        *([(NOT_SHOWN, [NotShown(id=set_id, reason=why) for set_id, why in not_shown.items()])] if not_shown else []),
        *([(GOLD, gold)] if gold else []),
        *([(LEFT_TO_JUDGE, left)] if left else []),
    ]
    for table, rows in tables:
        content = write_parquet(rows, ROW_TYPES[table])
        path = content_name(table, content)
        (folder / table).mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        files.setdefault(table, []).append(path)
    manifest = Manifest(
        name="demo",
        pseudonym_key="key",
        files={table: tuple(paths) for table, paths in files.items()},
        prompts={"acme/prompts": PromptsRead(source="acme/prompts@abc", read=100, dropped={"empty": 3})},
        settings=dict(settings or {}),
    )
    repo: Any = FolderRepo(folder)
    return Snapshot(repo, "0" * 40, manifest, min_candidates=2)


def make_record(candidate_set: CandidateSet, *places: int, task: str = "pairwise") -> ReviewRecord:
    """Return a record that shows these candidates of the set, A first; the first two unless told."""
    shown = [candidate_set.candidates[place].id for place in places or (0, 1)]
    return ReviewRecord(
        id=ids.record_id(task, candidate_set.prompt.id, shown),
        task=task,
        prompt_id=candidate_set.prompt.id,
        set_id=candidate_set.id,
        candidates=tuple(shown),
    )


def make_response(
    record: ReviewRecord,
    preference: str,
    reviewer: str = "ann",
    *,
    status: Status = "submitted",
    edit: str | None = None,
    flags: Sequence[str] = (),
) -> Response:
    """Return what a reviewer answered to a record: a preference, or with another task the quality of a candidate."""
    question_name = "preference" if record.task == "pairwise" else "quality"
    values: dict[str, Any] = {question_name: preference} | ({} if edit is None else {"edit": edit})
    values |= {"flags": list(flags)} if flags else {}
    return Response(
        record_id=record.id,
        reviewer=reviewer,
        status=status,
        values=values,
        dataset_id="d",
        server_record_id=f"server-{record.id}",
        server_user_id=f"user-{reviewer}",
    )


def as_version(response: Response, *, ended: Literal["withdrawn", "renamed"] | None = None) -> ResponseVersion:
    """Return a response as a sync saw it."""
    if isinstance(response, ResponseVersion):
        return response
    return ResponseVersion(**dict(response), synced_at=datetime(2026, 1, 31, tzinfo=UTC), ended=ended)


def make_config(**sections: dict[str, Any]) -> Config:
    """Return a config; what is given is added to the keys of its section."""
    values: dict[str, Any] = {
        "name": "demo",
        "prompts": {"type": "hub", "repo_id": "acme/prompts"},
        "generators": [{"model_id": "acme/g0", "name": "g0"}, {"model_id": "acme/g1", "name": "g1"}],
        "publish": {"repo_id": "acme/demo"},
        "store": {"repo_id": "acme/demo-store"},
    }
    return parse_config(values | {name: {**values.get(name, {}), **keys} for name, keys in sections.items()})


def published(folder: Path, config: str, split: str = "*") -> list[dict[str, Any]]:
    """Return the rows of all shards of a config, in order of id."""
    rows = [row for path in (folder / config).glob(f"{split}-*.parquet") for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: str(row["id"]))


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every config that `derived` wrote to this folder."""
    return {name: published(folder / "out", name) for name in EVERY}


def chosen(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the texts of the chosen and the rejected answer of a row of dpo or reward."""
    return row["chosen"][0]["content"], row["rejected"][0]["content"]


def given(prompt: Prompt, **extras: str | None) -> Prompt:
    """Return the prompt with what a source may say of it besides, such as its language or category."""
    return prompt.model_copy(update=extras)


class Store:
    """Sets with the records and responses that belong to them, to be written as one store."""

    def __init__(self) -> None:
        self.sets: list[CandidateSet] = []
        self.records: list[ReviewRecord] = []
        self.responses: list[Response] = []
        self.retired: list[ReviewRecord] = []
        self.not_shown: dict[str, str] = {}
        self.escalated: list[EscalatedRecord] = []
        self.left: list[ReviewRecord] = []
        self.settings = {SETTINGS: settings_of(make_config().models)}

    def add(
        self,
        *preferences: str | None,
        prompt: Prompt | None = None,
        texts: Sequence[str] = (),
        ratings: Sequence[float | None] = (None, None),
        edit: str | None = None,
        finish_reason: str | None = None,
    ) -> ReviewRecord:
        """Add a record with the answers of ann, bob, eva, ...; None is a draft."""
        number = len(self.sets)
        candidate_set = make_set(prompt or make_prompt(question(number)), ratings)
        candidates = tuple(
            candidate.model_copy(
                update={
                    "text": texts[place] if texts else f"{number}: {candidate.text}",
                    "finish_reason": finish_reason,
                }
            )
            for place, candidate in enumerate(candidate_set.candidates)
        )
        candidate_set = candidate_set.model_copy(update={"candidates": candidates})
        record = make_record(candidate_set)
        self.sets.append(candidate_set)
        self.records.append(record)
        for reviewer, preference in zip(("ann", "bob", "eva", "kim", "leo"), preferences, strict=False):
            status: Any = "draft" if preference is None else "submitted"
            response = make_response(
                record, preference or "a", reviewer, status=status, edit=edit if reviewer == "ann" else None
            )
            self.responses.append(response)
        return record

    def add_set(self, *texts: str, ratings: Sequence[float | None] = (), prompt: Prompt | None = None) -> CandidateSet:
        """Add a set with these answers, of generators g0, g1, ..., that no record shows."""
        candidate_set = make_set(prompt or make_prompt(question(len(self.sets))), ratings or [None] * len(texts))
        texts_of = zip(candidate_set.candidates, texts, strict=True)
        candidates = tuple(candidate.model_copy(update={"text": text}) for candidate, text in texts_of)
        candidate_set = candidate_set.model_copy(update={"candidates": candidates})
        self.sets.append(candidate_set)
        return candidate_set

    def show(
        self,
        candidate_set: CandidateSet,
        *places: int,
        answers: Mapping[str, str] = {},
        task: str = "pairwise",
        edit: str | None = None,
    ) -> ReviewRecord:
        """Add a record that shows these candidates of the set, and the answers by reviewer, each with the edit."""
        record = make_record(candidate_set, *places, task=task)
        self.records.append(record)
        self.responses += [make_response(record, answer, name, edit=edit) for name, answer in answers.items()]
        return record

    def leave_to_judge(self, record: ReviewRecord) -> None:
        """Show a record to nobody, because the judge is sure of its set."""
        self.records.remove(record)
        self.left.append(record)
        self.not_shown[record.set_id] = JUDGE_SURE

    def escalate(self, record: ReviewRecord, *answers: Response) -> None:
        """Escalate a record; `answers` are what adjudicators said of it, as responses to the record itself."""
        escalated = EscalatedRecord(
            id=ids.adjudication_id(record.id), record_id=record.id, task=record.task, reason="draw"
        )
        self.escalated.append(escalated)
        self.responses += [answer.model_copy(update={"record_id": escalated.id}) for answer in answers]

    def ask_again(self, number: int, *preferences: str) -> ReviewRecord:
        """Add another set of the prompt of a set, with other answers, and its record with the answers of ann, bob."""
        earlier = self.sets[number]
        candidates = tuple(
            candidate.model_copy(update={"id": f"{len(self.sets):08}{place:08}", "text": f"Again: {candidate.text}"})
            for place, candidate in enumerate(earlier.candidates)
        )
        candidate_set = earlier.model_copy(update={"id": f"again-{number}", "candidates": candidates})
        record = make_record(candidate_set)
        self.sets.append(candidate_set)
        self.records.append(record)
        pairs = zip(("ann", "bob"), preferences, strict=False)
        self.responses += [make_response(record, preference, reviewer) for reviewer, preference in pairs]
        return record

    def written(self, folder: Path, *, dropped: Sequence[DroppedPrompt] = (), files: int = 1) -> Snapshot:
        """Return the store, its sets in so many files."""
        size = max(1, -(-len(self.sets) // files))
        parts = [self.sets[start : start + size] for start in range(0, len(self.sets), size)]
        return make_snapshot(
            *(folder, parts, [self.records], self.responses, dropped, self.settings, self.retired, self.not_shown),
            escalated=self.escalated,
            left=self.left,
        )


def question(number: int) -> str:
    """Return a question that has nothing in common with another."""
    return " ".join(f"{word}{number * 17 + place}" for place, word in enumerate(WORDS))


def derived(store: Store, folder: Path, config: Config | None = None, **options: Any) -> Derived:
    """Return what a store gives, all configs unless told; it is written to folder/store, shards to folder/out."""
    dropped = options.pop("dropped", ())
    files = options.pop("files", 1)
    snapshot = store.written(folder / "store", dropped=dropped, files=files)
    return derive(
        config or make_config(publish={"formats": EVERY}), snapshot, SERVICES, folder=folder / "out", **options
    )


def varied() -> Store:
    """Return a store with every kind of record: agreement, draws, drafts, edits, ties, ratings, long prompts."""
    store = Store()
    cycle: list[tuple[str | None, ...]] = [
        ("a",),
        ("b", "b"),
        ("a", "b"),
        (None,),
        (),
        ("both_good",),
        ("both_bad", "both_bad"),
        ("b", "a", "a"),
    ]
    for number in range(64):
        prompt = make_prompt(question(number))
        if number % 5 == 0:
            turns = (Message(role="system", content="Be brief."), Message(role="user", content=question(number)))
            prompt = Prompt(id=ids.prompt_id(turns), messages=turns, source="acme/prompts@abc")
        store.add(
            *cycle[number % len(cycle)],
            prompt=prompt,
            ratings=(float(number % 5 + 1), None if number % 7 == 0 else 3.0),
            edit=f"Edit {number}." if number % 3 == 0 else None,
            texts=["Same.", " Same.\n"] if number % 11 == 0 else (),
        )
        judged = make_judgement(*(candidate.rating for candidate in store.sets[-1].candidates))
        store.sets[-1] = store.sets[-1].model_copy(update={"judgements": (judged,)})
    lonely = make_set(make_prompt("Only one answer?"), (None,))
    unshown = make_set(make_prompt("Shown to nobody?"), (1.0, 2.0))
    store.sets += [lonely, unshown]
    store.not_shown[lonely.id] = "fewer_than_two_answers"
    return store
