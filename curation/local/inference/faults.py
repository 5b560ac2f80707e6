"""Injected faults and latency. They follow a seed, so that the same request meets the same fault in every run.

What a request meets depends on the seed, its model, its messages, and how often these were sent before. It does not
depend on the order in which concurrent requests arrive, except for faults with `numbers`, which count arrivals.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal, get_args

from curation.errors import ConfigError
from curation.local.inference.wire import SSE_DONE, Request, content_key, error_body, text_of

Kind = Literal["status", "hang", "reset", "malformed", "html", "empty", "null", "truncate"]

_Z99 = NormalDist().inv_cdf(0.99)
_STATUS_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded", 503: "overloaded"}
_HTML = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a reply takes, in seconds: always `median_s`, or lognormal if there is a 99th percentile `p99_s`."""

    median_s: float = 0.0
    p99_s: float | None = None

    def __post_init__(self) -> None:
        if self.median_s < 0 or (self.p99_s is not None and not 0 < self.median_s <= self.p99_s):
            raise ConfigError(f"A latency needs 0 < median <= p99, not {self.median_s} and {self.p99_s}.")

    def __str__(self) -> str:
        return str(self.median_s) if self.p99_s is None else f"{self.median_s},{self.p99_s}"

    @classmethod
    def parse(cls, text: str) -> Latency:
        """Read a latency: "0.2" is always 0.2 s, "0.2,2.0" is lognormal (median, p99). Raises ConfigError."""
        try:
            return cls(*(float(number) for number in text.split(",")))
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{text!r} is no latency: give seconds, or median,p99.") from error

    def sample(self, uniform: float) -> float:
        """Return the latency in seconds at quantile `uniform`, strictly between 0 and 1."""
        if self.p99_s is None:
            return self.median_s
        sigma = math.log(self.p99_s / self.median_s) / _Z99
        return self.median_s * math.exp(sigma * NormalDist().inv_cdf(uniform))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule. It applies to requests that meet all of its conditions; if several rules apply, the first one counts.

    Conditions: `share` of all requests (seeded), `numbers` (order of arrival, from 1), `match` (a regular expression
    searched in the messages' text), `model`, and `attempts` (only the first so many requests with the same content).

    Kinds: `status` answers `status` with `headers` and `body`; `hang` waits `seconds` and then answers as if nothing
    had happened; `reset` sends half an answer and a TCP reset; `malformed` sends broken JSON with 200; `html` a
    gateway's page with 200; `empty` no choices; `null` a choice whose content is null; `truncate` half the text with
    finish reason length.
    """

    kind: Kind
    share: float = 1.0
    numbers: tuple[int, ...] = ()
    match: str | None = None
    model: str | None = None
    attempts: int | None = None
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(f"{self.kind!r} is no kind of fault; the kinds are {', '.join(get_args(Kind))}.")
        if not 0 <= self.share <= 1:
            raise ConfigError(f"A fault's share lies between 0 and 1, not at {self.share}.")

    def fits(self, request: Request, number: int) -> bool:
        """Return whether the conditions other than `share` hold for the request that arrived as `number`."""
        return (
            (not self.numbers or number in self.numbers)
            and (self.model is None or self.model == request.model)
            and (self.attempts is None or request.attempt <= self.attempts)
            and (self.match is None or any(re.search(self.match, text_of(message)) for message in request.messages))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What happens to a request: the seconds until it is answered, and the fault that it meets, if any."""

    seconds: float = 0.0
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """The rules, the latency, and the seed from which the fate of every request is computed."""

    faults: tuple[Fault, ...] = ()
    latency: Latency = Latency()
    seed: int = 0

    def fate(self, request: Request, number: int) -> Fate:
        """Return what happens to a request (with its attempt counted) that arrived as `number`."""
        if not self.faults and self.latency.p99_s is None:
            return Fate(seconds=self.latency.median_s)
        key = content_key(request.model, request.messages)
        seconds = self.latency.sample(uniform(self.seed, "latency", key, request.attempt))
        for position, fault in enumerate(self.faults):
            if not fault.fits(request, number):
                continue
            if fault.share == 1 or uniform(self.seed, f"fault {position}", key, request.attempt) < fault.share:
                hang = fault.seconds if fault.kind == "hang" else 0.0
                return Fate(seconds=seconds + hang, fault=fault)
        return Fate(seconds=seconds)


def uniform(seed: int, purpose: str, key: str, attempt: int) -> float:
    """Return a number strictly between 0 and 1 that depends on the arguments alone."""
    digest = hashlib.blake2b(f"{seed}|{purpose}|{key}|{attempt}".encode(), digest_size=8).digest()
    return ((int.from_bytes(digest) >> 11) + 0.5) / 2**53


def fault_answer(fault: Fault, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Return the status, headers and body that are sent instead of the real answer."""
    if fault.kind == "status":
        message = f"Injected fault: status {fault.status}."
        error = error_body(fault.status, message, code=_STATUS_CODES.get(fault.status, "injected"))
        body = json.dumps(error) if fault.body is None else fault.body
        return fault.status, {"content-type": "application/json", **fault.headers}, body.encode()
    if fault.kind == "html":
        return 200, {"content-type": "text/html; charset=utf-8"}, _HTML
    body = _hollow(request, [_null_choice(request)] if fault.kind == "null" else [])
    if fault.kind == "malformed":
        body = body[: len(body) // 2]
    if request.stream:
        return 200, {"content-type": "text/event-stream"}, b"data: " + body.encode() + b"\n\n" + SSE_DONE
    return 200, {"content-type": "application/json"}, body.encode()


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Read rules from a JSON file: a list of objects with `Fault`'s fields. Raises `ConfigError` if they are wrong."""
    try:
        rules = json.loads(path.read_text())
        return tuple(Fault(**{**rule, "numbers": tuple(rule.get("numbers", ()))}) for rule in rules)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} does not hold a list of faults: {error}.") from error


def dump_faults(faults: Sequence[Fault]) -> str:
    """Return the JSON that `load_faults` reads."""
    return json.dumps([asdict(fault) for fault in faults])


def _null_choice(request: Request) -> dict[str, Any]:
    message = {"role": "assistant", "content": None}
    return {"index": 0, "delta" if request.stream else "message": message, "finish_reason": "stop"}


def _hollow(request: Request, choices: list[dict[str, Any]]) -> str:
    kind = "chat.completion.chunk" if request.stream else "chat.completion"
    return json.dumps(
        {"id": "chatcmpl-hollow", "object": kind, "created": 0, "model": request.model, "choices": choices}
    )
