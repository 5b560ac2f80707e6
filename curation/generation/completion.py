"""The reply of a chat-completions endpoint: an answer with its facts, or the reason why it is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import orjson

from curation.types import is_text

RETRIED_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})

# What servers say when a conversation does not fit: OpenAI and vLLM, TGI, llama.cpp, Inference Providers.
TOO_LONG = (
    "context length",
    "context_length",
    "context size",
    "context window",
    "maximum context",
    "must have less than",
    "max_new_tokens` must be",
    "too many tokens",
    "prompt is too long",
)
NO_SUCH_MODEL = ("model_not_found", "model_not_supported", "does not exist", "not supported by any provider")
KNOWN_STATUS = {
    401: "unauthorized",
    402: "payment_required",
    403: "forbidden",
    404: "not_found",
    413: "context_too_long",
    429: "rate_limited",
}

MOST_TOKENS = 2**31
"""No request has more; a larger count is none, and no table could hold it."""

PUSHED_BACK = frozenset({"rate_limited", "timeout"})
"""Reasons that say that fewer requests at once would fare better."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer, why it ended, the seconds it took, and the tokens paid for where the server says so."""

    text: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    seconds: float


class RequestFailed(Exception):
    """One request gave nothing usable.

    `reason` is short, `retry` whether another try may help, `after` the seconds that the server wants to be left alone,
    `paid` whether it did answer (and is paid for that), though not usably.
    """

    def __init__(self, reason: str, *, retry: bool, after: float | None = None, paid: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.after = after
        self.paid = paid


def read_completion(status: int, headers: Mapping[str, str], content: bytes, *, seconds: float) -> Completion:
    """Return what a response to POST /chat/completions holds; RequestFailed says what is wrong with it."""
    if status != HTTPStatus.OK:
        raise RequestFailed(
            _status_reason(status, content),
            retry=status in RETRIED_STATUS,
            after=_seconds(headers.get("Retry-After")),
        )
    try:
        reply = orjson.loads(content)
        choice = reply["choices"][0]
        text = choice["message"]["content"]
    except ValueError as error:
        raise RequestFailed("reply_is_not_json", retry=True, paid=True) from error
    except (KeyError, IndexError, TypeError) as error:
        raise RequestFailed("reply_has_no_choice", retry=True, paid=True) from error
    if choice.get("finish_reason") == "content_filter":
        raise RequestFailed("content_filter", retry=False, paid=True)
    if not isinstance(text, str) or not text.strip():
        raise RequestFailed("empty_reply", retry=True, paid=True)
    if not is_text(text):
        raise RequestFailed("nul_or_surrogate_characters", retry=True, paid=True)
    usage = reply.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    reason = choice.get("finish_reason")
    return Completion(
        text=text,
        finish_reason=reason if isinstance(reason, str) else None,
        input_tokens=_count(counts.get("prompt_tokens")),
        output_tokens=_count(counts.get("completion_tokens")),
        seconds=round(seconds, 3),
    )


def _count(value: object) -> int | None:
    """A count as servers should send it; anything else is unknown, and costs the answer nothing."""
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None


def _status_reason(status: int, content: bytes) -> str:
    said = content[:10_000].decode(errors="replace").lower()
    if status in {400, 413, 422} and any(words in said for words in TOO_LONG):
        return "context_too_long"
    if status == HTTPStatus.BAD_REQUEST and "content_filter" in said:
        return "content_filter"
    if status == HTTPStatus.BAD_REQUEST and any(words in said for words in NO_SUCH_MODEL):
        return "not_found"
    return KNOWN_STATUS.get(status, f"http_{status}")


def _seconds(retry_after: str | None) -> float | None:
    """Seconds to wait as Retry-After says them (RFC 9110, 10.2.3: a number or a date); None if it says neither."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = parsedate_to_datetime(retry_after)
            seconds = max(0.0, (moment - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds if 0 <= seconds < math.inf else None
