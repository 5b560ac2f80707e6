"""Reads the error of a service: a short reason, whether and when to try again, and the service's own message."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

LONGEST_WAIT_SECONDS = 30.0
"""The longest wait if a service says when to come back."""
LONGEST_LOADING_SECONDS = 900.0
"""The longest wait if a service says that it is loading the model (`estimated_time`)."""
DETAIL_LENGTH = 300

PUSHED_BACK = frozenset({"rate_limited", "timeout"})
"""Reasons that mean that fewer requests should be in flight."""

SYSTEM_ROLE = "system_role_refused"

SENT = ("max_tokens", "temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "stop", "stream")
"""Parameters of our requests that some services do not accept."""

KNOWN_STATUS = {
    401: "unauthorized",
    402: "payment_required",
    403: "forbidden",
    404: "not_found",
    413: "context_too_long",
    429: "rate_limited",
}

# Each pattern has the wordings, in lower case, of OpenAI, Azure, Anthropic, Gemini, Mistral, Groq, Together, DeepSeek,
# Alibaba, Moonshot, Zhipu, OpenRouter, vLLM, SGLang, TGI and llama.cpp.
_TOO_LONG = re.compile(
    r"context[ _]?length|context[ _]size|context[ _]window|context limit|maximum context|exceeds? the context"
    r"|input token count|maximum number of tokens|number of input tokens|input tokens exceed|too many (input )?tokens"
    r"|decoder prompt|maximum model length|max_model_len|longer than the (model|maximum)|longer than the allowed"
    r"|(prompt|input|request|message)s? (is|are) too (long|large)|(prompt|input)[ _]too[ _]long|request too large"
    r"|must have less than|max_new_tokens` must be|max_new_tokens must be|reduce the length|reduce your prompt"
    r"|(range of )?input length|input_length|string_above_max_length|string too long"
    r"|exceeds? the maximum allowed length"
    r"|prompt contains \d+ tokens|prompt length|exceeded? (the )?model token limit|max(imum)? input"
)
_FILTERED = re.compile(
    r"content[ _-]?filter|content[ _-]?policy|content management policy|content moderation|responsible_?ai"
    r"|content exists risk|data_?inspection_?failed|inappropriate content|unsafe|sensitive content|risk[ _]control"
    r"|safety system|safety (filter|setting|polic|guideline|reason)|considered high risk|high_risk|guardrail"
    r"|(input|prompt|content|output|request|response)s? (was|were|is|has been) (blocked|rejected by|refused by)"
    r"|flagged|moderation|prohibited[ _]content|usage polic|violat\w* .{0,40}polic|harmful"
    r"|blocked (by|due to|because)|recitation|invalid_prompt|敏感|不安全|违规"
)
_NO_SUCH_MODEL = re.compile(
    r"model_not_found|model_not_supported|does not exist|not supported by any provider|no such model|unknown model"
    r"|model not found|invalid model|not a valid model"
)
_SYSTEM_ROLE = re.compile(
    r"system role|'system' role|\"system\" role|role 'system'|role \"system\"|does not support 'system'"
    r"|developer instruction|system (prompt|message|instruction)s? (is|are) not|roles must alternate"
)
_NOT_TAKEN = re.compile(
    r"unsupported|not (be )?support|n't support|not_support|unrecognized|unknown|unexpected|not permitted|not allowed"
    r"|extra_forbidden|extra inputs|extra fields|additional propert|deprecated|only the default|cannot|not available"
    r"|unavailable|not accept|n't accept|not implemented|not enabled|no longer|disallowed"
)
_OUT_OF_RANGE = re.compile(
    r"less than|greater than|at most|at least|between|in (the )?range|too (large|high|low|small)|must be [<>=]"
)
_CREDITS = re.compile(
    r"insufficient_quota|insufficient[ _](funds|balance|credits?)|billing|exceeded your current quota"
)

# Error codes that are words, which come in errors inside an HTTP 200 and through gateways, and the status they stand
# for.
_CODE_WORDS = (
    (re.compile(r"rate.?limit|too.?many.?requests|resource.?exhausted|throttl|engine_overloaded"), 429),
    (re.compile(r"overload|server.?error|internal|unavailable|time.?out|bad.?gateway|busy|upstream|capacity"), 503),
    (re.compile(r"authentication|unauthorized|unauthenticated|invalid.?api.?key"), 401),
    (re.compile(r"insufficient|quota|payment|billing"), 402),
    (re.compile(r"permission|forbidden"), 403),
    (re.compile(r"not.?found"), 404),
    (re.compile(r"invalid|bad.?request|unsupported|unprocessable|validation|unknown_parameter"), 400),
)
_MESSAGES = frozenset(
    {"message", "msg", "detail", "details", "error", "error_message", "errormessage", "raw", "reason"}
)
_CODES = frozenset({"code", "type", "status", "error_type", "error_code"})
_SECRETS = re.compile(
    r"(?i)\bbearer\s+[^\s\"',;]+|\b(?:sk|hf|pk|rk|gsk|xai|nvapi|key|tok|r8|fw|csk)[-_][A-Za-z0-9_-]{8,}|\bAIza[\w-]{20,}"
    r"|//[^/\s@]+@"
)


class Tokens(NamedTuple):
    """The billed input and output tokens of a request, None if unknown."""

    input: int | None = None
    output: int | None = None


class RequestFailed(Exception):
    """A request that gave nothing usable.

    - `reason`: one word, such as "rate_limited".
    - `retry`: whether another attempt may help; `after`: the pause in seconds that the service asks for.
    - `paid`: whether a reply came and was billed, although it cannot be used; `tokens`: the billed tokens.
    - `detail`: a sentence about what happened, mostly the service's own.
    - `parameters`: parameters of our request that the service does not accept.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry: bool,
        after: float | None = None,
        paid: bool = False,
        tokens: Tokens | None = None,
        detail: str | None = None,
        parameters: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.after = after
        self.paid = paid
        self.tokens = tokens or Tokens()
        self.detail = detail
        self.parameters = parameters


