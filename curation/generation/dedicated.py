"""Starts dedicated Inference Endpoints that sleep, and puts them back to sleep afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from curation.environment import key_from
from curation.errors import ServiceError, TemporaryError
from curation.hub import DEFAULT_ENDPOINT, connect, hub_errors

if TYPE_CHECKING:
    from huggingface_hub import InferenceEndpoint

RESUME_SECONDS = 900
POLL_SECONDS = 5

Sleep = Literal["paused", "scaledToZero"]
SLEEPS: tuple[Sleep, ...] = ("paused", "scaledToZero")


def sleeps(endpoint_name: str) -> Sleep | None:
    """Return in which state a dedicated endpoint sleeps (and so costs nothing), None if it does not sleep."""
    with _endpoint(endpoint_name) as endpoint:
        return next((sleep for sleep in SLEEPS if endpoint.status == sleep), None)


def wake(endpoint_name: str) -> str:
    """Resume a dedicated endpoint if it sleeps, wait until it runs, and return its address, which ends in /v1.

    Raises ServiceError if it cannot be started, TemporaryError if it does not run after 15 minutes.
    """
    from huggingface_hub.errors import InferenceEndpointError, InferenceEndpointTimeoutError

    with _endpoint(endpoint_name) as endpoint:
        if endpoint.status in SLEEPS:
            endpoint.resume()
        try:
            endpoint.wait(timeout=RESUME_SECONDS, refresh_every=POLL_SECONDS)
        except InferenceEndpointTimeoutError as error:
            raise TemporaryError(
                f"The Inference Endpoint {endpoint_name} did not start within {RESUME_SECONDS // 60} minutes.",
                remedy="Look at https://endpoints.huggingface.co, then run the command again.",
            ) from error
        except InferenceEndpointError as error:
            raise ServiceError(
                f"The Inference Endpoint {endpoint_name} cannot be started: {error}",
                remedy="Its logs are at https://endpoints.huggingface.co.",
            ) from error
        return f"{str(endpoint.url).rstrip('/')}/v1"


@contextmanager
def awake(endpoint_names: Iterable[str]) -> Iterator[None]:
    """Start these endpoints for the time of the block. Those that slept are put back to sleep, even after an error.

    Raises ServiceError if one cannot be put back, because it goes on costing money.
    """
    woken: dict[str, Sleep] = {}
    try:
        for name in sorted(set(endpoint_names)):
            sleep = sleeps(name)
            if sleep is not None:
                woken[name] = sleep
                wake(name)
        yield
    finally:
        failed = [f"{name} ({error})" for name, sleep in woken.items() if (error := _put_back(name, sleep))]
        if failed:
            raise ServiceError(
                f"Woken, and not put back to sleep: {', '.join(failed)}. It goes on costing money.",
                remedy="Pause it at https://endpoints.huggingface.co.",
            )


def _put_back(endpoint_name: str, sleep: Sleep) -> str | None:
    """Put an endpoint back to sleep; return the reason if that failed, None if it worked."""
    try:
        with _endpoint(endpoint_name) as endpoint:
            endpoint.pause() if sleep == "paused" else endpoint.scale_to_zero()
    except ServiceError as error:
        return error.message
    return None


@contextmanager
def _endpoint(endpoint_name: str) -> Iterator[InferenceEndpoint]:
    api = connect(os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT, key_from("HF_TOKEN"))
    namespace, _, name = endpoint_name.rpartition("/")
    with hub_errors(api, f"Inference Endpoint {endpoint_name}"):
        yield api.get_inference_endpoint(name, namespace=namespace or None)
