"""Reads the reply of a chat-completions endpoint: an answer with its facts, or the reason why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

from curation.characters import is_blank, is_storable
from curation.generation.refusals import RequestFailed, Tokens, read_error, read_refusal
from curation.thinking import split_thinking
from curation.types import CUT_OFF, ONLY_REASONING

MOST_TOKENS = 2**31
"""A count of tokens above this is taken for an error: no request has so many."""

FILTERED = frozenset({"content_filter", "safety", "prohibited_content", "blocklist", "recitation", "spii", "sensitive"})
"""Finish reasons, in lower case, that mean that a filter cut off the answer (of OpenAI, Gemini and Zhipu)."""

THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Keys under which services return thoughts beside the content: DeepSeek and vLLM, OpenRouter, Ollama."""
PLAIN_KEYS = frozenset({"role", "content"})
"""The keys of a message that is a text and nothing else, as most are. Other keys are often there too, but empty."""

THOUGHT_PARTS = frozenset({"thinking", "reasoning", "reasoning_text", "summary_text", "thought"})

# A completion contains one of these and an error does not. So a broken reply that matches was paid for.
_COMPLETION = re.compile(rb'"(choices|usage|chat\.completion|chatcmpl)')
_COUNTED = {
    "prompt_tokens": re.compile(rb'(?<!\\)"(?:prompt_tokens|input_tokens)"\s*:\s*(\d+)'),
    "completion_tokens": re.compile(rb'(?<!\\)"(?:completion_tokens|output_tokens)"\s*:\s*(\d+)'),
    "total_tokens": re.compile(rb'(?<!\\)"total_tokens"\s*:\s*(\d+)'),
}
_HTML_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title>")


class Completion(NamedTuple):
    """A model's answer, why it ended, the seconds it took, and the billed tokens (None if the server does not say).

    `thinking` is what the model thought before it answered. It is not part of `text`.
    """

    text: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    seconds: float
    thinking: str | None = None


class _Message(NamedTuple):
    """The message of a reply: its text, its thoughts, the model's refusal if any, and whether it calls a tool."""

    text: str
    thinking: str | None
    refusal: str | None
    calls: bool


def read_completion(status: int, headers: Mapping[str, str], content: bytes, *, seconds: float) -> Completion:
    """Return the answer in a response to POST /chat/completions. If it has none, raises RequestFailed with a reason."""
    if status != HTTPStatus.OK:
        raise read_refusal(status, headers, content)
    reply = _read_json(content)
    tokens = _tokens(reply.get("usage") if isinstance(reply, dict) else None)
    choice, message = _choice(reply, tokens)
    finish = choice.get("finish_reason")
    parts = split_thinking(message.text)
    thinking = "\n\n".join(text for text in (message.thinking, parts.thinking) if text) or None
    if isinstance(finish, str) and finish.lower() in FILTERED:
        raise RequestFailed("content_filter", retry=False, paid=True, tokens=tokens)
    if is_blank(parts.answer):
        raise _no_answer(message, thinking, reply.get("usage"), tokens, cut=finish in CUT_OFF)
    if not is_storable(parts.answer):
        raise RequestFailed("nul_or_surrogate_characters", retry=True, paid=True, tokens=tokens)
    return Completion(
        text=parts.answer,
        finish_reason=finish if isinstance(finish, str) else None,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        seconds=round(seconds, 3),
        thinking=thinking if thinking is None or is_storable(thinking) else None,
    )


def _read_json(content: bytes) -> Any:
    """Return the JSON of a reply, even if it comes as a stream of events or has other bytes behind it."""
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        return orjson.loads(content)
    except ValueError:
        pass
    if content.startswith(b"<"):
        title = _HTML_TITLE.search(content.decode(errors="replace"))
        raise RequestFailed("reply_is_html", retry=True, detail=title[1].strip() if title else None)
    if re.match(rb"(data|event|id|retry)?:", content):
        return _joined_events(content)
    try:
        reply, _ = json.JSONDecoder().raw_decode(content.decode())
    except ValueError as error:
        counted = {name: int(match[1]) for name, pattern in _COUNTED.items() if (match := pattern.search(content))}
        paid = _COMPLETION.search(content) is not None
        raise RequestFailed("reply_is_not_json", retry=True, paid=paid, tokens=_tokens(counted)) from error
    return reply


def _joined_events(content: bytes) -> dict[str, Any]:
    """Join server-sent events into one reply. If one of them is an error, the reply has that error."""
    reply: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    choice: dict[str, Any] = {}
    for event in _events(content):
        reply |= {key: event[key] for key in ("usage", "error") if event.get(key)}
        choices = event.get("choices")
        choice_part = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        choice |= {key: choice_part[key] for key in ("finish_reason", "error") if choice_part.get(key)}
        delta = choice_part.get("delta") or choice_part.get("message")
        for key, text in delta.items() if isinstance(delta, dict) else ():
            if isinstance(text, str):
                texts.setdefault(key, []).append(text)
            elif text and key != "role":
                choice.setdefault("calls", []).append(text)
    if texts or choice:
        message: dict[str, Any] = {key: "".join(parts) for key, parts in texts.items()}
        reply["choices"] = [{**choice, "message": {**message, "tool_calls": choice.pop("calls", None)}}]
    return reply


