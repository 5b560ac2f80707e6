"""What every task has on its page: prompt and responses, and the questions for a better answer, a comment and flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from curation.review.card import card_texts, card_value, template
from curation.review.options import ReviewOptions
from curation.review.shown import display_text
from curation.review.spec import Field, MultiLabelQuestion, Question, TextQuestion
from curation.types import Message, Prompt

PROMPT = Field("prompt", "Prompt", chat=True)
CATEGORY = Field("prompt_category", "Category", required=False)
CARD = "card"
FLAGS_TITLE = "Anything wrong with this record?"
FLAGS_HELP = "Optional: a flagged record is not trained on. You may flag a record and discard it."


def page_fields(*fields: Field, card: bool) -> tuple[Field, ...]:
    """Return the fields of a dataset: these, or in their place one field with a card that shows all they would."""
    return (Field(CARD, "Prompt and responses", template=template()),) if card else fields


def page_values(
    prompt: Prompt, responses: Mapping[str, str], *, card: bool, category: str | None = None
) -> dict[str, JsonValue]:
    """Return what the fields of a record hold. `responses` has the texts by field, `category` is Markdown."""
    if card:
        return {CARD: card_value(prompt.messages, responses, category=category)}
    return {
        PROMPT.name: conversation(prompt.messages),
        **({} if category is None else {CATEGORY.name: category}),
        **{name: display_text(text) for name, text in responses.items()},
    }


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record of Argilla as if it had no card: {"prompt": [...], "response_a": "Rain."}."""
    return card_texts(fields[CARD]) if CARD in fields else dict(fields)


def conversation(messages: Sequence[Message]) -> list[JsonValue]:
    """Return a prompt as the value of its field: [{"role": "user", "content": "Why?"}]."""
    return [{"role": message.role, "content": display_text(message.content)} for message in messages]


def with_document(prompt: Prompt) -> Prompt:
    """Return a question about a document with the part of the document above it, for reviewers; else the prompt."""
    passage = prompt.passage
    if passage is None or prompt.document is None:
        return prompt
    above = Message(role="system", content=f"**{passage.source}, part {passage.part}**\n\n{prompt.document}")
    return prompt.model_copy(update={"messages": (above, *prompt.messages)})


def closing_questions(options: ReviewOptions, *, edit: str) -> Iterator[Question]:
    """Yield the questions that end every page, if they are asked: a better answer (described by `edit`), a comment,
    flags.

    They stand in this order so that the number key after the last required answer never flags a record: the focus is
    in the text field then.
    """
    if options.edit:
        yield TextQuestion("edit", "A better answer", edit)
    if options.comment:
        yield TextQuestion("comment", "Comment", "Optional: anything the publisher should know. Never published.")
    if options.flags:
        yield MultiLabelQuestion("flags", FLAGS_TITLE, {flag: in_words(flag) for flag in options.flags}, FLAGS_HELP)


def in_words(name: str) -> str:
    """Return a name of the configuration as reviewers read it: "wrong_language" is "Wrong language"."""
    return name.replace("_", " ").capitalize()
