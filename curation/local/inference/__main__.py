"""`python -m curation.local.inference`: the inference server in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from curation.errors import CurationError
from curation.local.inference.app import create_app
from curation.local.inference.faults import FaultPlan, Latency, load_faults
from curation.local.inference.llama import LlamaBackend
from curation.local.inference.models import DEFAULT_MODELS, ModelSettings, load_models
from curation.local.inference.scripted import ScriptedBackend, load_table, table_reply
from curation.local.inference.server import listen, serve
from curation.local.inference.weights import fetch_weights
from curation.local.inference.wire import Backend
from curation.local.process import exit_with_parent


def main() -> None:
    """Serve until SIGTERM, SIGINT, or the end of the parent process (see `exit_with_parent`).

    Both signals have their default action, which ends the process at once. The server has nothing to save, and a Python
    handler could not run while the engine evaluates a prompt.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    exit_with_parent()
    options = _parse()
    try:
        plan = FaultPlan(
            faults=load_faults(options.faults) if options.faults else (),
            latency=Latency.parse(options.latency),
            seed=options.seed,
        )
        backend = _backend(options)
    except CurationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from None
    asyncio.run(_serve(backend, plan, options.port))


async def _serve(backend: Backend, plan: FaultPlan, port: int) -> None:
    listening = listen(port)
    address = "http://{}:{}".format(*listening.getsockname())
    await serve(
        create_app(backend, plan=plan),
        listening,
        stop=asyncio.Event(),
        started=lambda: sys.stderr.write(f"Listening on {address}\n"),
    )


def _backend(options: argparse.Namespace) -> Backend:
    models: dict[str, ModelSettings] = load_models(options.models) if options.models else dict(DEFAULT_MODELS)
    if options.backend == "scripted":
        table = load_table(options.table) if options.table else {}
        return ScriptedBackend(table_reply(table, models=models, default=options.default_reply), names=models)
    return LlamaBackend(models, fetch_weights())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m curation.local.inference", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 lets the kernel choose")
    parser.add_argument("--backend", choices=["llama", "scripted"], default="llama")
    parser.add_argument("--models", type=Path, help="JSON: {name: {temperature, grammar}}")
    parser.add_argument("--table", type=Path, help="JSONL of the scripted backend: {prompt, replies: {model: text}}")
    parser.add_argument("--default-reply", help="reply of the scripted backend to prompts that its table lacks")
    parser.add_argument("--latency", default="0", help="seconds, or median,p99 of a lognormal")
    parser.add_argument("--faults", type=Path, help="JSON: a list of faults")
    parser.add_argument("--seed", type=int, default=0, help="decides latencies and faults")
    return parser.parse_args()


if __name__ == "__main__":
    main()
