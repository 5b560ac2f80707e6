"""A chat request, the pieces of its reply, and the JSON of OpenAI's protocol for both."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

# huggingface_hub sends this name when the caller gave an address and no model.
PLACEHOLDER_MODEL = "dummy"
MAX_CHOICES = 16

Message = Mapping[str, Any]


class Refusal(Exception):
    """An answer other than 200, in the form of an error of OpenAI's protocol.

    It is not one of `curation.errors`, because it is a normal answer for a client and no failure of this program.
    """

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """Return `{"error": {message, type, param, code}}`."""
        return error_body(self.status, self.message, code=self.code, param=self.param)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A chat request as it was sent. The server adds `attempt` and `choice`.

    `attempt` is 1 for the first request with this model and these messages, 2 for the next, and so on. `choice` is the
    index (from 0) of the reply that is being made, if `n` asks for several. `body` is the whole JSON body. `headers`
    has names in lower case; it is left out of the repr, because it holds the API key.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    stream: bool = False
    attempt: int = 1
    choice: int = 0
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def prompt(self) -> str:
        """The text of the last user message; empty if there is none."""
        return last_user_text(self.messages)

    @property
    def authorization(self) -> str | None:
        """The value of the Authorization header, or None if none came."""
        return self.headers.get("authorization")

    @property
    def wants_usage(self) -> bool:
        """Whether a stream should end with a chunk of token counts (`stream_options.include_usage`)."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and bool(options.get("include_usage"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A finished choice. A token count of None stands for the number of words."""

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of the text of choice `index`. The last piece of a choice has the finish reason and the token counts."""

    index: int
    text: str
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Backend(Protocol):
    """Answers requests. If it will not answer, `pieces` raises `Refusal` before its first piece."""

    @property
    def names(self) -> tuple[str, ...]:
        """The models to list. The first one also answers requests with huggingface_hub's placeholder name."""

    def pieces(self, request: Request, gone: Callable[[], bool]) -> AsyncGenerator[Piece, None]:
        """Yield the reply piece by piece. `gone()` tells, in any thread, that the client has left."""


def text_of(message: Message) -> str:
    """Return the text of a message. If its content is a list of parts, the text parts are joined."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def last_user_text(messages: Sequence[Message]) -> str:
    """Return the text of the last message of the user, "" if there is none."""
    return next((text_of(message) for message in reversed(messages) if message.get("role") == "user"), "")


def content_key(model: str, messages: Sequence[Message]) -> str:
    """Return a hash of the model and the messages, as 16 hex digits. Requests with the same hash count as repeated."""
    content = json.dumps([model, list(messages)], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def parse_request(data: bytes, *, headers: Mapping[str, str], model: str | None = None) -> Request:
    """Return the request in a body. `model`, from the address, replaces that of the body. Raises Refusal (400)."""
    try:
        body = json.loads(data)
    except ValueError as error:
        raise _invalid(f"The body is not JSON: {error}", None) from error
    if not isinstance(body, dict):
        raise _invalid("The body must be a JSON object.", None)
    stop = body.get("stop") or ()
    return Request(
        model=model or _checked(body, "model", str, required=True),
        messages=_messages(body),
        temperature=_number(body, "temperature", low=0.0, high=2.0),
        max_tokens=_integer(body, "max_completion_tokens", low=1) or _integer(body, "max_tokens", low=1),
        seed=_integer(body, "seed"),
        n=_integer(body, "n", low=1, high=MAX_CHOICES) or 1,
        stop=(stop,) if isinstance(stop, str) else tuple(str(word) for word in stop),
        stream=bool(body.get("stream")),
        body=body,
        headers=headers,
    )


def split_reply(reply: Reply, request: Request) -> Iterable[Piece]:
    """Yield a finished reply in pieces: word by word for a stream, otherwise as one piece."""
    words = reply.text.split(" ") if request.stream else [reply.text]
    for position, word in enumerate(words[:-1]):
        yield Piece(index=request.choice, text=(" " if position else "") + word)
    prompt_tokens, completion_tokens = reply.prompt_tokens, reply.completion_tokens
    if prompt_tokens is None:
        prompt_tokens = sum(len(text_of(message).split()) for message in request.messages)
    if completion_tokens is None:
        completion_tokens = len(reply.text.split())
    yield Piece(
        index=request.choice,
        text=(" " if len(words) > 1 else "") + words[-1],
        finish_reason=reply.finish_reason,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def join_pieces(pieces: Iterable[Piece]) -> list[Reply]:
    """Return the replies that the pieces make up, in the order of their choices."""
    texts: dict[int, list[str]] = {}
    last_pieces: dict[int, Piece] = {}
    for piece in pieces:
        texts.setdefault(piece.index, []).append(piece.text)
        last_pieces[piece.index] = piece
    return [
        Reply(
            text="".join(texts[index]),
            finish_reason=last_pieces[index].finish_reason or "stop",
            prompt_tokens=last_pieces[index].prompt_tokens,
            completion_tokens=last_pieces[index].completion_tokens,
        )
        for index in sorted(texts)
    ]


async def truncated(pieces: AsyncGenerator[Piece, None], request: Request) -> AsyncGenerator[Piece, None]:
    """Yield half of the text of every choice, with the finish reason "length"."""
    for index, reply in enumerate(join_pieces([piece async for piece in pieces])):
        half = replace(reply, text=reply.text[: len(reply.text) // 2], finish_reason="length")
        for piece in split_reply(half, replace(request, choice=index)):
            yield piece


def usage(replies: Iterable[Reply | Piece]) -> dict[str, int]:
    """Return the token counts of an answer. The prompt is counted once, even if there are several choices."""
    counts = [(reply.prompt_tokens or 0, reply.completion_tokens or 0) for reply in replies]
    prompt_tokens = max((prompt for prompt, _ in counts), default=0)
    completion_tokens = sum(completion for _, completion in counts)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def completion_body(request: Request, replies: Sequence[Reply]) -> dict[str, Any]:
    """Return the JSON object of a whole answer, of the type `chat.completion`."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": reply.text},
            "logprobs": None,
            "finish_reason": reply.finish_reason,
        }
        for index, reply in enumerate(replies)
    ]
    return {**_envelope(request, "chat.completion"), "choices": choices, "usage": usage(replies)}


