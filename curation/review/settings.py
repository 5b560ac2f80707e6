"""What an Argilla dataset tells reviewers, and how that differs from what the task says. Pure functions.

Both sides are in the layout of Argilla's API: a dataset with its fields, its questions and its metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from curation import ids
from curation.review.shares import SHARE
from curation.review.spec import (
    Field,
    LabelQuestion,
    MultiLabelQuestion,
    Question,
    RankingQuestion,
    RatingQuestion,
    TaskSpec,
    TextQuestion,
)

Facts = dict[str, JsonValue]
"""The values of settings by their names in words: {"the title of field 'prompt'": "Prompt"}."""

GUIDELINES, MIN_SUBMITTED, PAGE = "the guidelines", "min_submitted", "the page of field 'card'"
FILTER = f"whether reviewers can filter by {SHARE!r}"
WITHOUT_MEANING = frozenset({GUIDELINES, MIN_SUBMITTED, PAGE, FILTER})
"""The settings that may change while people answer: with other guidelines an answer still means the same."""

MOST_QUOTED = 80
"""A message quotes at most so many characters of a text."""


@dataclass(frozen=True, slots=True)
class ArgillaSettings:
    """The settings of a dataset as Argilla's API gives them."""

    dataset: Mapping[str, Any]
    fields: tuple[Mapping[str, Any], ...]
    questions: tuple[Mapping[str, Any], ...]
    metadata: tuple[Mapping[str, Any], ...]


def task_settings(task: TaskSpec) -> ArgillaSettings:
    """Return the settings that a dataset of this task has."""
    return ArgillaSettings(
        dataset={"guidelines": task.guidelines, "distribution": {"min_submitted": task.min_submitted}},
        fields=tuple(_field(field) for field in task.fields),
        questions=tuple(_question(question) for question in task.questions),
        metadata=({"name": SHARE, "visible_for_annotators": True},),
    )


def differences(actual: ArgillaSettings, task: TaskSpec) -> dict[str, str]:
    """Return the settings that differ from those of `task`, each with a clause for an error message.

    For example {"the title of field 'prompt'": "the title of field 'prompt' is 'Question', expected 'Prompt'"}. Blanks
    around a text and other line ends do not count. A field, question or label that the dataset has besides changes the
    setting "the list of fields", "the list of questions" or "the list of values of ...".
    """
    actual_facts = _facts(actual)
    return {
        name: _difference(name, actual_facts.get(name), expected)
        for name, expected in _facts(task_settings(task)).items()
        if actual_facts.get(name) != expected
    }


def _field(field: Field) -> dict[str, Any]:
    settings = {"type": "chat" if field.chat else "text", "use_markdown": True}
    if field.template is not None:
        settings = {"type": "custom", "template": field.template, "advanced_mode": True}
    return {"name": field.name, "title": field.title, "required": field.required, "settings": settings}


def _question(question: Question) -> dict[str, Any]:
    return {
        "name": question.name,
        "title": question.title,
        "description": question.description,
        "required": question.required,
        "settings": _question_settings(question),
    }


def _question_settings(question: Question) -> dict[str, Any]:
    match question:
        case LabelQuestion():
            return {"type": "label_selection", "options": _options(question.labels)}
        case MultiLabelQuestion():
            options = _options(question.labels)
            return {"type": "multi_label_selection", "options": options, "options_order": "natural"}
        case RatingQuestion():
            return {"type": "rating", "options": [{"value": value} for value in question.values]}
        case RankingQuestion():
            return {"type": "ranking", "options": _options(question.options)}
        case TextQuestion():
            return {"type": "text", "use_markdown": False}


def _options(texts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "text": text} for value, text in texts.items()]


def _facts(settings: ArgillaSettings) -> Facts:
    facts: Facts = {}
    for kind, parts in (("field", settings.fields), ("question", settings.questions)):
        facts[f"the list of {kind}s"] = [part["name"] for part in parts]
        for part in parts:
            facts.update(_facts_of(f"{kind} {part['name']!r}", part))
    facts[FILTER] = any(part["name"] == SHARE and part["visible_for_annotators"] for part in settings.metadata)
    facts[GUIDELINES] = _text(settings.dataset.get("guidelines"))
    facts[MIN_SUBMITTED] = settings.dataset["distribution"]["min_submitted"]
    return facts


def _facts_of(name: str, part: Mapping[str, Any]) -> Iterator[tuple[str, JsonValue]]:
    settings = part["settings"]
    yield f"the kind of {name}", settings["type"]
    yield f"the title of {name}", _text(part["title"])
    yield f"the description of {name}", _text(part.get("description"))
    yield f"whether {name} is required", bool(part["required"])
    yield f"whether {name} is Markdown", bool(settings.get("use_markdown"))
    if "template" in settings:
        version = ids.content_hash("page", settings["template"], settings["advanced_mode"])
        yield f"the page of {name}", f"version {version[:12]}"
    options = settings.get("options")
    if options is None:
        return
    yield f"the list of values of {name}", [option["value"] for option in options]
    if "options_order" in settings:
        yield f"the order in which values of {name} are shown", settings["options_order"]
    # Argilla shows so many values and hides the others behind a button.
    yield f"the number of values of {name} that are shown", settings.get("visible_options") or len(options)
    for option in options:
        option_name = f"value {option['value']!r} of {name}"
        yield f"the text of {option_name}", _text(option.get("text"))
        yield f"the description of {option_name}", _text(option.get("description"))


def _text(text: str | None) -> str:
    return ids.normalise(text or "")


def _difference(name: str, actual: JsonValue, expected: JsonValue) -> str:
    if isinstance(actual, str) and isinstance(expected, str):
        actual, expected, line = _first_lines(actual, expected)
        name = f"{line}{name}"
    return f"{name} is {_quoted(actual)}, expected {_quoted(expected)}"


def _first_lines(actual: str, expected: str) -> tuple[str, str, str]:
    """Return the first line in which two texts differ, from each text, and the words "line 3 of ".

    The words are "" if both texts have only one line.
    """
    actual_lines, expected_lines = actual.split("\n"), expected.split("\n")
    count = max(len(actual_lines), len(expected_lines))
    pairs = zip(
        actual_lines + [""] * (count - len(actual_lines)),
        expected_lines + [""] * (count - len(expected_lines)),
        strict=True,
    )
    number, (first, second) = next((line_no, pair) for line_no, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    return first, second, f"line {number} of " if count > 1 else ""


def _quoted(value: JsonValue) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "empty"
    if isinstance(value, str):
        return repr(value if len(value) <= MOST_QUOTED else f"{value[:MOST_QUOTED]}...") if value else "empty"
    return str(value)