def _events(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
            continue
        try:
            event = orjson.loads(line[5:])
        except ValueError as error:
            paid = _COMPLETION.search(content) is not None
            raise RequestFailed("reply_is_not_json", retry=True, paid=paid) from error
        if isinstance(event, dict):
            yield event


def _choice(reply: Any, tokens: Tokens) -> tuple[dict[str, Any], _Message]:
    """Return the first choice of a reply and its message.

    Raises RequestFailed if there is an error instead. It was paid for only if the reply counts tokens.
    """
    choices = reply.get("choices") if isinstance(reply, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    billed = bool(tokens.input or tokens.output)
    for holder in (choice, reply[0] if isinstance(reply, list) and reply else reply):
        if isinstance(holder, dict) and holder.get("error") and (holder is choice or choice is None):
            failed = read_error(holder["error"] if isinstance(holder["error"], dict | str) else holder)
            failed.paid, failed.tokens = billed, tokens
            raise failed
    message = choice.get("message") if isinstance(choice, dict) else None
    if isinstance(choice, dict) and message is None and isinstance(choice.get("text"), str):
        message = {"content": choice["text"]}
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict) or not isinstance(content, str | list | None):
        paid = billed or (isinstance(reply, dict) and "choices" in reply)
        raise RequestFailed("reply_has_no_choice", retry=True, paid=paid, tokens=tokens)
    return choice, _message(message, content)


def _message(message: dict[str, Any], content: str | list[Any] | None) -> _Message:
    if type(content) is str and not any(message[key] for key in message.keys() - PLAIN_KEYS):
        return _Message(content, None, None, calls=False)
    texts, thoughts, refusals = [], [], [message.get("refusal")]
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type") in THOUGHT_PARTS:
            thoughts.append(_text_in(part))
        elif isinstance(part, dict) and part.get("type") == "refusal":
            refusals.append(part.get("refusal"))
        elif isinstance(part, dict):
            texts.append(_text_in(part))
    beside = next((text for key in THOUGHTS if isinstance(text := message.get(key), str) and text.strip()), None)
    return _Message(
        text="".join(texts),
        thinking="\n\n".join(text for text in (beside, *thoughts) if text) or None,
        refusal=next((text for text in refusals if isinstance(text, str) and text.strip()), None),
        calls=bool(message.get("tool_calls") or message.get("function_call")),
    )


def _text_in(part: dict[str, Any]) -> str:
    """Return the text of a part of the content. (Mistral's thoughts are parts within a part.)"""
    content = next((part[key] for key in ("text", "thinking", "reasoning", "content") if part.get(key)), "")
    if isinstance(content, list):
        return "".join(_text_in(nested) if isinstance(nested, dict) else str(nested) for nested in content)
    return content if isinstance(content, str) else ""


def _no_answer(message: _Message, thinking: str | None, usage: Any, tokens: Tokens, *, cut: bool) -> RequestFailed:
    """Return why a reply that was billed has no answer, with what may help."""
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    reasoned = _count(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    reason, retry, detail = "empty_reply", True, None
    if message.refusal is not None:
        reason, retry, detail = "refusal", False, message.refusal
    elif cut or thinking or reasoned:
        # The same request with the same seed would need as many thoughts again.
        reason, retry = ONLY_REASONING, False
        count = reasoned or tokens.output
        spent = f"{count:,} tokens" if count else "All tokens"
        detail = f"{spent} went into reasoning; raise max_new_tokens" if cut else f"{spent} went into reasoning"
    elif message.calls:
        reason, detail = "tool_calls", "The model called a tool instead of answering, although it was offered none"
    return RequestFailed(reason, retry=retry, paid=True, tokens=tokens, detail=detail)


def _tokens(usage: Any) -> Tokens:
    """Return the billed tokens. Tokens that only the total includes are thoughts, which are billed as output."""
    counts = usage if isinstance(usage, dict) else {}
    input_tokens = _count(counts.get("prompt_tokens", counts.get("input_tokens")))
    output_tokens = _count(counts.get("completion_tokens", counts.get("output_tokens")))
    total = _count(counts.get("total_tokens"))
    if input_tokens is not None and output_tokens is not None and total is not None:
        output_tokens = max(output_tokens, total - input_tokens)
    return Tokens(input_tokens, output_tokens)


def _count(value: object) -> int | None:
    """Return a count of tokens, None if the value is not a plausible number. A bad count does not spoil the answer."""
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None
