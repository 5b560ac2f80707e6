"""What arrives as a webhook is taken once, if Argilla signed it a short while ago."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from curation.serving.deliveries import Deliveries, RefusedDeliveryError, concerns, record_of

SECRET = base64.b64encode(b"a secret of 24 bytes ...").decode()
BODY = json.dumps({"type": "response.created", "version": 1, "data": {"id": "1"}}).encode()


def headers_of(body: bytes, *, name: str = "msg_1", seconds: float = 0.0, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a delivery that was sent so many seconds from now."""
    sent = datetime.fromtimestamp(int(time.time() + seconds), UTC)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, sent, body.decode()),
    }


def test_a_signed_delivery_is_taken_once() -> None:
    deliveries = Deliveries()
    headers = headers_of(BODY)
    assert deliveries.take(BODY, headers, SECRET) == json.loads(BODY)
    with pytest.raises(RefusedDeliveryError, match="came before"):
        deliveries.take(BODY, headers, SECRET)
    assert deliveries.take(BODY, headers_of(BODY, name="msg_2"), SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "nothing that has a comma"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-signature": "v1,AAAA v2,AAAA"},
        {"webhook-timestamp": "nan"},
        {"webhook-id": "msg_other"},
    ],
)
def test_a_delivery_whose_headers_were_changed_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(RefusedDeliveryError, match="the signature is not right"):
        Deliveries().take(BODY, headers_of(BODY) | change, SECRET)


def test_what_argilla_did_not_sign_is_refused() -> None:
    another = base64.b64encode(b"another").decode()
    for body, headers in [
        (BODY, {}),
        (BODY, headers_of(BODY, secret=another)),
        (BODY + b" ", headers_of(BODY)),
        (b"\xff", headers_of(BODY)),
        (b"not json", headers_of(b"not json")),
    ]:
        with pytest.raises(RefusedDeliveryError, match="the signature is not right"):
            Deliveries().take(body, headers, SECRET)


@pytest.mark.parametrize("seconds", [-301.0, 360.0])
def test_what_was_sent_too_long_ago_or_will_be_is_refused(seconds: float) -> None:
    with pytest.raises(RefusedDeliveryError, match=r"too (old|new)"):
        Deliveries().take(BODY, headers_of(BODY, seconds=seconds), SECRET)


def test_after_a_restart_what_was_taken_before_is_refused() -> None:
    """The memory of ids is lost then, and the first refresh reads what an older delivery would have told of."""
    headers = headers_of(BODY, seconds=-30)
    with pytest.raises(RefusedDeliveryError, match="before this server started"):
        Deliveries().take(BODY, headers, SECRET)


def test_ids_are_forgotten_when_their_deliveries_would_be_refused_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = Deliveries()
    for number in range(50):
        deliveries.take(BODY, headers_of(BODY, name=f"msg_{number}"), SECRET)
    later = time.time() + 400
    headers = headers_of(BODY, name="msg_last", seconds=400)
    monkeypatch.setattr(time, "time", lambda: later)
    deliveries._remember("msg_last", float(headers["webhook-timestamp"]))
    assert list(deliveries._taken) == ["msg_last"]


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(RefusedDeliveryError, match="the secret is not known yet"):
        Deliveries().take(BODY, headers_of(BODY), None)


@pytest.mark.parametrize(
    ("message", "record_id"),
    [
        ({"type": "response.updated", "data": {"record": {"id": "r1"}}}, "r1"),
        ({"type": "response.deleted", "data": {"record": {"id": 1}}}, None),
        ({"type": "response.created", "data": None}, None),
        ({"type": "record.deleted", "data": {"id": "r1"}}, None),
        ({"type": "dataset.deleted", "data": {"record": {"id": "r1"}}}, None),
        (["response.created"], None),
    ],
)
def test_a_message_about_an_answer_names_its_record(message: Any, record_id: str | None) -> None:
    assert record_of(message) == record_id


DATASET = {"name": "mine", "workspace": {"name": "argilla"}}


@pytest.mark.parametrize(
    ("message", "about_mine"),
    [
        ({"data": {"record": {"dataset": DATASET}}}, True),
        ({"data": {"record": {"dataset": DATASET | {"name": "other"}}}}, False),
        ({"data": {"dataset": DATASET | {"workspace": {"name": "other"}}}}, False),
        ({"data": DATASET}, True),
        ({"data": {"record": {"dataset": DATASET | {"name": "mine-adjudication"}}}}, True),
        ({"data": DATASET | {"name": "other"}}, False),
        # What does not say may be about it.
        ({"data": {"name": "other"}}, True),
        ({"data": None}, True),
        ([], True),
    ],
)
def test_a_message_says_which_dataset_it_is_about(message: Any, about_mine: bool) -> None:
    assert concerns(message, workspace="argilla", datasets=("mine", "mine-adjudication")) is about_mine
