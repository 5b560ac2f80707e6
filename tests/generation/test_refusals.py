"""What services mean by their errors, in the words of many of them; none of it is paid for."""

from __future__ import annotations

import json

import pytest

from curation.generation.completion import read_completion
from curation.generation.refusals import RequestFailed, is_temporary, one_line


def failed(content: object, *, status: int = 400, headers: dict[str, str] | None = None) -> RequestFailed:
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    with pytest.raises(RequestFailed) as caught:
        read_completion(status, headers or {}, body, seconds=1.0)
    assert not caught.value.paid
    return caught.value


def openai(message: str, *, code: object = None, kind: str = "invalid_request_error", param: object = None) -> object:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524, 529, 530, 599])
def test_a_status_that_may_pass_is_tried_again_and_temporary_in_the_end(status: int) -> None:
    failure = failed("<html><title>Origin is down</title></html>", status=status)
    assert failure.retry
    assert is_temporary(failure.reason)
    assert failure.detail == "Origin is down"


@pytest.mark.parametrize(
    "reason", ["http_400", "http_422", "content_filter", "unauthorized", "only_reasoning", "error: x"]
)
def test_other_reasons_do_not_pass_by_themselves(reason: str) -> None:
    assert not is_temporary(reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": "Rate limit exceeded: free-models-per-day", "code": 429}}, "rate_limited"),
        ({"error": {"message": "Slow down", "code": "429"}}, "rate_limited"),
        ({"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}, "rate_limited"),
        ({"error": {"message": "Slow down", "type": "rate_limit_error"}}, "rate_limited"),
        ({"error": {"message": "Quota", "status": "RESOURCE_EXHAUSTED"}}, "rate_limited"),
        ([{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}], "rate_limited"),
        ({"error": {"message": "Provider returned error", "code": 502}}, "http_502"),
        ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, "http_503"),
        ({"error": {"message": "Oops", "type": "server_error", "code": None}}, "http_503"),
        ({"error": {"message": "Oops", "code": "524"}}, "http_524"),
        ({"error": "Model is too busy"}, "error_in_reply"),
        ({"error": {"message": "Unknown failure"}}, "error_in_reply"),
        ({"choices": [{"error": {"code": 502, "message": "Cut off"}, "message": {"content": ""}}]}, "http_502"),
    ],
)
def test_a_passing_error_in_an_http_200_is_tried_again_and_not_paid_for(body: object, reason: str) -> None:
    failure = failed(body, status=200)
    assert (failure.reason, failure.retry) == (reason, True)
    assert is_temporary(failure.reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": "No auth credentials found", "code": 401}}, "unauthorized"),
        ({"error": {"message": "Insufficient credits", "code": 402}}, "payment_required"),
        ({"error": {"message": "Bad", "code": 400}}, "http_400"),
        ({"error": {"message": "maximum context length is 10 tokens", "code": 400}}, "context_too_long"),
        ({"error": {"message": "Content Exists Risk"}}, "content_filter"),
    ],
)
def test_a_lasting_error_in_an_http_200_is_not_tried_again(body: object, reason: str) -> None:
    failure = failed(body, status=200)
    assert (failure.reason, failure.retry) == (reason, False)


def test_a_quota_that_is_used_up_is_no_rate_limit() -> None:
    failure = failed(
        openai("You exceeded your current quota, please check your plan.", code="insufficient_quota"), status=429
    )
    assert (failure.reason, failure.retry) == ("payment_required", False)


