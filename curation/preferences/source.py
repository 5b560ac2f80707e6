"""Prompts with the answers that a file or a dataset has for them, ready to become candidate sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from statistics import fmean
from typing import Any, BinaryIO

import orjson

from curation import ids
from curation.errors import DataError
from curation.preferences.answered import AnsweredRow
from curation.preferences.lists import read_list
from curation.preferences.options import AnsweredPrompts, AnswerPrompts
from curation.preferences.rows import read_answers
from curation.prompts.rows import read_prompt
from curation.scratch import scratch_folder
from curation.types import IMPORTED, UNKNOWN_MODEL, AnsweredPrompt, Candidate, Drop, Prompt


def load_answered(
    options: AnsweredPrompts, source: str, *, endpoint: str, token: str | None
) -> Iterator[Prompt | Drop]:
    """Yield what `AnsweredPrompts.load` yields. Rows wait on disk for others with the same prompt, to save memory.

    Each further row of a prompt gives a Drop "joined_to_same_prompt". Its answers are kept: they belong to the prompt
    of the first row.
    """
    rows = options.rows_of.rows(source, endpoint=endpoint, token=token)
    places: dict[str, list[int]] = {}
    with scratch_folder() as folder, (folder / "answered.jsonl").open("w+b") as file:
        for position, row in enumerate(islice(rows, options.limit)):
            read = _read(row, options, source, position)
            if isinstance(read, Drop):
                yield read
                continue
            places.setdefault(read.id, []).append(file.tell())
            file.write(orjson.dumps(read.model_dump(mode="json")) + b"\n")
        for of_prompt in places.values():
            yield from _joined([_at(file, place) for place in of_prompt])


def _at(file: BinaryIO, place: int) -> AnsweredPrompt:
    file.seek(place)
    return AnsweredPrompt.model_validate_json(file.readline())


def _joined(rows: list[AnsweredPrompt]) -> Iterator[AnsweredPrompt | Drop]:
    """Yield one prompt with the answers of all rows, and a Drop for each row but the first."""
    first, *others = rows
    answers = [answer for row in rows for answer in row.answers]
    yield first.model_copy(update={"answers": _distinct(answers)})
    yield from (Drop(id=other.id, reason="joined_to_same_prompt") for other in others)


def _read(row: Mapping[str, Any] | str, options: AnsweredPrompts, source: str, position: int) -> AnsweredPrompt | Drop:
    row_id = f"{source}#{position}"
    if isinstance(row, str):
        return Drop(id=row_id, reason=row)
    try:
        read = _answers_of(row, options, source)
    except DataError as error:
        if position:
            return Drop(id=row_id, reason="unknown_layout")
        raise DataError(
            f"The first row of {source} has {error.message}.",
            remedy="docs/recipes/import.md lists the layouts that are read.",
        ) from error
    except RecursionError:
        return Drop(id=row_id, reason="not_a_string_or_messages")
    except ValueError as error:
        return Drop(id=row_id, reason=str(error))
    columns = {"category": options.category_column, "subcategory": options.subcategory_column}
    prompt = read_prompt(
        [message.model_dump() for message in read.question],
        source=source,
        position=position,
        extras={field: row[column] for field, column in columns.items() if column is not None},
    )
    return prompt if isinstance(prompt, Drop) else _answered(prompt, read, labelled=_has_labels(options))


def _has_labels(options: AnsweredPrompts) -> bool:
    return not isinstance(options, AnswerPrompts)


def _answers_of(row: Mapping[str, Any], options: AnsweredPrompts, source: str) -> AnsweredRow:
    """Return the answers of a row. Raises DataError, for the whole source, if it lacks a column that is named."""
    named = [options.category_column, options.subcategory_column]
    if isinstance(options, AnswerPrompts):
        named += [options.column, options.answers_column, options.models_column]
    missing = [column for column in named if column is not None and column not in row]
    if missing:
        raise DataError(f"no column {missing[0]!r}; it has {', '.join(map(repr, row)) or 'no columns'}")
    if not isinstance(options, AnswerPrompts) or (options.answers_column is None and options.column is None):
        return read_answers(row)
    question = None if options.column is None else row[options.column]
    if options.column is not None and question is None:
        raise ValueError("empty")
    return read_list(row, question=question, answers=options.answers_column, models=options.models_column)


def _answered(prompt: Prompt, read: AnsweredRow, *, labelled: bool) -> AnsweredPrompt | Drop:
    candidates = _distinct(
        [
            Candidate(
                id=ids.candidate_id(prompt.id, IMPORTED, answer.text),
                text=answer.text,
                generator=IMPORTED,
                model=answer.model or UNKNOWN_MODEL,
                imported=answer.score if labelled else None,
            )
            for answer in read.answers
        ]
    )
    if len(candidates) == 1 < len(read.answers):
        return Drop(id=prompt.id, reason="answers_are_equal")
    return AnsweredPrompt(**dict(prompt), answers=candidates)


def _distinct(answers: list[Candidate]) -> tuple[Candidate, ...]:
    """Return each answer once, with the mean of what all rows say of it, and the first model that is known."""
    same: dict[str, list[Candidate]] = {}
    for answer in answers:
        same.setdefault(answer.id, []).append(answer)
    return tuple(map(_merged, same.values()))


def _merged(same: list[Candidate]) -> Candidate:
    scores = [answer.imported for answer in same if answer.imported is not None]
    models = [answer.model for answer in same if answer.model != UNKNOWN_MODEL]
    return same[0].model_copy(
        update={
            "imported": round(fmean(scores), 9) if scores else None,
            "model": models[0] if models else UNKNOWN_MODEL,
        }
    )
