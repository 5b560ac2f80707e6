"""What a review task asks for, in values: Argilla's settings and records without Argilla."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import JsonValue

from curation.types import ReviewRecord


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a record that reviewers see: a conversation (`chat`) or Markdown text."""

    name: str
    title: str
    chat: bool = False


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """A required choice of one label; `labels` maps values to what reviewers read."""

    name: str
    title: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class TextQuestion:
    """An optional free text."""

    name: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """The settings of an Argilla dataset. `hidden` names the metadata that reviewers cannot see."""

    fields: tuple[Field, ...]
    questions: tuple[LabelQuestion | TextQuestion, ...]
    hidden: tuple[str, ...]
    guidelines: str
    min_submitted: int


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """One Argilla record: what it shows, what it hides, and the suggestion if there is one."""

    record: ReviewRecord
    fields: dict[str, JsonValue]
    metadata: dict[str, str]
    suggestions: dict[str, str] = field(default_factory=dict)
