"""What a response means: an answer with its facts, or a reason, whether to try again, when, and whether it was paid."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest

from curation.generation.completion import Completion, RequestFailed, read_completion


def read(content: bytes | object, *, status: int = 200, retry_after: str | None = None) -> Completion:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return read_completion(status, headers, body, seconds=1.23456)


def failed(content: bytes | object = b"", *, status: int = 200, retry_after: str | None = None) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        read(content, status=status, retry_after=retry_after)
    return caught.value


def reply(text: object = "An answer.", *, finish_reason: object = "stop", **more: object) -> dict[str, object]:
    return {"choices": [{"message": {"content": text}, "finish_reason": finish_reason}], **more}


def test_a_reply_is_its_text_and_its_facts() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    assert read(reply(finish_reason="length", usage=usage)) == Completion("An answer.", "length", 7, 3, 1.235)


@pytest.mark.parametrize(
    "usage", [None, {}, [], "many", 7, {"prompt_tokens": "12", "completion_tokens": -1}, {"prompt_tokens": True}]
)
def test_malformed_usage_is_unknown_and_costs_no_answer(usage: object) -> None:
    found = read(reply(usage=usage))
    assert (found.text, found.input_tokens, found.output_tokens) == ("An answer.", None, None)


def test_a_malformed_finish_reason_is_unknown() -> None:
    assert read(reply(finish_reason=["stop"])).finish_reason is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "reply_has_no_choice"),
        (b"null", "reply_has_no_choice"),
        (b'"text"', "reply_has_no_choice"),
        (b"{}", "reply_has_no_choice"),
        (b'{"choices": []}', "reply_has_no_choice"),
        (b'{"choices": [null]}', "reply_has_no_choice"),
        (b'{"choices": "text"}', "reply_has_no_choice"),
        (b'{"choices": [{"message": null}]}', "reply_has_no_choice"),
        (b'{"choices": [{"message": {"content": null}}]}', "empty_reply"),
        (b'{"choices": [{"message": {"content": " \\n"}}]}', "empty_reply"),
        (b'{"choices": [{"message": {"content": ["parts"]}}]}', "empty_reply"),
        (b'{"choices": [{"message": {"content": "a\\u0000b"}}]}', "nul_or_surrogate_characters"),
        (b'{"choices": [{"message": {"content": "a\\ud800b"}}]}', "reply_is_not_json"),
        (b"<!doctype html><html></html>", "reply_is_not_json"),
        (b"\xff\xfe", "reply_is_not_json"),
        (b"", "reply_is_not_json"),
    ],
)
def test_an_answer_in_another_shape_has_a_reason_and_was_paid_for(body: bytes, reason: str) -> None:
    failure = failed(body)
    assert (failure.reason, failure.retry, failure.paid) == (reason, True, True)


def test_a_reply_that_a_filter_cut_is_no_answer_and_would_be_cut_again() -> None:
    failure = failed(reply("I", finish_reason="content_filter"))
    assert (failure.reason, failure.retry, failure.paid) == ("content_filter", False, True)


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (307, "http_307", False),
        (400, "http_400", False),
        (401, "unauthorized", False),
        (402, "payment_required", False),
        (403, "forbidden", False),
        (404, "not_found", False),
        (408, "http_408", True),
        (413, "context_too_long", False),
        (422, "http_422", False),
        (429, "rate_limited", True),
        (500, "http_500", True),
        (503, "http_503", True),
    ],
)
def test_a_status_has_a_reason_and_says_whether_to_try_again(status: int, reason: str, retry: bool) -> None:
    failure = failed(b"{}", status=status)
    assert (failure.reason, failure.retry, failure.paid) == (reason, retry, False)


def openai_error(message: str, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}}).encode()


VLLM = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."
TGI = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens"
TGI_INPUTS = "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"
LLAMA_CPP = "the request exceeds the available context size. try increasing the context size"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai_error(VLLM)),
        (400, openai_error("Your input is too long.", "context_length_exceeded")),
        (422, json.dumps({"error": TGI, "error_type": "validation"}).encode()),
        (422, json.dumps({"error": TGI_INPUTS, "error_type": "validation"}).encode()),
        (400, json.dumps({"error": {"code": 400, "message": LLAMA_CPP, "type": "exceed_context_size_error"}}).encode()),
        (400, openai_error("prompt is too long: 250000 tokens > 200000 maximum")),
        (413, b""),
    ],
    ids=["vllm", "openai", "tgi", "tgi-inputs", "llama.cpp", "anthropic", "413"],
)
def test_a_conversation_that_does_not_fit_is_told_by_every_servers_words(status: int, body: bytes) -> None:
    failure = failed(body, status=status)
    assert (failure.reason, failure.retry) == ("context_too_long", False)


@pytest.mark.parametrize("status", [401, 429, 500])
def test_words_about_the_context_mean_nothing_with_another_status(status: int) -> None:
    assert failed(openai_error(VLLM), status=status).reason != "context_too_long"


def test_a_prompt_that_a_filter_refused_is_told() -> None:
    failure = failed(openai_error("The response was filtered.", "content_filter"), status=400)
    assert (failure.reason, failure.retry) == ("content_filter", False)


@pytest.mark.parametrize(
    "body",
    [
        openai_error("No such model.", "model_not_found"),
        openai_error("The requested model 'small' is not one of ours.", "model_not_supported"),
        openai_error("The model `small` does not exist."),
        openai_error("The requested model is not supported by any provider you have enabled."),
    ],
)
def test_a_400_that_says_that_there_is_no_such_model_is_not_found(body: bytes) -> None:
    failure = failed(body, status=400)
    assert (failure.reason, failure.retry) == ("not_found", False)


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("2.5", 2.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015", None),
        ("Wed, 21 Oct 2015 07:28:00", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +9999", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
        ("Wed, 99999999999999999999 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date_or_nothing(said: str, after: float | None) -> None:
    assert failed(status=429, retry_after=said).after == after


def test_a_date_in_retry_after_is_so_many_seconds_from_now() -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    after = failed(status=503, retry_after=in_an_hour).after
    assert after is not None
    assert 3000 < after <= 3600
