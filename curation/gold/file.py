"""Reads the gold file. Each line is a prompt with answers and the right answer.

    {"prompt": "What is 2 + 2?", "answers": ["4", "5"], "expected": "a"}

The prompt is a text or a list of messages. "category" and "subcategory" may stand beside it, for the task `safety`,
which shows them. `review.gold_answers` says what `expected` may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation import files, ids
from curation.characters import is_blank, is_storable
from curation.config import Config
from curation.errors import DataError, MissingError
from curation.prompts.messages import read_messages
from curation.review import PairwiseTask, RankingTask, RatingTask, SafetyTask
from curation.review.gold_answers import expected_scores
from curation.review.several import MOST
from curation.types import Prompt, Scores

REQUIRED, OPTIONAL = ("prompt", "answers", "expected"), ("category", "subcategory")


@dataclass(frozen=True, slots=True)
class GoldItem:
    """A line of the gold file. `expected` has the score of each answer, in the order of the file."""

    line: int
    prompt: Prompt
    answers: tuple[str, ...]
    expected: Scores


def read_gold(config: Config) -> tuple[GoldItem, ...]:
    """Return the lines of the gold file, () if the config names none.

    Raises MissingError if there is no such file, and DataError with the file and the line for a line that is no gold
    record of the config's task, for a prompt that repeats, and for a file without lines.
    """
    path = config.review.gold
    if path is None:
        return ()
    if not path.is_file():
        raise MissingError(f"There is no gold file {path}.", remedy="Correct `gold` under [review].")
    items: dict[str, GoldItem] = {}
    for row in files.read_rows(path):
        where = f"{path}, line {row.number}"
        if row.values is None:
            raise _fault(where, f"is {row.reason}")
        item = _item(row.values, config, where=where, line=row.number)
        if (earlier := items.setdefault(item.prompt.id, item)) is not item:
            raise _fault(where, f"repeats the prompt of line {earlier.line}")
    if not items:
        raise DataError(f"{path} has no gold record.", remedy="Write some, or leave out `gold` under [review].")
    return tuple(items.values())


def _item(values: Mapping[str, Any], config: Config, *, where: str, line: int) -> GoldItem:
    missing = [name for name in REQUIRED if name not in values]
    unknown = [name for name in values if name not in (*REQUIRED, *OPTIONAL)]
    if missing or unknown:
        fault = f"has no {missing[0]!r}" if missing else f"has {unknown[0]!r}, which is not known"
        raise _fault(where, f"{fault}: a line has {', '.join(REQUIRED)}, and may have {' and '.join(OPTIONAL)}")
    answers = _answers(values["answers"], answers_shown(config), where=where)
    try:
        expected = expected_scores(config.review.task, values["expected"], len(answers))
    except ValueError as error:
        fault = f"expects {values['expected']!r}, which is no answer to the task {config.review.task}: it {error}"
        raise _fault(where, fault) from None
    return GoldItem(line, _prompt(values, config, where=where), answers, expected)


def _answers(answers: Any, allowed: Sequence[int], *, where: str) -> tuple[str, ...]:
    if not isinstance(answers, list) or not all(map(_is_text, answers)):
        raise _fault(where, "has answers that are not a list of texts, none of them empty")
    if len(answers) not in allowed:
        needed = " or ".join(map(str, allowed))
        raise _fault(where, f"has {len(answers)} answers, and a record of this curation shows {needed}")
    if len({ids.normalise(answer) for answer in answers}) < len(answers):
        raise _fault(where, "has the same answer twice")
    return tuple(answers)


def _prompt(values: Mapping[str, Any], config: Config, *, where: str) -> Prompt:
    try:
        messages = read_messages(values["prompt"])
    except ValueError as error:
        raise _fault(where, f"has a prompt that is none: {error}") from None
    if not messages or messages[-1].role != "user" or not all(_is_text(message.content) for message in messages):
        raise _fault(where, "has a prompt that does not end with a text of the user, or has an empty message")
    if fault := config.review.prompt_fault(messages):
        raise _fault(where, f"has a prompt that Argilla cannot show: {fault}")
    return Prompt(
        id=ids.prompt_id(messages),
        messages=messages,
        source=Path(config.review.gold or "").name,
        **dict(_categories(values, where=where)),
    )


def _categories(values: Mapping[str, Any], *, where: str) -> Iterator[tuple[str, str]]:
    for name in OPTIONAL:
        if values.get(name) is None:
            continue
        if not _is_text(values[name]):
            raise _fault(where, f"has a {name} that is not a text")
        yield name, values[name]


def answers_shown(config: Config) -> tuple[int, ...]:
    """Return how many answers a record of the curation may show: a gold record that shows another number stands out."""
    review = config.review
    if isinstance(review, PairwiseTask):
        return (2,)
    places = 1
    if isinstance(review, RatingTask | RankingTask):
        places = review.candidates or MOST
    elif isinstance(review, SafetyTask) and review.pairwise:
        places = 2
    writers = len(config.generators) + len(config.evolve)
    if not writers:
        # The answers came with their prompts, and nobody knows how many.
        return tuple(range(review.min_candidates, places + 1))
    pages = math.ceil(writers / places)
    return tuple(sorted({writers // pages, math.ceil(writers / pages)}))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_storable(value) and not is_blank(value)


def _fault(where: str, problem: str) -> DataError:
    return DataError(f"{where} {problem}.", remedy="Nothing was pushed. Correct the line.")
