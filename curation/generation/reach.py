"""Checks whether an endpoint answers."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from curation.generation.loading import load_distilabel
from curation.generation.options import Endpoint


def check_endpoint(endpoint: Endpoint, *, name: str, ask: bool = False) -> str:
    """Return a sentence that says at which address the endpoint answers. Raises the error if it does not answer.

    The model is asked for one token if `ask` is true, or if that costs nothing (it runs on this machine, or its prices
    are 0). A dedicated endpoint that sleeps is not started, because that costs money.
    """
    if endpoint.endpoint_name is not None:
        from curation.generation.dedicated import sleeps

        sleep = sleeps(endpoint.endpoint_name)
        if sleep is not None:
            return f"{endpoint.endpoint_name} is {sleep}; generate wakes it and puts it back"
    llm = load_distilabel("curation.generation.endpoints").endpoints_llm(endpoint, name=name)

    async def reach() -> str:
        llm.load()
        try:
            url = str(await llm.reach())
            if not ask and not _costs_nothing(endpoint, url):
                return f"answers at {url}; `--ask` asks {endpoint.model_id} for one token, which costs a little"
            await llm.try_once()
            return f"{endpoint.model_id} answers at {url}"
        finally:
            await llm.aclose()

    return asyncio.run(reach())


def _costs_nothing(endpoint: Endpoint, url: str) -> bool:
    host = urlsplit(url).hostname or ""
    local = host == "localhost" or host.startswith("127.") or host == "::1"
    return local or (endpoint.price_in == 0 and endpoint.price_out == 0)
