"""The inference server as a child process."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from curation.local.inference.faults import Fault, Latency, dump_faults
from curation.local.inference.models import DEFAULT_MODELS, ModelSettings, dump_models
from curation.local.inference.weights import fetch_weights
from curation.local.process import ServerProcess


class InferenceServer(ServerProcess):
    """A model server on 127.0.0.1 in its own process: a small real model (`llama`) or a table of replies (`scripted`).

    `models` is the table of models (default: `DEFAULT_MODELS`). The scripted backend looks replies up in the JSONL file
    `table` and answers other prompts with `default_reply`. Latency and faults apply to both backends.
    """

    def __init__(
        self,
        folder: Path,
        *,
        backend: Literal["llama", "scripted"] = "llama",
        models: Mapping[str, ModelSettings] | None = None,
        table: Path | None = None,
        default_reply: str | None = None,
        latency: Latency | None = None,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        inherit: Sequence[int] = (),
    ) -> None:
        self._backend = backend
        self._models = DEFAULT_MODELS if models is None else models
        self._table = table
        self._default_reply = default_reply
        self._latency = latency or Latency()
        self._faults = tuple(faults)
        self._seed = seed
        super().__init__(
            "inference server",
            folder=folder,
            command=self._arguments,
            health="/health",
            inherit=inherit,
        )

    @property
    def base_url(self) -> str:
        """The base URL for clients, which ends in /v1."""
        return f"{self.url}/v1"

    def start(self) -> Self:
        """Start the child and wait until it answers. The real model is downloaded first if it is missing."""
        if self._backend == "llama":
            fetch_weights()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "models.json").write_text(dump_models(self._models))
        (self.folder / "faults.json").write_text(dump_faults(self._faults))
        return super().start()

    def _arguments(self, port: int) -> list[str]:
        options = {
            "--port": port,
            "--backend": self._backend,
            "--models": self.folder / "models.json",
            "--faults": self.folder / "faults.json",
            "--latency": self._latency,
            "--seed": self._seed,
            "--table": self._table,
            "--default-reply": self._default_reply,
        }
        arguments = [f"{name}={value}" for name, value in options.items() if value is not None]
        return [sys.executable, "-m", "curation.local.inference", *arguments]
