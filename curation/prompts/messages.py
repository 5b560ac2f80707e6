"""A raw value -> the messages of a prompt, in any of the forms in which datasets hold them, or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import dropwhile
from typing import Any

from curation.files import is_message, read_written
from curation.types import Message, Role

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
"""What datasets call those who speak; "human" and "gpt" are ShareGPT's, "prompter" is OpenAssistant's."""

TOOL_ROLES = frozenset(
    {"tool", "function", "observation", "ipython", "function_call", "function_response", "tool_call", "tool_response"}
)
TOOL_CALLS = ("tool_calls", "function_call")
MEDIA = ("images", "image", "audio", "audios", "videos", "video")
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
LISTS = ("messages", "conversations", "conversation", "input", "prompt")
"""Where an object holds its messages: a row that is nested, or the body of a request to a model."""
SYSTEM = ("system", "instructions")
"""Where such an object holds the system's turn beside its messages (Anthropic's requests, OpenAI's responses)."""


def read_messages(value: object) -> tuple[Message, ...]:
    """Return the messages that `value` holds; ValueError with the reason, in a word that can be counted, if none.

    It is a text, a list of {role, content} or of ShareGPT's {from, value}, one such message, an object that holds a
    list ({"messages": [...]}), or any of these written as a text. Content may be a list of text parts. What else a
    message holds ("name", "loss") is left out, and so is a turn of the system in which nothing stands.
    """
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, Mapping):
        return _of_object(value)
    if not isinstance(value, list | tuple):
        raise ValueError("not_a_string_or_messages")
    return tuple(message for message in map(_message, value) if message is not None)


def without_answers(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages without the turns of the assistant with which they end."""
    kept = dropwhile(lambda message: message.role == "assistant", reversed(messages))
    return tuple(reversed(tuple(kept)))


def _of_text(text: str) -> tuple[Message, ...]:
    try:
        written = read_written(text)
    except ValueError as error:
        raise ValueError("messages_as_text") from error
    if written is None:
        return (Message(role="user", content=text),)
    return read_messages(written[0] if len(written) == 1 else written)


def _of_object(value: Mapping[Any, Any]) -> tuple[Message, ...]:
    if is_message(value):
        return read_messages([value])
    held = next((value[name] for name in LISTS if value.get(name) is not None), None)
    if held is None:
        raise ValueError("not_a_string_or_messages")
    messages = read_messages(held)
    system = next((_content(value[name]) for name in SYSTEM if value.get(name) is not None), "")
    return with_system(messages, system)


def with_system(messages: tuple[Message, ...], system: str) -> tuple[Message, ...]:
    """Return the messages with a turn of the system before them, if there is something in it and they have none."""
    if not system.strip() or any(message.role == "system" for message in messages):
        return messages
    return (Message(role="system", content=system), *messages)


def _message(item: object) -> Message | None:
    """Return one message, null if it is a turn of the system in which nothing stands."""
    if not isinstance(item, Mapping) or not is_message(item):
        raise ValueError("not_a_string_or_messages")
    name = item["role"] if "role" in item else item["from"]
    name = name.strip().lower() if isinstance(name, str) else ""
    if name in TOOL_ROLES or any(item.get(key) for key in TOOL_CALLS):
        raise ValueError("turn_of_a_tool")
    if name not in ROLES:
        raise ValueError("unknown_role")
    if any(item.get(key) for key in MEDIA):
        raise ValueError("content_is_not_text")
    content = _content(item["content"] if "role" in item else item["value"])
    role = ROLES[name]
    return None if role == "system" and not content.strip() else Message(role=role, content=content)


def _content(value: object) -> str:
    """Return the text of a message's content: a text, or its text parts one after the other; "" for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise ValueError("content_is_not_text")
    return "".join(map(_part, value))


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type", "text") in TEXT_PARTS and isinstance(part.get("text"), str):
        return str(part["text"])
    raise ValueError("content_is_not_text")
