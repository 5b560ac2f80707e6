"""The candidate sets of a segment as columns, and what the responses to its records mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from curation import quality
from curation.config import Config
from curation.export import Edit
from curation.review import ReviewTask
from curation.stages.segments import Segment, Stretch
from curation.types import Annotation, Candidate, CandidateSet, Message, Prompt, Response, ReviewRecord

SET_COLUMNS = (
    "id",
    "prompt",
    "candidates.list.element.id",
    "candidates.list.element.text",
    "candidates.list.element.generator",
    "candidates.list.element.model",
    "candidates.list.element.finish_reason",
    "candidates.list.element.rating",
    "candidates.list.element.thinking",
    "settings",
    "judgements.list.element.judge",
    "judgements.list.element.aspect",
    "judgements.list.element.order",
    "judgements.list.element.ratings",
)


class SegmentSets(NamedTuple):
    """The candidate sets of a segment as columns: a value per set, or per candidate (those of set n from starts[n]).

    `thinking` is what models thought before each text, null if that is not wanted.
    `prompt_lengths` are in characters, of all messages together.
    """

    prompts: Any
    prompt_ids: list[str]
    sources: Any
    extras: dict[str, Any]
    judgements: Any
    prompt_lengths: list[int]
    languages: Sequence[str | None]
    ids: list[str]
    settings: list[str]
    starts: list[int]
    candidate_ids: list[str]
    texts: list[str]
    generators: list[str]
    models: list[str]
    finish_reasons: list[str | None]
    ratings: list[float | None]
    thinking: list[str | None] | None

    def add(self, edit: Edit) -> int:
        """Give an edit a row of its own behind the candidates, and return that."""
        self.candidate_ids.append(edit.id)
        self.texts.append(edit.text)
        self.models.append(edit.model)
        if self.thinking is not None:
            self.thinking.append(None)
        return len(self.texts) - 1

    def messages(self, row: int) -> tuple[Message, ...]:
        """Return the prompt of a set."""
        return tuple(Message.model_validate(turn) for turn in self.prompts[row].as_py())

    def candidate_set(self, row: int) -> CandidateSet:
        """Return a set as `raw` shows it: without what the models' requests cost."""
        prompt = Prompt(id=self.prompt_ids[row], messages=self.messages(row), source=self.sources[row].as_py())
        candidates = tuple(
            Candidate(
                id=self.candidate_ids[at],
                text=self.texts[at],
                generator=self.generators[at],
                model=self.models[at],
                finish_reason=self.finish_reasons[at],
                rating=self.ratings[at],
                thinking=None if self.thinking is None else self.thinking[at],
            )
            for at in range(self.starts[row], self.starts[row + 1])
        )
        return CandidateSet(id=self.ids[row], prompt=prompt, candidates=candidates, settings=self.settings[row])


def read_sets(stretches: Sequence[Stretch], extras: Mapping[str, Any], *, thinking: bool) -> SegmentSets:
    """Return the candidate sets of some stretches, and the `extras` of their prompts in the Arrow types given.

    With `thinking` also what models thought before their answers.
    """
    import pyarrow as pa

    parts = [_flat(part.read(SET_COLUMNS), extras) for part in stretches]
    table = pa.concat_tables(parts).combine_chunks()
    column = {name: _whole(table[name]) for name in table.column_names}
    lists = column["candidates"]
    flat = lists.flatten()
    lengths = lists.value_lengths().to_pylist()
    questions = _last_contents(column["messages"])
    return SegmentSets(
        prompts=column["messages"],
        prompt_ids=column["prompt_id"].to_pylist(),
        sources=column["source"],
        extras={name: _extra(column[name], kind) for name, kind in extras.items()},
        judgements=column["judgements"],
        prompt_lengths=_lengths(column["messages"]),
        languages=_languages(column["language"].to_pylist(), questions),
        ids=column["id"].to_pylist(),
        settings=column["settings"].to_pylist(),
        starts=[0, *accumulate(lengths)],
        candidate_ids=flat.field("id").to_pylist(),
        texts=flat.field("text").to_pylist(),
        generators=flat.field("generator").to_pylist(),
        models=flat.field("model").to_pylist(),
        finish_reasons=flat.field("finish_reason").to_pylist(),
        ratings=flat.field("rating").to_pylist(),
        thinking=flat.field("thinking").to_pylist() if thinking else None,
    )


