"""Keeps a webhook of ours registered in Argilla. A reset server has lost it, and a new one has a new secret."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from curation.config import Services
from curation.errors import CurationError
from curation.review.webhooks import PATH, register_webhook
from curation.serving.settings import Serving


class Registration:
    """The secret that signs webhooks: the one that was set, or that of the webhook that the server registers itself.

    `problem` says why there are no webhooks, None if there are. The server then refreshes on its timer alone.
    """

    def __init__(self, serving: Serving, services: Services) -> None:
        self.secret = serving.webhook_secret
        self.problem: str | None = None
        self._services = services
        self._url = f"{serving.public_url}{PATH}"
        self._timing = serving.timing
        self._ours = serving.webhook_secret is None and serving.reachable_from(services.argilla_api_url)
        if not self._ours and self.secret is None:
            self.problem = (
                f"Argilla cannot reach {serving.public_url}, so it sends no webhooks. Name an address that it can "
                "reach with --public-url."
            )

    async def run(self) -> None:
        """Register the webhook, and look again whenever it is time, until this task is cancelled."""
        while True:
            if self._ours:
                await _in_thread(self._register)
            await asyncio.sleep(self._timing.again if self.problem else self._timing.every)

    def _register(self) -> None:
        try:
            webhook = register_webhook(
                api_url=self._services.argilla_api_url, api_key=self._services.argilla_api_key, url=self._url
            )
        except CurationError as error:
            self.problem = str(error)
        else:
            self.secret, self.problem = webhook.secret, None


async def _in_thread(work: Callable[[], None]) -> None:
    """Call a function that blocks, and wait until it has ended.

    Requests to Argilla may take as long as CURATION_PATIENCE. The thread does not keep the server from ending, as one
    of `asyncio.to_thread` would.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            work()
        finally:
            # If the server has ended meanwhile, nobody waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="registration", daemon=True).start()
    await done.wait()
