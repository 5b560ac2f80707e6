"""Separates what was asked from the answers, whatever a dataset repeats in them: the prompt, or the whole conversation.

All functions raise ValueError with the reason as one word if a row cannot be separated, as `read_messages` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from curation import ids
from curation.characters import is_blank, is_storable
from curation.files import is_message, read_written
from curation.preferences.examples import SHORTEST_REPEATED
from curation.preferences.layouts import without_shared_start
from curation.prompts.messages import read_messages, with_system, without_answers
from curation.types import Message, Role

MARK = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
SPEAKERS: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}

Messages = tuple[Message, ...]


def question_and_answers(
    question: object, answers: Sequence[object], *, system: object = None
) -> tuple[Messages, list[str]]:
    r"""Return what was asked as messages, and the text of each answer alone.

    `question` is a text, messages or None. An answer is a text, a message, or messages that may repeat the
    conversation before it:

        "Why?"       ["Rain.", "Sun."]                                       is what datasets of texts have
        "Why?"       [[{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Rain."}], ...]
        None         ["\n\nHuman: Why?\n\nAssistant: Rain.", ...]              is HH-RLHF

    `system` is the text of a column with the system message. Raises ValueError with the reason: "null_answer",
    "empty_answer", "no_prompt", "answer_not_by_assistant", "system_turn_in_one_side", "prompts_differ" (the
    conversations before the answers are not the same), or a reason of `read_messages`.
    """
    if any(answer is None for answer in answers):
        raise ValueError("null_answer")
    asked = _asked(question)
    sides = [_side(answer) for answer in answers]
    texts = [side for side in sides if isinstance(side, str)]
    if asked is None and len(texts) == len(sides):
        asked, sides = _implicit(texts)
    elif isinstance(question, str) and all(_repeats(side, question) for side in sides):
        sides = [str(side).removeprefix(question) for side in sides]
    conversations = [side for side in sides if not isinstance(side, str)]
    messages = _together(asked, [_before(conversation) for conversation in conversations])
    separate = [side if isinstance(side, str) else side[-1].content for side in sides]
    _check(separate)
    return with_system(messages, system if isinstance(system, str) else ""), separate


def conversation_and_answer(conversation: object, *, system: object = None) -> tuple[Messages, str]:
    """Return a conversation that ends with an answer as what was asked, and the answer."""
    messages, [text] = question_and_answers(None, [conversation], system=system)
    return messages, text


def _asked(question: object) -> Messages | None:
    if question is None:
        return None
    if isinstance(question, str) and (transcript := _transcript(question)) is not None:
        # The mark of the next answer stands at the end, without a text.
        messages = transcript[:-1] if not transcript[-1].content else transcript
    else:
        messages = read_messages(question)
    return messages


def _side(answer: object) -> str | Messages:
    if isinstance(answer, str):
        try:
            written = read_written(answer)
        except ValueError as error:
            raise ValueError("messages_as_text") from error
        if written is None:
            return answer
        answer = written
    if isinstance(answer, list | tuple) and answer and isinstance(answer[0], str):
        raise ValueError("not_a_string_or_messages")
    messages = read_messages(answer)
    if not messages:
        raise ValueError("empty_answer")
    if messages[-1].role != "assistant":
        raise ValueError("answer_not_by_assistant")
    return messages


def _implicit(texts: Sequence[str]) -> tuple[Messages | None, list[str | Messages]]:
    """Return what was asked, and the sides, of texts that hold the whole conversation."""
    transcripts = [_transcript(text) for text in texts]
    if None not in transcripts:
        conversations = [transcript for transcript in transcripts if transcript is not None]
        if any(conversation[-1].role != "assistant" for conversation in conversations):
            raise ValueError("answer_not_by_assistant")
        return None, list(conversations)
    if len(texts) != 2:
        raise ValueError("no_prompt")
    prompt, first, second = without_shared_start(*texts)
    if is_blank(str(prompt)):
        raise ValueError("no_prompt")
    return (Message(role="user", content=str(prompt)),), [str(first).strip(), str(second).strip()]


def _transcript(text: str) -> Messages | None:
    r"""Return the messages of a text like "\n\nHuman: Why?\n\nAssistant: Rain."; None if it is another text."""
    if not re.match(r"\s*Human:", text) or "\n\nAssistant:" not in text:
        return None
    _, *parts = MARK.split(text)
    turns = zip(parts[::2], parts[1::2], strict=True)
    return tuple(Message(role=SPEAKERS[speaker], content=content.strip()) for speaker, content in turns)


def _repeats(side: str | Messages, question: str) -> bool:
    return isinstance(side, str) and len(question.strip()) >= SHORTEST_REPEATED and side.startswith(question)


def _before(conversation: Messages) -> Messages:
    """Return the conversation before the answer, which is the last message."""
    return conversation[:-1]


def _together(asked: Messages | None, before: Sequence[Messages]) -> Messages:
    """Return what was asked, from the question (None if the row has none) and the conversations before the answers."""
    systems = {_system(conversation) for conversation in before}
    if len(systems) > 1:
        raise ValueError("system_turn_in_one_side" if "" in systems else "prompts_differ")
    turns = {_normal(_spoken(conversation)): _spoken(conversation) for conversation in before}
    turns.pop((), None)
    if len(turns) > 1:
        raise ValueError("prompts_differ")
    [repeated] = turns.values() or [()]
    messages = _longer(_spoken(asked or ()), repeated)
    if not messages:
        raise ValueError("no_prompt")
    return with_system(messages, _system(asked or ()) or next(iter(systems), ""))


def _longer(question: Messages, repeated: Messages) -> Messages:
    """Return the longer of two that end with the same turns: a question may be the last turn of a conversation."""
    shorter, longer = sorted((question, repeated), key=len)
    if shorter and _normal(longer[-len(shorter) :]) != _normal(shorter):
        raise ValueError("prompts_differ")
    return longer


def _system(messages: Messages) -> str:
    return "\n\n".join(message.content for message in messages if message.role == "system")


def _spoken(messages: Messages) -> Messages:
    return tuple(message for message in messages if message.role != "system")


def _normal(messages: Messages) -> tuple[tuple[str, str], ...]:
    return tuple((message.role, ids.normalise(message.content)) for message in messages)


def _check(texts: Iterable[str]) -> None:
    for text in texts:
        if is_blank(text):
            raise ValueError("empty_answer")
        if not is_storable(text):
            raise ValueError("nul_or_surrogate_characters")


def question_before(value: Any) -> Any:
    """Return a conversation without the answers at its end; another value as it is."""
    if not isinstance(value, list | tuple) or not all(map(is_message, value)):
        return value
    return [message.model_dump() for message in without_answers(read_messages(value))]
