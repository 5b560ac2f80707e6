"""The scripted inference server of the benchmarks, in a process of its own: it keeps counts, not exchanges.

In one process with the client it would share the client's interpreter lock, and its log of exchanges would grow into
gigabytes in a long run.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from curation.generation.cache import request_key
from curation.local.inference import Exchange, Fault, Latency, Request
from curation.local.inference.app import create_app
from curation.local.inference.faults import FaultPlan, dump_faults, load_faults
from curation.local.inference.scripted import ReplyFunction, ScriptedBackend
from curation.local.inference.server import listen, serve
from curation.local.inference.stats import Counts
from curation.local.process import HOST, ServerProcess, exit_with_parent
from tests.scripts import scripted_reply

FILLER = "and it goes on like this for as long as it is asked to, "
SETTLE_SECONDS = 30.0


class Serving(ServerProcess):
    """The server as a child process. With `keyed` it says which requests it answered, by their keys in the cache."""

    def __init__(
        self,
        folder: Path,
        *,
        latency: Latency | None = None,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        reply_bytes: int = 0,
        keyed: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        rules = folder / "faults.json"
        rules.write_text(dump_faults(tuple(faults)))

        def command(port: int) -> Sequence[str]:
            options = [f"--port={port}", f"--latency={latency or Latency()}", f"--faults={rules}"]
            more = [f"--seed={seed}", f"--reply-bytes={reply_bytes}", *(["--keyed"] if keyed else [])]
            return [sys.executable, "-m", "tests.benchmarks.serving", *options, *more]

        super().__init__("scripted inference server", folder=folder, command=command, health="/health")

    @property
    def base_url(self) -> str:
        """The address that clients take as base URL; it ends in /v1."""
        return f"{self.url}/v1"

    def forget(self) -> Self:
        """Begin to count anew, attempts included, so that the next run meets the same latencies and faults."""
        self._settle()
        httpx2.post(f"{self.url}/stats/reset", trust_env=False).raise_for_status()
        return self

    def tally(self) -> dict[str, Any]:
        """Return the counts once nothing is in flight any more.

        `outcomes` counts "fault status" pairs, such as "reset 0" or "none 200"; `asked` is a hash of all contents and
        how often each was asked; `answered` has the times of whole answers by key; `cpu_s` is the server's own time.
        """
        return self._settle()

    def _settle(self) -> dict[str, Any]:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            counts: dict[str, Any] = httpx2.get(f"{self.url}/tally", timeout=60.0, trust_env=False).json()
            if not counts["in_flight"]:
                return counts
            if time.monotonic() > deadline:
                raise RuntimeError(f"{counts['in_flight']} requests are in flight though nobody waits for them.")
            time.sleep(0.05)


class Tally(Counts):
    """Counts that also know which faults struck, and if `place` is given, which requests were answered whole."""

    def __init__(self, *, place: str | None) -> None:
        self._place = place
        super().__init__()

    def reset(self) -> None:
        """Start again from zero."""
        super().reset()
        self._outcomes: Counter[str] = Counter()
        self._answered: defaultdict[str, list[float]] = defaultdict(list)
        self._cpu = time.process_time()

    def note(self, exchange: Exchange) -> None:
        """Count what came of a request."""
        self._outcomes[f"{exchange.fault or 'none'} {exchange.status}"] += 1
        if self._place is not None and exchange.status == 200 and exchange.fault is None:
            self._answered[_cache_key(self._place, exchange.request)].append(exchange.ended)

    async def show(self, _: HttpRequest) -> JSONResponse:
        """Answer with all counts."""
        stats = self.snapshot()
        asked = hashlib.sha256("".join(f"{key}{stats.contents[key]}" for key in sorted(stats.contents)).encode())
        return JSONResponse(
            {
                "requests": stats.requests,
                "in_flight": stats.in_flight,
                "most_in_flight": stats.most_in_flight,
                "outcomes": self._outcomes,
                "asked": asked.hexdigest(),
                "answered": self._answered,
                "cpu_s": time.process_time() - self._cpu,
            }
        )


def _cache_key(place: str, request: Request) -> str:
    """The key that the client's cache gives a request whose asker is named after its model, recomputed."""
    body = {key: value for key, value in request.body.items() if key != "seed"}
    key, seed = request_key(place, body, asker=request.model, nth=0)
    if seed != request.seed:
        raise RuntimeError(f"The seed of a request is {request.seed}; its content and asker give {seed}.")
    return key


def document_reply(request: Request) -> str | None:
    """Return what a model of the documents' benchmark replies; null if the request is none of it.

    Questions have a quotation each for us, and are strings alone for datafast, which wants answers as JSON too.
    """
    if request.prompt.startswith(("STRONG ", "WEAK ")) and "Return only valid JSON" in request.prompt:
        return json.dumps({"answer": scripted_reply(request)})
    if request.prompt.startswith("RATE\n"):
        return json.dumps({"assessment": "Clear and complete.", "score": 1 + len(request.prompt) % 10})
    if not request.prompt.startswith("QUESTIONS "):
        return None
    number = int(request.prompt.split(" ", 2)[1])
    lines = [line for line in request.prompt.splitlines() if line.startswith("Machine ")][:number]
    asked = [
        {
            "question": f"What is {_made_up_words(line)}?",
            "quote": line.partition(". ")[2],
        }
        for line in lines
    ]
    if "Return only valid JSON" in request.prompt:
        return json.dumps({"questions": [entry["question"] for entry in asked]})
    return json.dumps(asked)


def _made_up_words(line: str) -> str:
    """Return eight words that follow from a line, so that no two questions are alike."""
    digits = hashlib.sha256(line.encode()).hexdigest().translate(str.maketrans("0123456789", "ghijklmnop"))
    return " ".join(digits[start : start + 8] for start in range(0, len(digits), 8))


def reply_of(least_bytes: int) -> ReplyFunction:
    """Return the script: replies as in the tests, filled up to so many bytes."""

    def reply(request: Request) -> str:
        text = document_reply(request) or scripted_reply(request)
        missing = least_bytes - len(text)
        return text if missing <= 0 else text + " " + (FILLER * (missing // len(FILLER) + 1))[: missing - 1].rstrip()

    return reply


def main() -> None:
    """Serve until the parent ends or stops this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=Latency.parse, default=Latency())
    parser.add_argument("--faults", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reply-bytes", type=int, default=0)
    parser.add_argument("--keyed", action="store_true")
    options = parser.parse_args()
    tally = Tally(place=f"http://{HOST}:{options.port}/v1" if options.keyed else None)
    plan = FaultPlan(faults=load_faults(options.faults), latency=options.latency, seed=options.seed)
    app = create_app(ScriptedBackend(reply_of(options.reply_bytes)), plan=plan, counts=tally, log=tally.note)
    app.router.routes.append(Route("/tally", tally.show))
    asyncio.run(_serve(app, options.port))


async def _serve(app: Any, port: int) -> None:
    await serve(app, listen(port), stop=asyncio.Event(), started=lambda: sys.stderr.write("Listening.\n"))


if __name__ == "__main__":
    main()
