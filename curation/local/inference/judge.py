"""Reads the prompts of distilabel's UltraFeedback task, and writes replies that its parser can read."""

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
    """The texts to rate, in order, and whether the aspect asks for types too (helpfulness and truthfulness do)."""

    texts: tuple[str, ...]
    typed: bool


def read_judge_prompt(messages: Sequence[Message]) -> JudgePrompt | None:
    """Return what the last UltraFeedback prompt among the user's messages asks to rate; None if there is none.

    When a reply could not be read, the client sends the prompt again with that reply and a complaint after it, so the
    prompt need not be the last message. The number of texts is read from the template's own part, before
    "## Annotation", which the texts to rate cannot change.
    """
    prompts = (_judge_prompt(text_of(message)) for message in reversed(messages) if message.get("role") == "user")
    return next((prompt for prompt in prompts if prompt is not None), None)


def _judge_prompt(text: str) -> JudgePrompt | None:
    template, separator, content = text.partition("\n## Annotation\n")
    numbers = [int(number) for number in _HEADING.findall(template)]
    if not separator or not numbers or numbers != list(range(1, len(numbers) + 1)):
        return None
    return JudgePrompt(texts=_texts(content, len(numbers)), typed="\nType: " in template)


def ultrafeedback_reply(messages: Sequence[Message], ratings: Sequence[int] | None = None) -> str:
    """Return a well-formed reply to an UltraFeedback prompt, with these ratings or with a hashed rating of each text.

    Raises DataError if the messages are no such prompt, or if there is not a rating from 1 to 5 for each text.
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
    """Return a rating from 1 to 5 that depends only on the text."""
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
