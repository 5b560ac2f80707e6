"""Puts the life of a prompt together from the tables of the store and the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curation.config import Config
from curation.explaining.life import (
    CandidateLife,
    CommitOf,
    EscalationLife,
    PromptLife,
    RecordLife,
    ResponseLife,
    RowLife,
    SetLife,
)
from curation.explaining.rows import KnownRows, commits_of
from curation.generation import settings_id
from curation.store import CANDIDATE_SETS, ESCALATED_RECORDS, GOLD, RECORDS, RESPONSES, Snapshot
from curation.types import CandidateSet, EscalatedRecord, GoldRecord, Prompt, ResponseVersion, ReviewRecord

NOT_DERIVED: Mapping[str, Any] = {"candidates": (), "reviewers": 0, "rows": (), "dropped": ()}
"""What is known of the rows of a set that no row of `raw` is about."""


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the store holds of some prompts: all rows of its tables, each with the path of its file."""

    sets: Mapping[str, tuple[str, CandidateSet]]
    records: list[tuple[str, ReviewRecord]]
    escalated: Mapping[str, tuple[str, EscalatedRecord]]
    versions: list[tuple[str, ResponseVersion]]
    commits: Mapping[str, CommitOf]
    current: frozenset[str]


def lives_of(config: Config, snapshot: Snapshot, rows: KnownRows, prompt_ids: Collection[str]) -> Iterator[PromptLife]:
    """Yield the life of each of these prompts."""
    tables = _read(config, snapshot, prompt_ids)
    prompts = {candidate_set.prompt.id: candidate_set.prompt for _, candidate_set in tables.sets.values()}
    for prompt_id in prompt_ids:
        dropped = snapshot.dropped_prompts.get(prompt_id)
        prompt = prompts[prompt_id] if dropped is None or prompt_id in prompts else dropped.prompt
        yield PromptLife(
            id=prompt_id,
            text=prompt.messages[-1].content,
            source=prompt.source,
            language=prompt.language,
            dropped=dropped.reason if dropped is not None and prompt_id not in prompts else None,
            sets=tuple(_sets(prompt, snapshot, tables, rows)),
        )


def _read(config: Config, snapshot: Snapshot, prompt_ids: Collection[str]) -> _Tables:
    records: list[tuple[str, ReviewRecord]] = [
        (path, record)
        for path, record in snapshot.each_with_path(RECORDS, ReviewRecord)
        if record.prompt_id in prompt_ids
    ]
    gold = [
        (path, record) for path, record in snapshot.each_with_path(GOLD, GoldRecord) if record.prompt_id in prompt_ids
    ]
    records += gold
    of_prompts = {record.id for _, record in records}
    escalated = {
        row.record_id: (path, row)
        for path, row in snapshot.each_with_path(ESCALATED_RECORDS, EscalatedRecord)
        if row.record_id in of_prompts
    }
    shown = of_prompts | {row.id for _, row in escalated.values()}
    tables = (CANDIDATE_SETS, RECORDS, ESCALATED_RECORDS, RESPONSES, GOLD)
    paths = [path for table in tables for path in snapshot.manifest.files.get(table, ())]
    return _Tables(
        # A set that was completed later stands twice; the later one counts.
        sets={
            candidate_set.id: (path, candidate_set)
            for path, candidate_set in snapshot.each_with_path(CANDIDATE_SETS, CandidateSet)
            if candidate_set.prompt.id in prompt_ids
        }
        | {record.set_id: (path, record.candidate_set) for path, record in gold},
        records=records,
        escalated=escalated,
        versions=[
            (path, version)
            for path, version in snapshot.each_with_path(RESPONSES, ResponseVersion)
            if version.record_id in shown
        ],
        commits=commits_of(snapshot.repo, paths, snapshot.revision),
        current=frozenset(snapshot.current_set_ids(settings_id(config.models))),
    )


