"""Read the prompts of distilabel's UltraFeedback, and write replies that its parser understands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from curation.errors import DataError
from curation.local.inference.wire import Message, text_of

RATINGS = range(1, 6)

_HEADING = re.compile(r"^#### Output for Text (\d+)$", re.MULTILINE)
_WORDS = {1: "poor", 2: "weak", 3: "fair", 4: "good", 5: "excellent"}


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """The texts to be rated, in order, and whether the aspect asks for types (helpfulness, truthfulness)."""

    texts: tuple[str, ...]
    typed: bool


def read_judge_prompt(messages: Sequence[Message]) -> JudgePrompt | None:
    """Return what the newest UltraFeedback prompt among the user's messages asks to rate; None if there is none.

    After a reply that could not be read the prompt stands before that reply and the complaint about it. The template's
    own part, before "## Annotation", says how many texts there are: nothing a prompt or a text contains can change the
    number.
    """
    asked = (_judge_prompt(text_of(message)) for message in reversed(messages) if message.get("role") == "user")
    return next((prompt for prompt in asked if prompt is not None), None)


def _judge_prompt(text: str) -> JudgePrompt | None:
    form, found, content = text.partition("\n## Annotation\n")
    numbers = [int(number) for number in _HEADING.findall(form)]
    if not found or not numbers or numbers != list(range(1, len(numbers) + 1)):
        return None
    return JudgePrompt(texts=_texts(content, len(numbers)), typed="\nType: " in form)


def ultrafeedback_reply(messages: Sequence[Message], ratings: Sequence[int] | None = None) -> str:
    """Write a well-formed judgement of an UltraFeedback prompt; ratings not given follow from a hash of each text.

    Raises `DataError` if the messages are no such prompt, or the ratings are not one of 1 to 5 for each text.
    """
    prompt = read_judge_prompt(messages)
    if prompt is None:
        raise DataError("The messages are not a prompt of distilabel's UltraFeedback.")
    if ratings is None:
        ratings = [hashed_rating(text) for text in prompt.texts]
    if len(ratings) != len(prompt.texts) or any(rating not in RATINGS for rating in ratings):
        raise DataError(f"{list(ratings)} are not ratings from 1 to 5 for {len(prompt.texts)} texts.")
    return "\n\n".join(_section(number, rating, typed=prompt.typed) for number, rating in enumerate(ratings, start=1))


def hashed_rating(text: str) -> int:
    """Return a rating from 1 to 5 that depends on the text alone."""
    return 1 + hashlib.blake2b(text.encode(), digest_size=8).digest()[0] % len(RATINGS)


def _texts(content: str, count: int) -> tuple[str, ...]:
    markers = [f"\n<text {number}> " for number in range(1, count + 1)]
    rest = content.partition("\nTexts:" + markers[0])[2].rpartition("\n\n### Output")[0]
    texts = []
    for marker in markers[1:]:
        text, _, rest = rest.partition(marker)
        texts.append(text)
    return (*texts, rest)


def _section(number: int, rating: int, *, typed: bool) -> str:
    lines = [f"#### Output for Text {number}"]
    if typed:
        lines += [f"Type: {'None' if rating >= 4 else rating}", "Rationale: This type fits the text best."]
    return "\n".join([*lines, f"Rating: {rating}", f"Rationale: Text {number} is {_WORDS[rating]}."])
