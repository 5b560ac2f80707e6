"""Checks whether an endpoint answers."""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from urllib.parse import urlsplit

from curation.generation.endpoint_options import Endpoint
from curation.generation.loading import load_distilabel


class Reached(NamedTuple):
    """An endpoint that answers, as a sentence. It is `doubtful` if the model refused the request of one token."""

    sentence: str
    doubtful: bool = False


def check_endpoint(endpoint: Endpoint, *, name: str, ask: bool = False) -> Reached:
    """Return a sentence that says at which address the endpoint answers. Raises the error if it does not answer.

    The model is asked for one token if `ask` is true, or if that costs nothing (it runs on this machine, or its prices
    are 0). A dedicated endpoint that sleeps is not started, because that costs money.
    """
    sleep = _sleeps(endpoint)
    if sleep is not None:
        return Reached(f"{endpoint.endpoint_name} is {sleep}; generate wakes it and puts it back")
    return asyncio.run(_checked(endpoint, name=name, ask=ask))


def reach_endpoint(endpoint: Endpoint, *, name: str) -> None:
    """Look whether the endpoint answers, without asking its model, which costs nothing. Raises the error if not.

    A dedicated endpoint that sleeps is left asleep.
    """
    if _sleeps(endpoint) is None:
        asyncio.run(_reached(endpoint, name=name))


def _sleeps(endpoint: Endpoint) -> str | None:
    """Return the state of a dedicated endpoint that sleeps, None if it is awake or no dedicated endpoint."""
    if endpoint.endpoint_name is None:
        return None
    from curation.generation.dedicated import sleeps

    return sleeps(endpoint.endpoint_name)


async def _reached(endpoint: Endpoint, *, name: str) -> None:
    llm = load_distilabel("curation.generation.endpoints").endpoints_llm(endpoint, name=name)
    llm.load()
    try:
        await llm.reach()
    finally:
        await llm.aclose()


async def _checked(endpoint: Endpoint, *, name: str, ask: bool) -> Reached:
    llm = load_distilabel("curation.generation.endpoints").endpoints_llm(endpoint, name=name)
    llm.load()
    try:
        url = str(await llm.reach())
        if not ask and not _costs_nothing(endpoint, url):
            return Reached(f"answers at {url}; `--ask` asks {endpoint.model_id} for one token, which costs a little")
        refusal = await llm.try_once()
        if refusal is None:
            return Reached(f"{endpoint.model_id} answers at {url}")
        sentence = (
            f"{url} answers, but {endpoint.model_id} refused a request of one token ({refusal}). It may take only "
            "requests of its own kind; `curation generate --preview 1` sends it a real one"
        )
        return Reached(sentence, doubtful=True)
    finally:
        await llm.aclose()


def _costs_nothing(endpoint: Endpoint, url: str) -> bool:
    host = urlsplit(url).hostname or ""
    local = host == "localhost" or host.startswith("127.") or host == "::1"
    return local or (endpoint.price_in == 0 and endpoint.price_out == 0)
