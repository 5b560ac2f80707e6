"""Scored sets for the tests of exporters: made by the scoring itself, of records whose verdicts the test gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from curation.derive.scoring import Scoring, score
from curation.derive.segments import Segment
from curation.derive.texts import SetTexts
from curation.export import Exporter, ScoredSets, published_table, with_answers
from curation.schema import arrow_schema
from curation.types import Annotation, Candidate, CandidateSet, Drop, Judgement, Prompt, Verdict
from tests.rows import RECORD_ID, SETTINGS, make_prompt

CANDIDATE = ("id", "text", "generator", "model", "finish_reason", "rating", "thinking", "imported")
RECORDS: dict[str, Any] = {
    "record_no": pl.UInt32,
    "record_id": pl.String,
    "set_no": pl.UInt32,
    "prompt_no": pl.UInt32,
    "shown": pl.List(pl.String),
    "ballot_no": pl.UInt32,
}


class Record(NamedTuple):
    """A record with its verdict: the candidates that it shows, and what was said of them.

    Records of one prompt with the same `set_name` show the same candidate set. That holds what its records show, after
    what they say it `holds` besides.
    """

    verdict: Verdict | Drop
    candidates: Sequence[Candidate]
    annotations: Sequence[Annotation] = ()
    id: str = RECORD_ID
    prompt: Prompt = make_prompt()
    set_name: str = "set"
    holds: Sequence[Candidate] = ()
    judgements: Sequence[Judgement] = ()


def make_segment(
    *records: Record, languages: Sequence[str | None] = (), columns: Mapping[str, Sequence[Any]] | None = None
) -> tuple[Segment, SetTexts]:
    """Return the segment of these records, and the sets that they show in the order of the records.

    `languages` and `columns` (what prompts bring along) have a value per set.
    """
    sets = list(dict.fromkeys((record.prompt.id, record.set_name) for record in records))
    texts = _texts(records, sets, languages=languages, columns=columns or {})
    prompt_nos = texts.sets["prompt_no"]
    set_nos = [sets.index((record.prompt.id, record.set_name)) for record in records]
    rows = [
        (number, record.id, set_no, prompt_nos[set_no], [c.id for c in record.candidates], number)
        for number, (record, set_no) in enumerate(zip(records, set_nos, strict=True))
    ]
    segment = Segment(
        slices=(),
        sets=texts.sets,
        records=pl.DataFrame(rows, schema=RECORDS, orient="row").with_columns(
            suggested=pl.lit(False), sampled=pl.lit(False), left_to_judge=pl.lit(False)
        ),
        ballots={number: tuple(record.annotations) for number, record in enumerate(records)},
        outcomes={number: record.verdict for number, record in enumerate(records)},
    )
    return segment, texts


def no_faults(chosen: pl.Series, rejected: pl.Series) -> pl.Series:
    """Let every pair pass."""
    return pl.Series([None] * len(chosen), dtype=pl.String)


def make_scoring(*records: Record, judge_fallback: bool = False, **options: Any) -> Scoring:
    """Return the resolved scores of what these records show; see `make_segment` for the options.

    A reviewer's pseudonym is the name backwards, in capitals: ann is NNA.
    """
    names = {annotation.reviewer for record in records for annotation in record.annotations}
    pseudonyms = {name: name[::-1].upper() for name in names}
    return score(*make_segment(*records, **options), judge_fallback=judge_fallback, pseudonyms=pseudonyms)


def make_scored(
    *records: Record,
    faults: Mapping[str, str] | None = None,
    faults_if_rejected: Mapping[str, str] | None = None,
    **options: Any,
) -> ScoredSets:
    """Return the scored sets of these records; `faults` has the check that a text does not pass as a good example."""
    scored = make_scoring(*records, **options).scored
    texts = scored.answers["text"]
    checked = {"fault_if_chosen": faults or {}, "fault_if_rejected": faults_if_rejected or {}}
    answers = scored.answers.with_columns(
        pl.Series(name, [reasons.get(text) for text in texts], dtype=pl.String) for name, reasons in checked.items()
    )
    return ScoredSets(scored.sets, answers, scored.records, scored.entries, scored.entry_scores)


def published(exporter: Exporter, scored: ScoredSets, **options: Any) -> pa.Table:
    """Return all rows that scored sets give to a config, as they are published."""
    rows = with_answers(exporter, exporter.rows(scored).frame, scored)
    return published_table(exporter, rows, **{"extras": {}, "thinking": False, **options})


def reasons(exporter: Exporter, scored: ScoredSets) -> list[tuple[int, str]]:
    """Return why sets give no rows to a config: the number of the set and the reason, in their order."""
    return sorted(exporter.rows(scored).lost.rows())


def _texts(
    records: Sequence[Record],
    sets: Sequence[tuple[str, str]],
    *,
    languages: Sequence[str | None],
    columns: Mapping[str, Sequence[Any]],
) -> SetTexts:
    prompts = list(dict.fromkeys(prompt_id for prompt_id, _ in sets))
    of_sets = [[one for one in records if (one.prompt.id, one.set_name) == key] for key in sets]
    held = [
        list({c.id: c for record in of_set for c in (*record.holds, *record.candidates)}.values()) for of_set in of_sets
    ]
    first = [of_set[0] for of_set in of_sets]
    judgement = pl.DataFrame(
        pa.table({"judgements": pa.array([], arrow_schema(CandidateSet).field("judgements").type)})
    )
    turns = pl.DataFrame(pa.table({"messages": pa.array([], arrow_schema(Prompt).field("messages").type)}))
    return SetTexts(
        sets=pl.DataFrame(
            {
                "set_no": range(len(sets)),
                "prompt_no": [prompts.index(prompt_id) for prompt_id, _ in sets],
                "not_shown": [None] * len(sets),
                "settings": [SETTINGS] * len(sets),
                "judgements": [[one.model_dump() for one in record.judgements] for record in first],
                "prompt_id": [prompt_id for prompt_id, _ in sets],
                "set_id": [f"{set_name}-of-{prompt_id}" for prompt_id, set_name in sets],
                "prompt": [[turn.model_dump() for turn in record.prompt.messages] for record in first],
                "source": [record.prompt.source for record in first],
                "language": languages or [None] * len(sets),
                "split": ["train"] * len(sets),
                **columns,
            },
            schema_overrides={
                "set_no": pl.UInt32,
                "prompt_no": pl.UInt32,
                "not_shown": pl.String,
                "judgements": judgement.schema["judgements"],
                "prompt": turns.schema["messages"],
                "prompt_id": pl.String,
                "language": pl.String,
            },
        ),
        candidates=pl.DataFrame(
            pa.Table.from_pylist(
                [{name: getattr(c, name) for name in CANDIDATE} for candidates in held for c in candidates],
                pa.schema([arrow_schema(Candidate).field(name) for name in CANDIDATE]),
            )
        )
        .rename({"id": "candidate_id"})
        .with_columns(set_no=pl.Series([set_no for set_no, each in enumerate(held) for _ in each], dtype=pl.UInt32)),
    )
