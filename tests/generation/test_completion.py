"""What a response means: an answer with its facts, or a reason, whether to try again, when, and whether it was paid."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest

from curation.generation.completion import Completion, read_completion
from curation.generation.refusals import RequestFailed


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
    ("body", "reason", "paid"),
    [
        (b"[]", "reply_has_no_choice", False),
        (b"null", "reply_has_no_choice", False),
        (b'"text"', "reply_has_no_choice", False),
        (b"{}", "reply_has_no_choice", False),
        (b'{"choices": []}', "reply_has_no_choice", True),
        (b'{"choices": [null]}', "reply_has_no_choice", True),
        (b'{"choices": "text"}', "reply_has_no_choice", True),
        (b'{"choices": [{"message": null}]}', "reply_has_no_choice", True),
        (b'{"choices": [{"message": {"content": {"text": "a"}}}]}', "reply_has_no_choice", True),
        (b'{"choices": [{"message": {"content": null}}]}', "empty_reply", True),
        (b'{"choices": [{"message": {"content": " \\n"}}]}', "empty_reply", True),
        (b'{"choices": [{"message": {"content": "\\u200b\\ufeff"}}]}', "empty_reply", True),
        (b'{"choices": [{"message": {"content": []}}]}', "empty_reply", True),
        (b'{"choices": [{"message": {"content": "a\\u0000b"}}]}', "nul_or_surrogate_characters", True),
        (b'{"choices": [{"message": {"content": "a\\ud800b"}}]}', "nul_or_surrogate_characters", True),
        (b'{"choices": [{"message": {"content": "a', "reply_is_not_json", True),
        (b"<!doctype html><html></html>", "reply_is_html", False),
        (b"upstream connect error", "reply_is_not_json", False),
        (b"\xff\xfe", "reply_is_not_json", False),
        (b"", "reply_is_not_json", False),
    ],
)
def test_an_answer_in_another_shape_has_a_reason_and_was_paid_for_if_it_is_a_completion(
    body: bytes, reason: str, paid: bool
) -> None:
    failure = failed(body)
    assert (failure.reason, failure.retry, failure.paid) == (reason, True, paid)


def message(**message: object) -> dict[str, object]:
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("body", "text", "thinking"),
    [
        (message(content=[{"type": "text", "text": "Be"}, {"type": "text", "text": "cause."}]), "Because.", None),
        (message(content=["Be", "cause."]), "Because.", None),
        (
            message(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, "Because."]),
            "Because.",
            "Hm.",
        ),
        (message(content="Because.", reasoning_content="Hm."), "Because.", "Hm."),
        (message(content="Because.", reasoning="Hm.", reasoning_details=[{"text": "Hm."}]), "Because.", "Hm."),
        (message(content="<think>Hm.</think>Because."), "Because.", "Hm."),
        (message(content="Because.", refusal=None, tool_calls=[], function_call=None), "Because.", None),
        ({"choices": [{"text": "Because.", "finish_reason": "stop"}]}, "Because.", None),
        ({**message(content="Because."), "error": None}, "Because.", None),
    ],
)
def test_an_answer_is_read_in_every_layout_and_thoughts_are_no_part_of_it(
    body: object, text: str, thinking: str | None
) -> None:
    found = read(body)
    assert (found.text, found.thinking) == (text, thinking)


STREAM = b"""\
: OPENROUTER PROCESSING

data: {"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning_content": "Hm."}}]}

data: {"choices": [{"index": 0, "delta": {"content": "Be"}}]}

data: {"choices": [{"index": 0, "delta": {"content": "cause."}, "finish_reason": "stop"}]}

data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}

data: [DONE]

"""


def test_a_stream_of_events_that_nobody_asked_for_is_read() -> None:
    assert read(STREAM) == Completion("Because.", "stop", 7, 3, 1.235, thinking="Hm.")


def test_an_error_in_a_stream_is_an_error_and_not_paid_for() -> None:
    failure = failed(b'data: {"error": {"code": 502, "message": "Lost"}}\n\ndata: [DONE]\n\n')
    assert (failure.reason, failure.retry, failure.paid, failure.detail) == ("http_502", True, False, "Lost")


@pytest.mark.parametrize("behind", [b"\x00", b"\n\n}", b"\r\n0\r\n", b"data: [DONE]"])
@pytest.mark.parametrize("before", [b"", b"\n\n  ", b"\xef\xbb\xbf"])
def test_bytes_around_a_reply_cost_no_answer(before: bytes, behind: bytes) -> None:
    assert read(before + orjson.dumps(reply()) + behind).text == "An answer."


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"input_tokens": 7, "output_tokens": 3}, (7, 3)),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}, (7, 3)),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 500}, (7, 493)),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": "many"}, (7, 3)),
    ],
)
def test_what_is_billed_is_read_whatever_the_counts_are_called(usage: object, counts: tuple[int, int]) -> None:
    found = read(reply(usage=usage))
    assert (found.input_tokens, found.output_tokens) == counts


@pytest.mark.parametrize("word", ["content_filter", "SAFETY", "PROHIBITED_CONTENT", "RECITATION", "sensitive"])
def test_every_word_for_a_filter_is_one(word: str) -> None:
    assert failed(reply("I", finish_reason=word)).reason == "content_filter"


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
    in_25_seconds = format_datetime(datetime.now(UTC) + timedelta(seconds=25), usegmt=True)
    after = failed(status=503, retry_after=in_25_seconds).after
    assert after is not None
    assert 15 < after <= 25