class Chunks:
    """Makes the server-sent events of one stream, each a `chat.completion.chunk`. They share an id and a time."""

    def __init__(self, request: Request) -> None:
        self._envelope = _envelope(request, "chat.completion.chunk")
        self._begun: set[int] = set()

    def event(self, piece: Piece) -> bytes:
        """Return the event of a piece. The first event of a choice also has the role."""
        delta = {"content": piece.text}
        if piece.index not in self._begun:
            self._begun.add(piece.index)
            delta = {"role": "assistant", **delta}
        choice = {"index": piece.index, "delta": delta, "logprobs": None, "finish_reason": piece.finish_reason}
        return sse({**self._envelope, "choices": [choice]})

    def usage_event(self, pieces: Iterable[Piece]) -> bytes:
        """Return the event with the token counts, which has no choices."""
        return sse({**self._envelope, "choices": [], "usage": usage(pieces)})


def sse(value: object) -> bytes:
    """Return one server-sent event that holds `value` as JSON."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


SSE_DONE = b"data: [DONE]\n\n"


def error_body(status: int, message: str, *, code: str, param: str | None = None) -> dict[str, Any]:
    """Return an error in the form of OpenAI's protocol. Its type follows from the status."""
    kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(status)
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _envelope(request: Request, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": request.model}


def _invalid(message: str, param: str | None) -> Refusal:
    return Refusal(400, message, code="invalid_request", param=param)


def _checked(body: Mapping[str, Any], name: str, kind: type | tuple[type, ...], *, required: bool = False) -> Any:
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _invalid(f"{name!r} is missing or has the wrong type.", name)
    return value


def _number(body: Mapping[str, Any], name: str, *, low: float, high: float) -> float | None:
    value = _checked(body, name, (int, float))
    if value is not None and not low <= value <= high:
        raise _invalid(f"{name!r} must lie between {low} and {high}.", name)
    return None if value is None else float(value)


def _integer(body: Mapping[str, Any], name: str, *, low: int | None = None, high: int | None = None) -> int | None:
    value = _checked(body, name, int)
    if value is None:
        return None
    if (low is not None and value < low) or (high is not None and value > high):
        raise _invalid(f"{name!r} is {value}, outside {low} to {high}.", name)
    return int(value)


def _messages(body: Mapping[str, Any]) -> tuple[Message, ...]:
    messages = _checked(body, "messages", list, required=True)
    if not messages:
        raise _invalid("'messages' must not be empty.", "messages")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _invalid("Every message must be an object with a role.", "messages")
    return tuple(messages)