def _sets(prompt: Prompt, snapshot: Snapshot, tables: _Tables, rows: KnownRows) -> Iterator[SetLife]:
    """Yield the sets of a prompt. Rows that are published and follow from no set any more stand with the last."""
    of_prompt = [entry for entry in tables.sets.values() if entry[1].prompt.id == prompt.id]
    raw_rows = rows.raw_of([candidate_set.id for _, candidate_set in of_prompt])
    derived = {row_id for row in raw_rows.values() for row_id in row["rows"]}
    orphans = [row_id for row_id, row in rows.published.items() if row.prompt_id == prompt.id]
    orphans = [row_id for row_id in orphans if row_id not in derived and row_id not in rows.derived]
    for place, (path, candidate_set) in enumerate(of_prompt, 1):
        raw = raw_rows.get(candidate_set.id, NOT_DERIVED)
        yield SetLife(
            id=candidate_set.id,
            current=candidate_set.id in tables.current,
            settings=candidate_set.settings,
            models=snapshot.manifest.settings.get(candidate_set.settings, {}),
            commit=tables.commits.get(path),
            candidates=tuple(_candidates(candidate_set, raw)),
            failures=candidate_set.failures,
            judgements=candidate_set.judgements,
            not_shown=snapshot.not_shown.get(candidate_set.id),
            records=tuple(_records(candidate_set.id, snapshot, tables)),
            label_source=raw.get("label_source"),
            reviewers=raw["reviewers"],
            agreement=raw.get("agreement"),
            rows=tuple(_row(row_id, rows) for row_id in (*raw["rows"], *(orphans if place == len(of_prompt) else ()))),
            dropped=tuple(raw["dropped"]),
        )


def _candidates(candidate_set: CandidateSet, raw: Mapping[str, Any]) -> Iterator[CandidateLife]:
    """Yield the answers of the models as the store has them, then the edits, each with its score."""
    in_raw = {candidate["id"]: candidate for candidate in raw["candidates"]}
    for candidate in candidate_set.candidates:
        scored = in_raw.pop(candidate.id, {})
        yield CandidateLife(
            id=candidate.id,
            generator=candidate.generator,
            model=candidate.model,
            text=candidate.text,
            finish_reason=candidate.finish_reason,
            rating=candidate.rating,
            rationale=candidate.rationale,
            score=scored.get("score"),
            edit_of=None,
        )
    names = CandidateLife.model_fields.keys() - {"rationale"}
    for candidate in in_raw.values():
        yield CandidateLife(**{name: candidate[name] for name in names}, rationale=None)


def _records(set_id: str, snapshot: Snapshot, tables: _Tables) -> Iterator[RecordLife]:
    for path, record in tables.records:
        if record.set_id == set_id:
            yield RecordLife(
                id=record.id,
                task=record.task,
                candidates=record.candidates,
                retired=record.id in snapshot.retired,
                commit=tables.commits.get(path),
                responses=_responses(record.id, tables),
                escalation=_escalation(record.id, tables),
                **({"gold": record.expected, "counts": record.counts} if isinstance(record, GoldRecord) else {}),
            )


def _escalation(record_id: str, tables: _Tables) -> EscalationLife | None:
    if record_id not in tables.escalated:
        return None
    path, escalated = tables.escalated[record_id]
    return EscalationLife(
        id=escalated.id,
        reason=escalated.reason,
        commit=tables.commits.get(path),
        responses=_responses(escalated.id, tables),
    )


def _responses(record_id: str, tables: _Tables) -> tuple[ResponseLife, ...]:
    return tuple(
        _response(version, tables.commits.get(file))
        for file, version in tables.versions
        if version.record_id == record_id
    )


def _response(version: ResponseVersion, commit: CommitOf | None) -> ResponseLife:
    names = ResponseLife.model_fields.keys() - {"commit"}
    return ResponseLife(**{name: getattr(version, name) for name in names}, commit=commit)


def _row(row_id: str, rows: KnownRows) -> RowLife:
    published = rows.published.get(row_id)
    where = rows.derived.get(row_id) or (published.split if published is not None else "/")
    config, _, split = where.partition("/")
    return RowLife(
        id=row_id,
        config=config,
        split=split,
        derived=row_id in rows.derived,
        commit=published.commit if published is not None else None,
    )
