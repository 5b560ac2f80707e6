"""Runs a batch file on a server of your own: it sends the requests of a file and writes their results to another.

Files and errors have the format of OpenAI's Batch API, as in vLLM's `run_batch`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import httpx2

from curation.errors import DataError, TemporaryError

CHAT = "/v1/chat/completions"
AT_ONCE = 16
TIMEOUT_SECONDS = 600.0


class BatchRun(NamedTuple):
    """How many requests of a file were answered, and how many were refused."""

    answered: int
    refused: int


def run_batch(requests: Path, results: Path, *, base_url: str, api_key: str | None = None) -> BatchRun:
    """Send each request of a file to the server at `base_url`, and write one result for each.

    `results` gets its name when all of it is written. Raises DataError if a line is no request, before any is sent;
    TemporaryError if the server does not answer.
    """
    lines = list(_requests(requests))
    part = results.with_name(f".{results.name}.part")
    results.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            statuses = asyncio.run(_send_all(lines, file, base_url=base_url, api_key=api_key))
        part.replace(results)
    finally:
        part.unlink(missing_ok=True)
    return BatchRun(answered=statuses.count(200), refused=len(statuses) - statuses.count(200))


async def _send_all(lines: list[dict[str, Any]], file: IO[str], *, base_url: str, api_key: str | None) -> list[int]:
    turns = asyncio.Semaphore(AT_ONCE)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    address = f"{base_url.rstrip('/').removesuffix('/v1')}{CHAT}"
    async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, headers=headers, trust_env=False) as client:

        async def send(line: dict[str, Any]) -> int:
            async with turns:
                try:
                    answer = await client.post(address, json=line["body"])
                except httpx2.HTTPError as error:
                    raise TemporaryError(
                        f"The server at {base_url} does not answer ({type(error).__name__}).",
                        remedy="Start it, or correct --base-url, and run the command again.",
                    ) from error
            file.write(json.dumps(_result(line, answer), ensure_ascii=False) + "\n")
            return answer.status_code

        return list(await asyncio.gather(*map(send, lines)))


def _result(line: dict[str, Any], answer: httpx2.Response) -> dict[str, Any]:
    try:
        body: Any = answer.json()
    except ValueError:
        body = {"error": {"message": answer.text}}
    response = {"status_code": answer.status_code, "request_id": f"request-{line['custom_id']}", "body": body}
    return {
        "id": f"batch-{line['custom_id']}",
        "custom_id": line["custom_id"],
        "response": response,
        "error": None,
    }


def _requests(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the requests in a file. Raises DataError with the number of a line that is no request or repeats one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.", remedy="Name a file of requests.") from error
    known: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            key, url, _ = entry["custom_id"], entry.get("url", CHAT), entry["body"]["model"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"Line {number} of {path} is no request of a batch file.") from error
        if url != CHAT:
            raise DataError(f"Line {number} of {path} is for {url!r}; only {CHAT} can be run.")
        if key in known:
            raise DataError(f"Line {number} of {path} has the custom_id {key!r} of an earlier line.")
        known.add(key)
        yield entry
