"""Argilla keeps one webhook of ours, whatever happens between us and it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from curation.errors import AuthError, ConfigError
from curation.local import Stack
from curation.review.webhooks import EVENTS, register_webhook
from tests.faulty import Fault, FaultyProxy

pytestmark = pytest.mark.stack
URL = "http://127.0.0.1:9/webhooks/argilla"


@pytest.fixture
def owner(stack: Stack) -> Iterator[httpx2.Client]:
    """A client of the API with the owner's key, which removes all webhooks in the end."""
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    with httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, trust_env=False) as client:
        yield client
        for item in client.get("/webhooks").json()["items"]:
            if item["url"] == URL:
                client.delete(f"/webhooks/{item['id']}")


def ours(owner: httpx2.Client) -> list[dict[str, Any]]:
    """Return what Argilla has of webhooks to our address."""
    return [item for item in owner.get("/webhooks").json()["items"] if item["url"] == URL]


def test_a_webhook_is_registered_once_and_mended(stack: Stack, owner: httpx2.Client) -> None:
    first = register_webhook(api_url=stack.argilla.url, api_key=stack.argilla.api_key, url=URL)
    again = register_webhook(api_url=stack.argilla.url, api_key=stack.argilla.api_key, url=URL)
    assert first.created
    assert not again.created
    assert (again.id, again.secret) == (first.id, first.secret)
    assert first.secret not in repr(first)
    owner.patch(f"/webhooks/{first.id}", json={"enabled": False, "events": ["record.created"]}).raise_for_status()
    register_webhook(api_url=stack.argilla.url, api_key=stack.argilla.api_key, url=URL)
    [webhook] = ours(owner)
    assert (webhook["enabled"], sorted(webhook["events"])) == (True, sorted(EVENTS))


def test_if_the_answer_is_lost_there_is_still_one_webhook(stack: Stack, owner: httpx2.Client) -> None:
    with FaultyProxy(stack.argilla.url, Fault("POST /api/v1/webhooks", "reset")) as proxy:
        registered = register_webhook(api_url=proxy.url, api_key=stack.argilla.api_key, url=URL)
    [webhook] = ours(owner)
    assert webhook["id"] == registered.id


def test_only_an_owner_may_register(stack: Stack, owner: httpx2.Client) -> None:
    body = {"username": "webhook-reader", "first_name": "Nia", "role": "annotator", "password": "long enough"}
    user = owner.post("/users", json=body).raise_for_status().json()
    for key in ("wrong-key", user["api_key"]):
        with pytest.raises(AuthError, match="owners only"):
            register_webhook(api_url=stack.argilla.url, api_key=key, url=URL)
    owner.delete(f"/users/{user['id']}").raise_for_status()
    with pytest.raises(ConfigError, match="not both set"):
        register_webhook(api_url=None, api_key=None, url=URL)
