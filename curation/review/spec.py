"""Values that describe the settings of an Argilla dataset and its records, without importing argilla."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import JsonValue

from curation.types import ReviewRecord


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a record that reviewers see: a conversation (`chat`), a page of its own (`template`) or Markdown text.

    A field that is not `required` is missing from some records; the page then shows nothing of it.
    """

    name: str
    title: str
    chat: bool = False
    required: bool = True
    template: str | None = None


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """A choice of one label; `labels` maps values to what reviewers read. The value of an answer is "good"."""

    name: str
    title: str
    labels: dict[str, str]
    description: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class MultiLabelQuestion:
    """A choice of any number of labels. The value of an answer is ["unsafe", "wrong_language"]."""

    name: str
    title: str
    labels: dict[str, str]
    description: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class RatingQuestion:
    """A choice of one number of `values`, each from 0 to 10. The value of an answer is 4."""

    name: str
    title: str
    values: tuple[int, ...]
    description: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class RankingQuestion:
    """An order of all of `options`, which maps values to what reviewers read; ties are allowed, 1 is the best rank.

    The value of an answer is [{"value": "response_1", "rank": 2}, {"value": "response_2", "rank": 1}].
    """

    name: str
    title: str
    options: dict[str, str]
    description: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class TextQuestion:
    """A free text, optional unless it is `required`."""

    name: str
    title: str
    description: str = ""
    required: bool = False


Question = LabelQuestion | MultiLabelQuestion | RatingQuestion | RankingQuestion | TextQuestion


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """The settings of an Argilla dataset."""

    fields: tuple[Field, ...]
    questions: tuple[Question, ...]
    guidelines: str
    min_submitted: int


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """One Argilla record: what it shows, and the suggestions, by the names of their questions.

    All of it is read by reviewers, whose keys open the API: so it names no model, generator or judge. Which model wrote
    what is in the store: `ReviewRecord.candidates` are ids of candidates of its set.
    """

    record: ReviewRecord
    fields: dict[str, JsonValue]
    suggestions: dict[str, JsonValue] = field(default_factory=dict)