AZURE = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "param": "prompt",
    "code": "content_filter",
    "innererror": {"code": "ResponsibleAIPolicyViolation"},
}
ALIBABA = "<400> InternalError.Algo.DataInspectionFailed: Input text data may contain inappropriate content."
OPENROUTER = {
    "message": 'anthropic/claude requires moderation on OpenRouter. Your input was flagged for "violence".',
    "code": 403,
    "metadata": {"reasons": ["violence"], "flagged_input": "..."},
}
EXTRA = {"type": "extra_forbidden", "msg": "Extra inputs are not permitted"}
WRAPPED = {"message": "Provider returned error", "metadata": {"raw": '{"error": {"message": "Content Exists Risk"}}'}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": AZURE}),
        (400, openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy.")),
        (400, openai("Your request was rejected as a result of our safety system.", code="content_policy_violation")),
        (400, openai("Content Exists Risk")),
        (400, openai("Input data may contain inappropriate content.", code="data_inspection_failed")),
        (400, openai(ALIBABA)),
        (400, openai("The request was rejected because it was considered high risk", kind="content_filter")),
        (400, {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}),
        (400, {"error": {"code": 400, "message": "The prompt was blocked due to PROHIBITED_CONTENT"}}),
        (400, {"error": WRAPPED}),
        (403, {"error": OPENROUTER}),
        (422, {"object": "error", "message": "Request violates the content policy of this provider."}),
    ],
)
def test_a_prompt_that_a_service_will_not_answer_is_told_by_its_words(status: int, body: object) -> None:
    failure = failed(body, status=status)
    assert (failure.reason, failure.retry) == ("content_filter", False)


def test_an_account_that_is_suspended_is_no_fault_of_a_prompt() -> None:
    body = openai("Your account was flagged for violating our policies.")
    assert failed(body, status=403).reason == "forbidden"


@pytest.mark.parametrize(
    "message",
    [
        "The input token count (317740) exceeds the maximum number of tokens allowed (131072).",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
        "Please reduce the length of the messages or completion.",
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "Invalid request: Your request exceeded model token limit: 8192",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens",
        "Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 7000",
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        "This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens",
    ],
)
def test_a_conversation_that_does_not_fit_is_told_by_its_words(message: str) -> None:
    failure = failed(openai(message))
    assert (failure.reason, failure.retry) == ("context_too_long", False)


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        (
            openai(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
                code="unsupported_parameter",
                param="max_tokens",
            ),
            ("max_tokens", "max_completion_tokens"),
        ),
        (
            openai(
                "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is "
                "supported.",
                param="temperature",
            ),
            ("temperature",),
        ),
        (openai("Unrecognized request argument supplied: seed"), ("seed",)),
        (openai("property 'seed' is unsupported"), ("seed",)),
        (
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
            ("seed",),
        ),
        (openai("max_tokens is too large: 99999. This model supports at most 4096 completion tokens."), ()),
        (openai("temperature must be between 0 and 1"), ()),
        (openai("Something is unsupported."), ()),
    ],
)
def test_the_parameters_that_a_service_does_not_take_are_read_from_its_words(
    body: object, parameters: tuple[str, ...]
) -> None:
    assert failed(body).parameters == parameters


@pytest.mark.parametrize(
    "message",
    [
        "System role not supported",
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        "Conversation roles must alternate user/assistant/user/assistant/...",
    ],
)
def test_a_model_that_takes_no_system_prompt_is_told_by_its_words(message: str) -> None:
    assert failed(openai(message)).reason == "system_role_refused"


def test_the_services_own_sentence_is_kept() -> None:
    assert failed(openai("You cannot do that.")).detail == "You cannot do that."
    assert failed({"error": WRAPPED}).detail == "Provider returned error: Content Exists Risk"
    assert failed("not json", status=500).detail == "not json"
    assert failed("", status=500).detail is None
    assert failed(openai("Down."), status=200).detail == "Down."


def test_a_sentence_is_one_line_of_at_most_300_characters_without_secrets_and_control_characters() -> None:
    assert one_line("Key\x1b[31m  my-own-key\nis wrong", secrets=("my-own-key",)) == "Key [31m *** is wrong"
    assert one_line("Authorization: Bearer abc.def-ghi is wrong") == "Authorization: *** is wrong"
    assert one_line("Incorrect API key provided: sk-proj-abcdefgh12345678.") == "Incorrect API key provided: ***."
    assert one_line("hf_abcdefghijklmnop has no rights") == "*** has no rights"
    assert one_line("at https://ann:pass@host/v1") == "at https:***host/v1"
    assert one_line("x" * 400) == "x" * 297 + "..."
    assert one_line("x" * 300) == "x" * 300
