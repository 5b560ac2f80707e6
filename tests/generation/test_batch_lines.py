"""What the services that have batches give back: the shapes of OpenAI, Together, Groq and vLLM, and broken ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from curation.generation.batch_lines import read_result, request_line
from curation.generation.completion import Completion
from curation.generation.refusals import RequestFailed

BODY = {
    "choices": [{"message": {"role": "assistant", "content": "Four."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}


def line(**fields: Any) -> bytes:
    return json.dumps({"custom_id": "k1", **fields}).encode()


def test_a_request_is_a_line_of_the_format_without_streaming() -> None:
    written = request_line("k1", {"model": "small", "messages": [], "stream": False, "seed": 3})
    assert written.endswith(b"}\n")
    assert json.loads(written) == {
        "custom_id": "k1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "small", "messages": [], "seed": 3},
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "batch_req_1", "response": {"status_code": 200, "request_id": "r", "body": BODY}, "error": None},
        {"response": {"status_code": 200, "body": BODY}},
        {"response": {"status_code": 200, "body": json.dumps(BODY)}, "error": None},
        {"response": BODY},
    ],
    ids=["OpenAI, Groq and vLLM", "Together", "a body that is a text", "the body in place of the response"],
)
def test_a_reply_is_read_wherever_it_stands(fields: dict[str, Any]) -> None:
    result = read_result(line(**fields))
    assert result.key == "k1"
    assert isinstance(result.outcome, Completion)
    assert (result.outcome.text, result.outcome.input_tokens, result.outcome.output_tokens) == ("Four.", 7, 2)


@pytest.mark.parametrize(
    ("fields", "reason", "paid"),
    [
        (
            {"response": None, "error": {"code": "batch_expired", "message": "This request could not be executed."}},
            "error_in_reply",
            False,
        ),
        (
            {"response": {"status_code": 400, "body": {"error": {"message": "maximum context length is 8192"}}}},
            "context_too_long",
            False,
        ),
        ({"response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}}, "rate_limited", False),
        ({"error": {"message": "maximum context length is 8192"}}, "context_too_long", False),
        ({"response": None, "error": None}, "no_result", False),
        ({"response": {"status_code": 200, "body": {**BODY, "choices": []}}}, "reply_has_no_choice", True),
    ],
)
def test_an_error_is_a_failure_with_its_reason(fields: dict[str, Any], reason: str, paid: bool) -> None:
    outcome = read_result(line(**fields)).outcome
    assert isinstance(outcome, RequestFailed)
    assert (outcome.reason, outcome.paid) == (reason, paid)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (line(response={"status_code": 200, "body": BODY})[:40], "is no JSON; the file may be cut off"),
        (b"[1]", "has no custom_id"),
        (b'{"custom_id": 3}', "has no custom_id"),
        (request_line("k1", {"model": "small"}), "is a request and no result"),
    ],
)
def test_a_line_that_is_no_result_says_what_is_wrong(text: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_result(text)