def _flat(table: Any, extras: Mapping[str, Any]) -> Any:
    """The columns of a file, with the fields of the prompt beside the others: an older file may lack some."""
    import pyarrow as pa

    prompt = _whole(table["prompt"])
    known = {prompt.type.field(position).name for position in range(prompt.type.num_fields)}
    columns = {name: table[name] for name in ("id", "settings", "candidates", "judgements")}
    columns |= {"prompt_id": prompt.field("id"), "messages": prompt.field("messages"), "source": prompt.field("source")}
    # An empty language is one that nobody looked for.
    absent = {"language": pa.repeat(pa.scalar(""), table.num_rows)}
    for name in ("language", *extras):
        columns[name] = prompt.field(name) if name in known else absent.get(name, pa.nulls(table.num_rows, pa.string()))
    return pa.table(columns)


def _languages(known: list[str | None], questions: list[str]) -> list[str | None]:
    """The languages of questions; those of older files, which do not say, are looked for."""
    return [
        quality.detect_language(question) if language == "" else language
        for language, question in zip(known, questions, strict=True)
    ]


def _lengths(conversations: Any) -> list[int]:
    import numpy as np
    import pyarrow.compute as pc

    characters = pc.utf8_length(conversations.flatten().field("content")).to_numpy()
    ends = np.cumsum(conversations.value_lengths().to_numpy())
    found: list[int] = np.diff(np.concatenate(([0], np.cumsum(characters)))[np.concatenate(([0], ends))]).tolist()
    return found


def _last_contents(conversations: Any) -> list[str]:
    """The content of each conversation's last message."""
    import numpy as np

    last = np.cumsum(conversations.value_lengths().to_numpy()) - 1
    return list(conversations.flatten().field("content").take(last).to_pylist())


def _extra(column: Any, kind: Any) -> Any:
    """What prompts bring along; the keyword arguments of chat templates are an object, not its text."""
    import pyarrow as pa

    return pa.array([json.loads(text) for text in column.to_pylist()], kind) if pa.types.is_struct(kind) else column


def _whole(column: Any) -> Any:
    import pyarrow as pa

    return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)


def annotated(segment: Segment, config: Config) -> Iterator[tuple[Annotation, ...]]:
    """Yield, for each record of a segment, what its responses mean, in order of reviewer."""
    responses = segment.responses.to_pydict()
    meaning = _Meaning(config.review)
    records = [
        ReviewRecord(
            id=one["id"], task=config.review.task, prompt_id="", set_id="", candidates=tuple(one["candidates"])
        )
        for one in segment.records.select(["id", "candidates"]).to_pylist()
    ]
    said: list[list[Annotation]] = [[] for _ in range(segment.records.num_rows)]
    for record, reviewer, status, values in zip(
        responses["record"], responses["reviewer"], responses["status"], responses["values"], strict=True
    ):
        said[record].append(meaning.of(reviewer, status, values, records[record]))
    for each in said:
        yield meaning.together(each)


class _Meaning:
    """What responses mean; the same words of the same reviewer are read once."""

    def __init__(self, task: ReviewTask) -> None:
        self._annotation = task.annotation
        self._known: dict[tuple[str, str, str, int], Annotation] = {}
        self._together: dict[tuple[int, ...], tuple[Annotation, ...]] = {}

    def together(self, said: list[Annotation]) -> tuple[Annotation, ...]:
        """Return annotations in order of reviewer; the same ones are always the same tuple."""
        key = (*map(id, said),)
        if key not in self._together:
            self._together[key] = tuple(sorted(said, key=lambda one: one.reviewer))
        return self._together[key]

    def of(self, reviewer: str, status: str, values: str, record: ReviewRecord) -> Annotation:
        key = (reviewer, status, values, len(record.candidates))
        if key not in self._known:
            response = Response.model_validate(
                {
                    "record_id": record.id,
                    "reviewer": reviewer,
                    "status": status,
                    "values": json.loads(values),
                    "dataset_id": "",
                    "server_record_id": "",
                    "server_user_id": "",
                }
            )
            self._known[key] = self._annotation(response, record)
        return self._known[key]
