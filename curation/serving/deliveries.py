"""Checks the webhooks that arrive: who signed each, when, and whether it came before.

Argilla signs as Standard Webhooks describes (https://www.standardwebhooks.com), with the library of that name:

    webhook-id         msg_2b3c          differs for each delivery, also when Argilla tries again
    webhook-timestamp  1764316800        when it was sent, in seconds since 1970
    webhook-signature  v1,K5oZfz...      HMAC-SHA256 of id, timestamp and body, with the secret of the webhook
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

TOLERANCE_SECONDS = 300
"""The library refuses what was sent longer ago, or so far in the future."""


class RefusedDeliveryError(Exception):
    """A delivery that is not taken, with the reason."""


class Deliveries:
    """Accepts each delivery once. Its id is remembered for as long as its time would be accepted.

    A delivery that was sent before the server started is refused, because it may have been accepted before a restart.
    Nothing is lost by that, because the server begins with a refresh, which reads everything.
    """

    def __init__(self) -> None:
        self._started = math.floor(time.time())
        self._taken: dict[str, float] = {}

    def take(self, body: bytes, headers: Mapping[str, str], secret: str | None) -> Any:
        """Return the message of a delivery: {"type": "response.created", "data": {...}, ...}.

        Raises RefusedDeliveryError if it is not signed with the secret, was sent too long ago, or came before.
        """
        if secret is None:
            raise RefusedDeliveryError("the secret is not known yet: no webhook is registered in Argilla")
        try:
            message = Webhook(secret).verify(body, dict(headers))
        except (WebhookVerificationError, ValueError) as error:
            raise RefusedDeliveryError(f"the signature is not right ({type(error).__name__}: {error})") from error
        self._remember(headers["webhook-id"], float(headers["webhook-timestamp"]))
        return message

    def _remember(self, delivery_id: str, sent_at: float) -> None:
        now = time.time()
        if sent_at < self._started:
            raise RefusedDeliveryError("the time is before this server started, which reads everything at its start")
        self._taken = {taken: sent for taken, sent in self._taken.items() if sent >= now - TOLERANCE_SECONDS}
        if delivery_id in self._taken:
            raise RefusedDeliveryError("the id came before")
        self._taken[delivery_id] = sent_at


def record_of(message: Any) -> str | None:
    """Return the id in Argilla of the record whose answer changed; None if that is not known."""
    if not isinstance(message, dict) or not str(message.get("type")).startswith("response."):
        return None
    data = message.get("data")
    record = data.get("record") if isinstance(data, dict) else None
    record_id = record.get("id") if isinstance(record, dict) else None
    return record_id if isinstance(record_id, str) else None


def concerns(message: Any, *, workspace: str, datasets: Collection[str]) -> bool:
    """Whether a message may be about one of these datasets: it names one of them, or does not say which."""
    data = message.get("data") if isinstance(message, dict) else None
    for step in ("record", "dataset"):
        inner = data.get(step) if isinstance(data, dict) else None
        data = inner if isinstance(inner, dict) else data
    if not isinstance(data, dict) or not isinstance(data.get("workspace"), dict):
        return True
    return data.get("name") in datasets and data["workspace"].get("name") == workspace
