"""A backend that answers with a small real model, which llama.cpp runs in a thread of its own."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curation.local.inference.grammar import ultrafeedback_grammar
from curation.local.inference.judge import read_judge_prompt
from curation.local.inference.models import ModelSettings
from curation.local.inference.wire import PLACEHOLDER_MODEL, Message, Piece, Refusal, Request, text_of

# This is enough for an UltraFeedback prompt of about 700 tokens with four long texts. Memory grows with it linearly.
CONTEXT_TOKENS = 4096
# Prompts up to this length are evaluated in one step. Shorter prompts do not use the memory that is reserved for it.
BATCH_TOKENS = 2048
# A model this small seldom ends its reply by itself.
DEFAULT_MAX_TOKENS = 256

_PASSED_ON = ("top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repeat_penalty", "grammar")


class LlamaBackend:
    """One model under several names. It serves one request at a time, in the order of arrival.

    A request with a seed always gets the same reply, whatever came before it; choice i is sampled with seed + i. If two
    prompts in a row begin with the same text, it is evaluated once, which makes judging more than twice as fast.
    """

    def __init__(self, models: Mapping[str, ModelSettings], weights: Path, *, context: int = CONTEXT_TOKENS) -> None:
        self._models = dict(models)
        self._engine = _load(weights, context)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="llama")
        self._evaluated: list[Message] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models table."""
        return tuple(self._models)

    async def pieces(self, request: Request, gone: Callable[[], bool]) -> AsyncGenerator[Piece, None]:
        """Yield the model's text piece by piece. The model stops when nobody waits for the text any more."""
        body = _engine_body(request, self._settings(request.model))
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Piece | Future[None]] = asyncio.Queue()
        abandoned = threading.Event()

        def emit(item: Piece | Future[None]) -> None:
            # At the very end of the process the loop may be closed before the worker has ended.
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def unwanted() -> bool:
            return abandoned.is_set() or gone()

        job = self._worker.submit(self._generate, body, request.n, emit, unwanted)
        job.add_done_callback(emit)
        try:
            while isinstance(item := await queue.get(), Piece):
                yield item
            item.result()
        finally:
            abandoned.set()

    def _settings(self, model: str) -> ModelSettings:
        name = next(iter(self._models)) if model == PLACEHOLDER_MODEL else model
        if name not in self._models:
            known = ", ".join(self._models)
            raise Refusal(404, f"There is no model {name!r}; there are {known}.", code="model_not_found", param="model")
        return self._models[name]

    def _generate(
        self, body: Mapping[str, Any], choices: int, emit: Callable[[Piece], None], unwanted: Callable[[], bool]
    ) -> None:
        for choice in range(choices):
            if unwanted():
                return
            choice_body = {
                **body,
                "seed": (body["seed"] + choice) % 2**32,
                "cache_prompt": _continues(self._evaluated, body["messages"]),
            }
            self._evaluated = body["messages"]
            listener = _Listener(choice, emit, unwanted)
            try:
                self._engine.handle_chat_completions(choice_body, listener)
            except ValueError as error:
                raise Refusal(400, f"{error}.", code="invalid_request") from error
            listener.finish()


class _Listener:
    """Receives the engine's chunks of one choice, in the worker's thread. Returning True makes the engine stop."""

    def __init__(self, choice: int, emit: Callable[[Piece], None], unwanted: Callable[[], bool]) -> None:
        self._choice = choice
        self._emit = emit
        self._unwanted = unwanted
        self._finish_reason = "stop"
        self._error: Mapping[str, Any] | None = None
        self._usage: Mapping[str, int] = {}

    def __call__(self, chunk: Mapping[str, Any]) -> bool:
        self._error = chunk.get("error") or self._error
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            self._finish_reason = choice.get("finish_reason") or self._finish_reason
            if text := choice["delta"].get("content"):
                self._emit(Piece(index=self._choice, text=text))
        return self._unwanted()

    def finish(self) -> None:
        """Emit the last piece. Raises `Refusal` if the engine answered with an error."""
        if self._error is not None:
            raise _refusal(self._error)
        self._emit(
            Piece(
                index=self._choice,
                text="",
                finish_reason=self._finish_reason,
                prompt_tokens=self._usage.get("prompt_tokens", 0),
                completion_tokens=self._usage.get("completion_tokens", 0),
            )
        )


def _load(weights: Path, context: int) -> Any:
    # The import takes long, and the scripted backend does not need it.
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx = context
    params.n_parallel = 1
    # With two threads, which wait for each other, it becomes very slow when the machine is busy with anything else.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    # A prompt whose beginning was evaluated before must give exactly the same numbers as if it were evaluated anew.
    # That holds without flash attention and in one batch; see also `_continues`.
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.warmup = False
    params.verbosity = -1
    return xllamacpp.Server(params)


def _continues(evaluated: list[Message], messages: list[Message]) -> bool:
    """Return whether the engine may reuse the common beginning of two prompts without changing the reply.

    llama.cpp gives slightly different numbers for a token that is evaluated alone, which happens to the last token of a
    prompt and to the tokens that it generates. If two prompts first differ within their last message, their common
    beginning contains no such token.
    """
    if len(evaluated) != len(messages) or evaluated[:-1] != messages[:-1]:
        return False
    # The model's template strips the text.
    return text_of(evaluated[-1]).strip() != text_of(messages[-1]).strip()


def _engine_body(request: Request, settings: ModelSettings) -> dict[str, Any]:
    passed_on = {name: request.body[name] for name in _PASSED_ON if request.body.get(name) is not None}
    if settings.grammar == "ultrafeedback":
        prompt = read_judge_prompt(request.messages)
        if prompt is None:
            message = f"{request.model!r} only answers prompts of distilabel's UltraFeedback."
            raise Refusal(400, message, code="not_a_judge_prompt", param="messages")
        passed_on["grammar"] = ultrafeedback_grammar(prompt)
    return {
        **passed_on,
        "messages": list(request.messages),
        "temperature": settings.temperature if request.temperature is None else request.temperature,
        "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
        "stop": list(request.stop),
        "seed": random.getrandbits(31) if request.seed is None else request.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _refusal(error: Mapping[str, Any]) -> Refusal:
    message = str(error.get("message", "The model failed."))
    if error.get("type") == "exceed_context_size_error":
        return Refusal(400, f"{message}.", code="context_length_exceeded", param="messages")
    status = int(error.get("code", 500))
    return Refusal(status, f"{message}.", code="invalid_request" if status < 500 else "server_failed")
