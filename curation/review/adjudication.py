"""Adjudication: further reviewers decide what the first ones did not agree on, or flagged.

They have a dataset of their own in Argilla, beside that of all records. It asks the same questions about the same
answers, in the same order on the page, and shows neither what the first reviewers answered nor what a judge suggests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Protocol

from pydantic import Field as Bounded
from pydantic import JsonValue, PositiveInt

from curation.review.shown import display_text
from curation.review.spec import (
    Field,
    LabelQuestion,
    MultiLabelQuestion,
    Question,
    RankingQuestion,
    RecordSpec,
    TaskSpec,
)
from curation.section import Section
from curation.types import Response

COMMENT = "comment"
SUFFIX = "-adjudication"
"""The dataset of the adjudicators of `helpful` is called `helpful-adjudication`."""
EARLIER = Field("earlier_answers", "What the first reviewers answered", required=False)


class AdjudicationOptions(Section):
    """The keys of `[review]` about adjudication, which all tasks have."""

    escalate_below: Annotated[float | None, Bounded(gt=0, le=1)] = None
    """Records whose `agreement` is below this number, draws and flagged records go to adjudicators too."""
    adjudicators: PositiveInt = 1
    """How many adjudicators answer such a record."""
    show_earlier_answers: bool = False
    """`true`: adjudicators see what the first reviewers answered, without their names and comments."""


class Adjudicated(Protocol):
    """What is needed of a review task here."""

    @property
    def adjudicators(self) -> int:
        """How many adjudicators answer a record."""
        ...

    @property
    def show_earlier_answers(self) -> bool:
        """Whether adjudicators see what the first reviewers answered."""
        ...

    def settings(self) -> TaskSpec:
        """Return the settings of the dataset of all records."""
        ...


def adjudication_settings(task: Adjudicated) -> TaskSpec:
    """Return the settings of the dataset of the adjudicators."""
    settings = task.settings()
    fields = (*settings.fields, EARLIER) if task.show_earlier_answers else settings.fields
    return replace(settings, fields=fields, min_submitted=task.adjudicators)


def adjudication_spec(task: Adjudicated, spec: RecordSpec, earlier: Iterable[Response]) -> RecordSpec:
    """Return a record as adjudicators see it, given what it would show others and the responses to it."""
    fields = dict(spec.fields)
    if task.show_earlier_answers:
        fields[EARLIER.name] = _in_words(task.settings().questions, earlier)
    return replace(spec, fields=fields, suggestions={})


def _in_words(questions: Iterable[Question], responses: Iterable[Response]) -> str:
    """Return what reviewers answered as a numbered list in Markdown: "1. Which response is better? A is better".

    Drafts are left out, and comments, which are for the publisher alone. The order
    follows from the answers, so that nobody is recognised by a place in it.
    """
    by_name = {question.name: question for question in questions if question.name != COMMENT}
    answers = sorted(
        ("Discarded. " if response.status == "discarded" else "") + _values(by_name, response.values)
        for response in responses
        if response.status != "draft"
    )
    return "\n".join(f"{number}. {answer}".rstrip() for number, answer in enumerate(answers, 1)) or "None."


def _values(questions: Mapping[str, Question], values: Mapping[str, JsonValue]) -> str:
    answered = [(question, values[name]) for name, question in questions.items() if name in values]
    return "; ".join(f"{_title(question)} {_value(question, value)}" for question, value in answered)


def _title(question: Question) -> str:
    return question.title if question.title.endswith("?") else f"{question.title}:"


def _value(question: Question, value: Any) -> str:
    """Return the value of an answer as reviewers read it. What is none of the question's values stays as it is."""
    match question, value:
        case LabelQuestion(), str():
            return question.labels.get(value, display_text(value))
        case MultiLabelQuestion(), list():
            return ", ".join(question.labels.get(label, display_text(str(label))) for label in value)
        case RankingQuestion(), list():
            ranked = sorted((entry["rank"], question.options.get(entry["value"], entry["value"])) for entry in value)
            return ", ".join(f"{rank}: {option}" for rank, option in ranked)
    # A text of several lines would end the list.
    return display_text(" ".join(str(value).split()))
