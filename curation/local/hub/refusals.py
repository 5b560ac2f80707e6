"""Error answers of the Hub. huggingface_hub chooses its exception by the status and the X-Error-Code header."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def refusal(
    status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
) -> HTTPException:
    """Return an exception to raise. It answers `status` with the message in its body and, as ASCII, in a header."""
    # A header must be one line of ASCII, but the message may contain any file name.
    one_line = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in message)
    all_headers = {"X-Error-Message": one_line.strip(), **(headers or {})}
    if code is not None:
        all_headers["X-Error-Code"] = code
    return HTTPException(status, message.encode(errors="replace").decode(), all_headers)


def answer_refusal(request: Request, error: Exception) -> Response:
    """Turn the exception of `refusal` (or of the router) into the JSON answer clients expect."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


def answer_unencodable(request: Request, error: Exception) -> Response:
    """Refuse a request whose text is not valid Unicode (half of a surrogate pair), because it cannot be stored."""
    return JSONResponse({"error": "The request holds text that is not Unicode."}, status_code=400)
