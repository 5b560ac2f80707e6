"""The lines of batch files: a request in OpenAI's format, and what a service gave back for one.

The format is that of OpenAI's Batch API (platform.openai.com/docs/guides/batch), which Together, Groq, Mistral and
vLLM's `run_batch` read and write too. A request and its result, each on one line:

    {"custom_id": "5f0c...", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "small", ...}}
    {"custom_id": "5f0c...", "response": {"status_code": 200, "body": {"choices": [...]}}, "error": null}
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from curation.generation.completion import Completion, read_completion
from curation.generation.refusals import RequestFailed, one_line, read_error

URL = "/v1/chat/completions"
MOST_REQUESTS = 50_000
"""OpenAI, Together and Groq accept so many requests in a file."""
MOST_BYTES = 100_000_000
"""Together accepts files of 100 MB, OpenAI and Groq of 200 MB."""
LONGEST_LINE = 16_000_000
NO_RESULT = "no_result"


class Result(NamedTuple):
    """What came back for a request: a completion, or why there is none."""

    key: str
    outcome: Completion | RequestFailed


def request_line(key: str, body: dict[str, Any]) -> bytes:
    """Return the line of a request. A batch is never streamed, so `stream` is left out."""
    sent = {name: value for name, value in body.items() if name != "stream"}
    line = {"custom_id": key, "method": "POST", "url": URL, "body": sent}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def read_result(line: bytes) -> Result:
    """Return the result on a line. Raises ValueError, with what is wrong, if it is no line of a result file."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"is longer than {LONGEST_LINE // 1_000_000} MB")
    try:
        entry = orjson.loads(line)
    except ValueError:
        raise ValueError("is no JSON; the file may be cut off") from None
    key = entry.get("custom_id") if isinstance(entry, dict) else None
    if not isinstance(key, str):
        raise ValueError("has no custom_id")
    if entry.get("method") == "POST" and "response" not in entry:
        raise ValueError("is a request and no result")
    try:
        return Result(key, _completion(entry))
    except RequestFailed as failed:
        if failed.detail is not None:
            failed.detail = one_line(failed.detail)
        return Result(key, failed)


def _completion(entry: dict[str, Any]) -> Completion:
    response, error = entry.get("response"), entry.get("error")
    body = response.get("body") if isinstance(response, dict) else None
    if isinstance(response, dict) and "choices" in response:
        body = response
    if body is not None and isinstance(response, dict):
        status = response.get("status_code", 200)
        content = body.encode() if isinstance(body, str) else orjson.dumps(body)
        return read_completion(status if isinstance(status, int) else 200, {}, content, seconds=0.0)
    if error:
        raise read_error(error)
    raise RequestFailed(NO_RESULT, retry=True, detail="The line has neither a response nor an error")
