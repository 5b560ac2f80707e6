"""Turns a raw value of a dataset into the messages of a prompt, whatever the form in which the dataset holds them."""

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
"""Our role for each name that datasets give a speaker: "human" and "gpt" are ShareGPT's, "prompter" OpenAssistant's."""

TOOL_ROLES = frozenset(
    {"tool", "function", "observation", "ipython", "function_call", "function_response", "tool_call", "tool_response"}
)
TOOL_CALLS = ("tool_calls", "function_call")
MEDIA = ("images", "image", "audio", "audios", "videos", "video")
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
LISTS = ("messages", "conversations", "conversation", "input", "prompt")
"""Keys under which an object (a nested row, or the body of a request to a model) holds its list of messages."""
SYSTEM = ("system", "instructions")
"""Keys under which such an object holds its system message (Anthropic's Messages API, OpenAI's Responses API)."""


def read_messages(value: object) -> tuple[Message, ...]:
    """Return the messages that `value` holds.

    `value` may be any of these, or JSON text of one of them:

    - a text, which becomes one message of the user: "Why is the sky blue?"
    - a message: {"role": "user", "content": "Why ..."}, or ShareGPT's {"from": "human", "value": "Why ..."}
    - a list of messages
    - an object that holds a list: {"messages": [...], "system": "Be brief."}

    The content of a message may be a list of text parts. Other keys of a message ("name", "loss") are ignored, and so
    is an empty system message. Raises ValueError if `value` is something else; its text is the reason as one word, such
    as "unknown_role", so that reasons can be counted.
    """
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, Mapping):
        return _of_object(value)
    if not isinstance(value, list | tuple):
        raise ValueError("not_a_string_or_messages")
    return tuple(message for message in map(_message, value) if message is not None)


def without_answers(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages without the assistant's messages at their end."""
    from_last_question = dropwhile(lambda message: message.role == "assistant", reversed(messages))
    return tuple(reversed(tuple(from_last_question)))


def _of_text(text: str) -> tuple[Message, ...]:
    try:
        parsed = read_written(text)
    except ValueError as error:
        raise ValueError("messages_as_text") from error
    if parsed is None:
        return (Message(role="user", content=text),)
    return read_messages(parsed[0] if len(parsed) == 1 else parsed)


def _of_object(value: Mapping[Any, Any]) -> tuple[Message, ...]:
    if is_message(value):
        return read_messages([value])
    nested = next((value[name] for name in LISTS if value.get(name) is not None), None)
    if nested is None:
        raise ValueError("not_a_string_or_messages")
    messages = read_messages(nested)
    system = next((_content(value[name]) for name in SYSTEM if value.get(name) is not None), "")
    return with_system(messages, system)


def with_system(messages: tuple[Message, ...], system: str) -> tuple[Message, ...]:
    """Return the messages with a system message before them, unless `system` is empty or they already have one."""
    if not system.strip() or any(message.role == "system" for message in messages):
        return messages
    return (Message(role="system", content=system), *messages)


def _message(item: object) -> Message | None:
    """Return the message that `item` is; None if it is an empty system message."""
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
    """Return the text of a message's content, which is a text, a list of text parts (they are joined) or None ("")."""
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
