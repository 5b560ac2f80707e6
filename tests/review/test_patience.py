"""Argilla behind a proxy that spoils answers: what passes is waited out, once done is done, and a hang has an end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate

import httpx
import httpx2
import pytest

from curation.errors import AuthError, ServiceError, TemporaryError
from curation.local import Stack
from curation.patience import telling
from curation.review import PairwiseTask
from curation.review.argilla import ArgillaReview
from curation.review.transport import PatientTransport, space_advice
from tests.faulty import Fault, FaultyProxy, Kind
from tests.review.datasets import spec

pytestmark = pytest.mark.stack

TASK = PairwiseTask(layout="fields").settings()
STEPS = {
    "me": "GET /api/v1/me$",
    "workspaces": "GET /api/v1/me/workspaces",
    "datasets": "GET /api/v1/me/datasets",
    "create dataset": "POST /api/v1/datasets$",
    "create field": "POST .*/fields$",
    "create question": "POST .*/questions$",
    "publish": "PUT .*/publish$",
    "write records": "PUT .*/records/bulk",
    "list records": "GET .*/records\\?",
    "list users": "GET /api/v1/users",
}
KINDS: dict[str, tuple[Kind, int, bool]] = {
    "429": ("status", 429, False),
    "500 but done": ("status", 500, True),
    "503": ("status", 503, False),
    "520 but done": ("status", 520, True),
    "reset": ("reset", 0, False),
    "reset but done": ("reset", 0, True),
    "cut": ("cut", 0, True),
    "shortened": ("shortened", 0, True),
    "null": ("null", 0, True),
    "page": ("page", 200, True),
}


@contextmanager
def review_at(url: str, stack: Stack, name: str | None = None) -> Iterator[ArgillaReview]:
    dataset = name or f"patience-{uuid.uuid4().hex[:8]}"
    key = stack.argilla.api_key
    with closing(ArgillaReview(api_url=url, api_key=key, workspace="argilla", dataset=dataset)) as review:
        yield review


def loop(url: str, stack: Stack) -> set[str]:
    """Create, push and pull; return the records that came back."""
    with review_at(url, stack) as review:
        review.create(TASK)
        review.push([spec("r0"), spec("r1")])
        records = list(review.pull().records.values())
    assert len(records) == len(set(records))
    return {str(record) for record in records}


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_waits_out_an_answer_that_is_none(kind: str, stack: Stack) -> None:
    name, status, after = KINDS[kind]
    faults = [Fault(match, name, status=status, after=after) for match in STEPS.values()]
    with FaultyProxy(stack.argilla.url, *faults) as proxy:
        assert loop(proxy.url, stack) == {"r0", "r1"}
    assert [fault.match for fault in faults if fault.count] == []


def test_what_was_created_although_the_answer_was_lost_is_there_once(stack: Stack) -> None:
    lost = [Fault(match, "reset", count=2) for match in (STEPS["create dataset"], STEPS["create field"])]
    with FaultyProxy(stack.argilla.url, *lost) as proxy, review_at(proxy.url, stack) as review:
        dataset_id = review.create(TASK)
        assert review.find() == dataset_id
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    fields = httpx2.get(f"{stack.argilla.url}/api/v1/datasets/{dataset_id}/fields", headers=headers, trust_env=False)
    assert [field["name"] for field in fields.json()["items"]] == [field.name for field in TASK.fields]


def test_a_name_that_somebody_else_took_is_still_a_conflict(stack: Stack) -> None:
    # Nothing was lost here: the first answer is the conflict itself.
    with FaultyProxy(stack.argilla.url, Fault(STEPS["create field"], "status", status=409, after=False)) as proxy:
        with review_at(proxy.url, stack) as review, pytest.raises(TemporaryError, match="answered 409"):
            review.create(TASK)
        assert sum("/fields" in request for request in proxy.requests) == 1


@pytest.mark.parametrize("kind", ["hang", "drip", "null", "page", "reset"])
@pytest.mark.parametrize("step", ["me", "create field", "write records", "list records"])
def test_what_does_not_pass_ends_with_the_budget(
    kind: Kind, step: str, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultyProxy(stack.argilla.url, Fault(STEPS[step], kind, count=1000, status=200, after=False)) as proxy:
        monkeypatch.setenv("CURATION_PATIENCE", "1.5")
        with pytest.raises(TemporaryError, match=r"did not answer within 2 s \(CURATION_PATIENCE\)"):
            loop(proxy.url, stack)


@pytest.mark.parametrize("step", ["me", "workspaces", "datasets", "create field", "write records", "list records"])
def test_an_answer_of_another_shape_is_a_sentence(step: str, stack: Stack) -> None:
    with (
        FaultyProxy(stack.argilla.url, Fault(STEPS[step], "shape", count=1000)) as proxy,
        pytest.raises(TemporaryError, match="of a shape that is not Argilla's"),
    ):
        loop(proxy.url, stack)


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
def test_argilla_is_left_alone_as_long_as_it_asks(date: bool, stack: Stack) -> None:
    wanted = formatdate(time.time() + 3, usegmt=True) if date else "2"
    fault = Fault(STEPS["datasets"], "status", status=429, after=False, headers={"Retry-After": wanted})
    with FaultyProxy(stack.argilla.url, fault) as proxy, review_at(proxy.url, stack) as review:
        started = time.monotonic()
        assert review.find() is None
    # A date has no fractions of a second, and its moment came nearer while the proxy started.
    assert time.monotonic() - started >= 1.5


def test_a_wait_that_is_longer_than_the_budget_is_not_begun(stack: Stack) -> None:
    fault = Fault(STEPS["me"], "status", status=503, count=1000, after=False, headers={"Retry-After": "3600"})
    with FaultyProxy(stack.argilla.url, fault) as proxy:
        with (
            pytest.raises(TemporaryError, match="it answered 503, and it asks us to wait 3600 s"),
            review_at(proxy.url, stack),
        ):
            pass
        assert len(proxy.requests) == 1


def test_a_line_says_what_is_waited_for(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    with FaultyProxy(stack.argilla.url, Fault(STEPS["me"], "status", count=1000, after=False)) as proxy:
        monkeypatch.setenv("CURATION_PATIENCE", "2")
        with telling(lines.append), pytest.raises(TemporaryError), review_at(proxy.url, stack):
            pass
    assert lines == [f"Waiting for Argilla at {proxy.url}: it answered 503. Giving up in 2 s (CURATION_PATIENCE)."]


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_web_page_is_never_dumped(status: int, stack: Stack) -> None:
    with FaultyProxy(stack.argilla.url, Fault("", "page", status=status, count=1000, after=False)) as proxy:
        with (
            pytest.raises(ServiceError, match=rf"answered {status} with a web page") as caught,
            review_at(proxy.url, stack),
        ):
            pass
        assert "<" not in str(caught.value)
        assert len(proxy.requests) == 1


SPACE = "https://acme-review.hf.space"


@pytest.mark.parametrize(("kind", "status"), [("page", 404), ("page", 503), ("status", 503), ("page", 200)])
def test_a_space_that_sleeps_or_is_paused_is_named_with_its_page(
    kind: Kind, status: int, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", "1")
    fault = Fault("", kind, status=status, count=1000, after=False)
    with (
        FaultyProxy(stack.argilla.url, fault) as proxy,
        httpx.Client(transport=PatientTransport(httpx.HTTPTransport(), api_url=SPACE)) as client,
        pytest.raises(ServiceError, match=f"Argilla at {SPACE}") as caught,
    ):
        client.get(f"{proxy.url}/api/v1/me")
    assert (
        "One that is paused is restarted by its owner on its page, https://huggingface.co/spaces/acme/review."
        in str(caught.value)
    )
    assert isinstance(caught.value, TemporaryError) == (status != 404)


def test_the_pages_that_a_space_may_have() -> None:
    assert space_advice("http://127.0.0.1:6900") is None
    advice = space_advice("https://my-team-review.hf.space/")
    assert advice is not None
    for page in ("my/team-review", "my-team/review"):
        assert f"https://huggingface.co/spaces/{page}" in advice


def test_a_refused_key_is_not_asked_about_again(stack: Stack) -> None:
    with FaultyProxy(stack.argilla.url, Fault(STEPS["me"], "status", status=401, after=False)) as proxy:
        with pytest.raises(AuthError), review_at(proxy.url, stack):
            pass
        assert len(proxy.requests) == 1
