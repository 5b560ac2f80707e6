"""Scripted replies, from a Python function or a table, and a server in this process: the model of most tests."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from curation.errors import DataError, ServiceError
from curation.local.inference.app import create_app
from curation.local.inference.faults import Fault, FaultPlan, Latency
from curation.local.inference.judge import read_judge_prompt, ultrafeedback_reply
from curation.local.inference.models import ModelSettings
from curation.local.inference.server import listen, serve
from curation.local.inference.stats import Counts, Exchange, Stats
from curation.local.inference.wire import Piece, Refusal, Reply, Request, last_user_text, split_reply
from curation.local.process import HOST

ReplyFunction = Callable[[Request], str | Reply]

# The replies to a prompt by model, which are given in turn: {"Hi": {"small": ("Hello!", "Hey.")}}.
Table = Mapping[str, Mapping[str, Sequence[str]]]


class ScriptedBackend:
    """A backend that answers with what a function returns. The texts are not cut at `max_tokens` or `stop`."""

    def __init__(self, reply: ReplyFunction, *, names: Iterable[str] = ()) -> None:
        self._reply = reply
        self._names = tuple(names)

    @property
    def names(self) -> tuple[str, ...]:
        """The models to list. Requests to other models are answered too, if the function answers them."""
        return self._names

    async def pieces(self, request: Request, gone: Callable[[], bool]) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of the function's replies, one reply for each choice."""
        choices = [request] if request.n == 1 else [replace(request, choice=choice) for choice in range(request.n)]
        replies = [self._reply(choice) for choice in choices]
        for choice, reply in zip(choices, replies, strict=True):
            for piece in split_reply(reply if isinstance(reply, Reply) else Reply(text=reply), choice):
                yield piece


class ScriptedServer:
    """An inference server in a thread of this process, for tests.

        with ScriptedServer(lambda request: f"You said: {request.prompt}") as server:
            client = AsyncInferenceClient(base_url=server.url)

    `requests` has every exchange in the order in which they ended. With `api_key`, other keys are refused with 401.
    """

    def __init__(
        self,
        reply: ReplyFunction,
        *,
        names: Iterable[str] = (),
        latency: Latency | None = None,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        api_key: str | None = None,
    ) -> None:
        self._counts = Counts()
        self._exchanges: list[Exchange] = []
        self._app = create_app(
            ScriptedBackend(reply, names=names),
            plan=FaultPlan(faults=tuple(faults), latency=latency or Latency(), seed=seed),
            counts=self._counts,
            api_key=api_key,
            log=lambda exchange: self._exchanges.append(exchange),
        )
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    @property
    def address(self) -> str:
        """The server's address without a path, such as http://127.0.0.1:8000."""
        if self._port is None:
            raise ServiceError("The scripted server is not running.")
        return f"http://{HOST}:{self._port}"

    @property
    def url(self) -> str:
        """The base URL for clients, which ends in /v1."""
        return f"{self.address}/v1"

    @property
    def requests(self) -> tuple[Exchange, ...]:
        """Every exchange that has ended, in the order in which they ended, up to the last answer that was received."""
        self._settle()
        return tuple(self._exchanges)

    @property
    def stats(self) -> Stats:
        """The counts as they are now."""
        self._settle()
        return self._counts.snapshot()

    def reset(self) -> None:
        """Forget all requests and counts, attempts included."""
        self._exchanges.clear()
        self._counts.reset()

    def start(self) -> Self:
        """Start the thread, and return when the server answers."""
        listening = listen()
        self._port = int(listening.getsockname()[1])
        started = threading.Event()

        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve(self._app, listening, stop=self._stop, started=started.set)

        def target() -> None:
            try:
                asyncio.run(run())
            finally:
                # If the server could not start, the thread prints the error, and the caller must not wait for ever.
                started.set()

        self._thread = threading.Thread(target=target, name="scripted-server", daemon=True)
        self._thread.start()
        started.wait()
        return self

    def stop(self) -> None:
        """Close all connections and end the thread. Does nothing if the server is not running."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()
        self._port = self._loop = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _settle(self) -> None:
        """Wait until the server's event loop has finished its current step.

        The server logs an exchange in the same step in which it sends the end of the answer.
        """
        if self._loop is None or self._thread is None or threading.current_thread() is self._thread:
            return
        settled = threading.Event()
        self._loop.call_soon_threadsafe(settled.set)
        settled.wait()


def table_reply(
    table: Table, *, models: Mapping[str, ModelSettings] | None = None, default: str | None = None
) -> ReplyFunction:
    """Return a function that looks a reply up by the last message of the user and the model.

    If there are several replies, a request with a seed gets number `seed + choice`, and requests without a seed get one
    after the other. If there is none, the answer is a judgement if the model's grammar is ultrafeedback and the prompt
    is one of that task, otherwise `default`, and without a default a refusal with 404.
    """
    models = models or {}

    def reply(request: Request) -> str:
        replies = table.get(request.prompt, {}).get(request.model)
        if replies:
            turn = (request.attempt - 1) * request.n if request.seed is None else request.seed
            return replies[(turn + request.choice) % len(replies)]
        settings = models.get(request.model)
        if settings is not None and settings.grammar and read_judge_prompt(request.messages) is not None:
            return ultrafeedback_reply(request.messages)
        if default is not None:
            return default
        message = f"The table has no reply of model {request.model!r} to the prompt {request.prompt[:80]!r}."
        raise Refusal(404, message, code="reply_not_found")

    return reply


def load_table(path: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read a table from a JSONL file with lines like `{"prompt": "Hi", "replies": {"small": ["Hello!", "Hey."]}}`.

    A prompt may also be a list of messages, and the replies of a model a single text. Raises DataError, with the number
    of the line, if a line is malformed or answers a prompt for the same model a second time.
    """
    table: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            prompt, replies = _parse_line(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"Line {number} of {path} is not a prompt with replies: {error!r}.") from error
        known = table.setdefault(prompt, {})
        if twice := known.keys() & replies.keys():
            raise DataError(f"Line {number} of {path} answers the same prompt again for {', '.join(sorted(twice))}.")
        known.update(replies)
    return table


def _parse_line(line: dict[str, Any]) -> tuple[str, dict[str, tuple[str, ...]]]:
    prompt = line["prompt"] if isinstance(line["prompt"], str) else last_user_text(line["prompt"])
    replies = {model: (reply,) if isinstance(reply, str) else tuple(reply) for model, reply in line["replies"].items()}
    if not all(texts and all(isinstance(text, str) for text in texts) for texts in replies.values()):
        raise ValueError("replies must be texts or lists of texts")
    return prompt, replies
