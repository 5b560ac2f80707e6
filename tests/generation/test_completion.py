"""Replies whose facts are malformed: the answer was paid for and is kept, what cannot be read is unknown."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from curation.generation.endpoints import RequestFailed, read_completion


def reply(**more: Any) -> httpx2.Response:
    choice = {"message": {"content": "An answer."}, "finish_reason": more.pop("finish_reason", "stop")}
    return httpx2.Response(200, json={"choices": [choice], **more})


@pytest.mark.parametrize("usage", [None, [], "many", 7, {"prompt_tokens": "12", "completion_tokens": -1}, {"x": 1}])
def test_malformed_usage_is_unknown_and_costs_no_answer(usage: object) -> None:
    read = read_completion(reply(usage=usage))
    assert (read["generation"], read["input_tokens"], read["output_tokens"]) == ("An answer.", None, None)


def test_a_malformed_finish_reason_is_unknown() -> None:
    assert read_completion(reply(finish_reason=["stop"]))["finish_reason"] is None


@pytest.mark.parametrize(("header", "after"), [("3", 3.0), ("nan", None), ("inf", None), ("-1", None), ("soon", None)])
def test_retry_after_is_a_number_of_seconds_or_nothing(header: str, after: float | None) -> None:
    with pytest.raises(RequestFailed) as failed:
        read_completion(httpx2.Response(429, headers={"Retry-After": header}))
    assert failed.value.after == after
