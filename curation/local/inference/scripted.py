"""Replies from a Python function or a table, and a server in this process that gives them: the model of most tests."""

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

# By prompt, then by model: the replies, of which requests take turns.
Table = Mapping[str, Mapping[str, Sequence[str]]]


class ScriptedBackend:
    """Gives what a function says. Its texts are given as they are: `max_tokens` and `stop` do not cut them."""

    def __init__(self, reply: ReplyFunction, *, names: Iterable[str] = ()) -> None:
        self._reply = reply
        self._names = tuple(names)

    @property
    def names(self) -> tuple[str, ...]:
        """The models to list; any other name is answered too, if the function answers it."""
        return self._names

    async def pieces(self, request: Request, gone: Callable[[], bool]) -> AsyncGenerator[Piece, None]:
        """Give the function's replies, one for each choice."""
        choices = [request] if request.n == 1 else [replace(request, choice=choice) for choice in range(request.n)]
        replies = [self._reply(choice) for choice in choices]
        for choice, said in zip(choices, replies, strict=True):
            for piece in split_reply(said if isinstance(said, Reply) else Reply(text=said), choice):
                yield piece


class ScriptedServer:
    """An inference server in a thread of this process, for tests.

        with ScriptedServer(lambda request: f"You said: {request.prompt}") as server:
            client = AsyncInferenceClient(base_url=server.url)

    `requests` holds every exchange in the order in which they ended. With `api_key`, other keys are answered 401.
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
        """The server's address without a path, e.g. for /stats."""
        if self._port is None:
            raise ServiceError("The scripted server is not running.")
        return f"http://{HOST}:{self._port}"

    @property
    def url(self) -> str:
        """The address that clients take as base URL; it ends in /v1."""
        return f"{self.address}/v1"

    @property
    def requests(self) -> tuple[Exchange, ...]:
        """Every exchange that has ended, in the order of their ends; those already answered are among them."""
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
        """Start the thread; the server answers when this returns."""
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
                # If it could not start, its error is shown by the thread; nobody should wait for it forever.
                started.set()

        self._thread = threading.Thread(target=target, name="scripted-server", daemon=True)
        self._thread.start()
        started.wait()
        return self

    def stop(self) -> None:
        """Break off what is still open and end the thread; nothing happens if it is not running."""
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
        """Wait for the server's current step: it logs an exchange in the step in which it sends the answer's end."""
        if self._loop is None or self._thread is None or threading.current_thread() is self._thread:
            return
        settled = threading.Event()
        self._loop.call_soon_threadsafe(settled.set)
        settled.wait()


def table_reply(
    table: Table, *, models: Mapping[str, ModelSettings] | None = None, default: str | None = None
) -> ReplyFunction:
    """Return a function that looks replies up by last user message and model.

    Of several replies, a request with a seed gets the one at `seed + choice`, one without gets the next at each
    attempt. What the table lacks is judged, if the model's grammar is ultrafeedback and the prompt is one of its
    prompts; else answered with `default`; else refused with 404.
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
    """Read replies from a JSONL file, a line `{"prompt": text | messages, "replies": {model: text | [texts]}}` each.

    Raises `DataError`, with the line's number, if a line is wrong or answers a prompt and model a second time.
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
    replies = {model: (said,) if isinstance(said, str) else tuple(said) for model, said in line["replies"].items()}
    if not all(said and all(isinstance(text, str) for text in said) for said in replies.values()):
        raise ValueError("replies must be texts or lists of texts")
    return prompt, replies