def is_temporary_status(status: int) -> bool:
    """Whether the same request may succeed later, after an answer with this status."""
    return status in {408, 409, 425, 429} or 500 <= status < 600


def is_temporary(reason: str) -> bool:
    """Whether a failure with this reason may pass by itself."""
    if reason in {"timeout", "connection_lost", "rate_limited", "error_in_reply", "reply_is_html", "not_asked"}:
        return True
    status = re.fullmatch(r"http_(\d{3})", reason)
    return status is not None and is_temporary_status(int(status[1]))


def read_refusal(status: int, headers: Mapping[str, str], content: bytes) -> RequestFailed:
    """Return what an answer with a status other than 200 means."""
    error = _read_error(content)
    reason = _reason(status, error)
    retry = is_temporary_status(status) and reason != "payment_required"
    return RequestFailed(
        reason,
        retry=retry,
        after=_wait(error, _seconds(headers.get("Retry-After"))) if retry else None,
        detail=error.sentence,
        parameters=_parameters(error) if status in {400, 422} else (),
    )


def read_error(reply: Any) -> RequestFailed:
    """Return what an error inside an HTTP 200 means. Such an error is not billed."""
    error = _error_of(reply)
    status = _status_of(error)
    if status is None:
        reason = _reason(400, error)
        retry = reason == "http_400"
        return RequestFailed("error_in_reply" if retry else reason, retry=retry, detail=error.sentence)
    return read_refusal(status, {}, orjson.dumps(reply))


