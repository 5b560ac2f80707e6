"""Webhooks of Argilla: it tells an address of ours that somebody answered, so that `sync` need not wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from curation.errors import AuthError, ConfigError, ServiceError, TemporaryError
from curation.review.refusal import refusal
from curation.review.transport import PatientTransport

PATH = "/webhooks/argilla"
"""The path at which `curation serve` takes webhooks."""
EVENTS = ("response.created", "response.updated", "response.deleted", "record.deleted", "dataset.deleted")
"""What changes the answers that a sync would read."""


@dataclass(frozen=True, slots=True)
class RegisteredWebhook:
    """A webhook that Argilla has: its id, where it sends to, and the secret that signs what it sends.

    Argilla chooses the secret when the webhook is made, and shows it to owners. `created` says whether it was made now.
    """

    id: str
    url: str
    secret: str
    created: bool

    def __repr__(self) -> str:
        """Leave out the secret, so that it gets into no log."""
        return f"RegisteredWebhook(id={self.id!r}, url={self.url!r}, created={self.created})"


def register_webhook(*, api_url: str | None, api_key: str | None, url: str) -> RegisteredWebhook:
    """Make sure that Argilla has one webhook to `url` with the events of EVENTS, and return it.

    A webhook that is there already is kept, with its secret. Raises ConfigError without address or key, AuthError
    unless the key is an owner's, TemporaryError if Argilla cannot be reached.
    """
    if api_url is None or api_key is None:
        raise ConfigError(
            "ARGILLA_API_URL and ARGILLA_API_KEY are not both set, so Argilla cannot be asked for webhooks.",
            remedy="Export them; the key must be an owner's.",
        )
    transport = PatientTransport(httpx.HTTPTransport(), api_url=api_url)
    headers = {"X-Argilla-Api-Key": api_key}
    with httpx.Client(base_url=api_url, headers=headers, transport=transport) as client:
        existing = _webhooks(client, url)
        if not existing:
            _asked(client, "POST", "/api/v1/webhooks", {"url": url, "events": EVENTS, "description": "curation"})
        # A request whose answer was lost was sent again, and may have made two.
        first, *others = _webhooks(client, url)
        for other in others:
            _asked(client, "DELETE", f"/api/v1/webhooks/{other['id']}")
        if sorted(first["events"]) != sorted(EVENTS) or not first["enabled"]:
            _asked(client, "PATCH", f"/api/v1/webhooks/{first['id']}", {"events": EVENTS, "enabled": True})
    return RegisteredWebhook(id=first["id"], url=url, secret=first["secret"], created=not existing)


def _webhooks(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    """Return the webhooks to `url`, the oldest first."""
    listed = _asked(client, "GET", "/api/v1/webhooks").json()
    try:
        return [item for item in listed["items"] if item["url"] == url]
    except (KeyError, TypeError) as error:
        raise TemporaryError(
            f"Argilla at {client.base_url} gave an answer of a shape that is not Argilla's ({type(error).__name__}).",
            remedy="Run the command again later.",
        ) from error


def _asked(client: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    response = client.request(method, path, json=body)
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise AuthError(
            f"Argilla at {client.base_url} shows webhooks to owners only; it answered {response.status_code}.",
            remedy="Set ARGILLA_API_KEY to an owner's key.",
        )
    if response.is_error:
        raise ServiceError(
            f"Argilla at {client.base_url} answered {response.status_code}: {refusal(response.text)}",
            remedy="Argilla keeps at most ten webhooks; delete those that nobody needs.",
        )
    return response
