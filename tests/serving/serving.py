"""A server in this process, on a port of its own, whose refreshes run a program of the test."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from curation.config import Services
from curation.serving.app import Server, build_app
from curation.serving.outcome import Outcome
from curation.serving.refresher import Refresher
from curation.serving.registration import Registration
from curation.serving.server import listen
from curation.serving.settings import Serving, Timing
from tests.derive.stores import make_config

TOKEN = "a-token-of-more-than-twenty-characters"
SLOW = Timing(quiet=0.01, longest=0.05, every=3600.0)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and a client of it that keeps cookies and follows no redirects."""

    url: str
    server: Server
    client: httpx2.Client
    command: Sequence[str]

    def bearer(self, path: str) -> httpx2.Response:
        """Return the answer to a program with the token."""
        return self.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})


def program(outcome: Outcome, folder: Path | None = None) -> tuple[str, ...]:
    """Return a program that refreshes nothing, with this outcome; a long one is kept in a file of the folder."""
    if folder is None:
        script = f"import sys, pathlib; pathlib.Path(sys.argv[2]).write_text({outcome.model_dump_json()!r})"
        return sys.executable, "-S", "-c", script
    path = folder / "outcome.json"
    path.write_text(outcome.model_dump_json(), encoding="utf-8")
    return sys.executable, "-S", "-c", f"import sys, shutil; shutil.copyfile({str(path)!r}, sys.argv[2])"


@contextmanager
def serving(
    folder: Path, *, command: Sequence[str] = program(Outcome()), services: Services | None = None, **settings: Any
) -> Iterator[Running]:
    """Run a server as long as the block lasts, with the token TOKEN unless told; in the end it must stop."""
    with listen("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        values: dict[str, Any] = {"token": TOKEN, "timing": SLOW, **settings}
        of_serving = Serving(folder / "demo.toml", url, **values)
        refresher = Refresher(of_serving.config, of_serving.timing, command=command)
        server = Server(of_serving, make_config(), refresher, Registration(of_serving, services or Services()))
        running = uvicorn.Server(uvicorn.Config(build_app(server), log_level="warning"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
                yield Running(url, server, client, command)
        finally:
            running.should_exit = True
            thread.join(60)
            assert not thread.is_alive()