def one_line(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """Return the first 300 characters of a service's message on one line, without control characters and secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = _SECRETS.sub("***", text)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    return text if len(text) <= DETAIL_LENGTH else f"{text[: DETAIL_LENGTH - 3]}..."


@dataclass(slots=True)
class _Error:
    """The messages, the codes and the names of parameters in an error, collected from all levels of its JSON."""

    messages: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    seconds: float | None = None

    @property
    def sentence(self) -> str | None:
        """The service's message as one sentence, None if there is none."""
        return ": ".join(dict.fromkeys(self.messages)) or None

    @property
    def words(self) -> str:
        """All messages and codes in lower case, in which the kind of the error is looked for."""
        return "\n".join([*self.messages, *self.codes]).lower()


def _read_error(content: bytes) -> _Error:
    try:
        return _error_of(orjson.loads(content))
    except ValueError:
        text = content.decode(errors="replace").strip()
    if text.startswith("<"):
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>", text)
        text = html.unescape(title[1]).strip() if title else ""
    return _Error(messages=[text] if text else [])


def _error_of(value: Any) -> _Error:
    error = _Error()
    if isinstance(value, str):
        error.messages.append(value)
    _collect(value, error, depth=0)
    return error


def _collect(value: Any, error: _Error, *, depth: int) -> None:
    if depth > 6:
        return
    if isinstance(value, list):
        for item in value:
            _collect(item, error, depth=depth + 1)
        return
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        name = str(key).lower()
        if name in _MESSAGES and isinstance(item, str) and item.strip():
            _collect_text(item, error, depth=depth)
        elif name in _CODES and isinstance(item, str | int) and not isinstance(item, bool):
            error.codes.append(str(item))
        elif name == "param" and isinstance(item, str):
            error.names.append(item)
        elif name == "loc" and isinstance(item, list):
            error.names += [str(part) for part in item[-1:]]
            error.messages += [str(part) for part in item[-1:]]
        elif name == "estimated_time" and isinstance(item, int | float) and 0 <= item < math.inf:
            error.seconds = float(item)
        elif name not in {"input", "headers", "ctx"}:
            _collect(item, error, depth=depth + 1)


def _collect_text(text: str, error: _Error, *, depth: int) -> None:
    """Add a message. Some gateways put the JSON of the service behind them into the message, as text."""
    if text.lstrip().startswith("{"):
        try:
            _collect(orjson.loads(text), error, depth=depth + 1)
        except ValueError:
            pass
        else:
            return
    error.messages.append(text.strip())


def _status_of(error: _Error) -> int | None:
    """Return the status that the codes of an error stand for, None if they do not tell."""
    for code in error.codes:
        if code.isdecimal() and 400 <= int(code) < 600:
            return int(code)
    for words, status in _CODE_WORDS:
        if any(words.search(code.lower()) for code in error.codes):
            return status
    return None


def _reason(status: int, error: _Error) -> str:
    words = error.words
    if status == HTTPStatus.TOO_MANY_REQUESTS and _CREDITS.search(words):
        return "payment_required"
    if status in {400, 413, 422} and _TOO_LONG.search(words):
        return "context_too_long"
    if status in {400, 422, 451} and _FILTERED.search(words):
        return "content_filter"
    if status == HTTPStatus.FORBIDDEN and _FILTERED.search(words) and "account" not in words:
        return "content_filter"
    if status in {400, 422} and _SYSTEM_ROLE.search(words):
        return SYSTEM_ROLE
    if status == HTTPStatus.BAD_REQUEST and _NO_SUCH_MODEL.search(words):
        return "not_found"
    return KNOWN_STATUS.get(status, f"http_{status}")


def _parameters(error: _Error) -> tuple[str, ...]:
    """Return the parameters that the service does not accept at all, not those with a value that is out of range."""
    words = error.words
    if not _NOT_TAKEN.search(words) or _OUT_OF_RANGE.search(words):
        return ()
    named = {name.lower() for name in error.names}
    return tuple(
        name for name in (*SENT, "max_completion_tokens") if name in named or re.search(rf"(?<!\w){name}(?!\w)", words)
    )


def _wait(error: _Error, stated: float | None) -> float | None:
    if error.seconds is not None:
        return min(error.seconds, LONGEST_LOADING_SECONDS)
    return None if stated is None else min(stated, LONGEST_WAIT_SECONDS)


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds to wait that Retry-After asks for (RFC 9110, 10.2.3: a number or a date), None if neither."""
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
