"""The Hub's refusals: huggingface_hub picks its exception from the status and the X-Error-Code header."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def refusal(
    status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
) -> HTTPException:
    """Return the answer `status`, to be raised, with the message in its body and, as ASCII, in a header."""
    # A header is one line of ASCII without spaces around it; names of files and branches may be anything.
    one_line = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in message)
    known = {"X-Error-Message": one_line.strip(), **(headers or {})}
    if code is not None:
        known["X-Error-Code"] = code
    return HTTPException(status, message.encode(errors="replace").decode(), known)


def answer_refusal(request: Request, error: Exception) -> Response:
    """Turn the exception of `refusal` (or of the router) into the JSON answer clients expect."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


def answer_unencodable(request: Request, error: Exception) -> Response:
    """Answer a request whose text is no Unicode (half a surrogate pair), which nothing here could store."""
    return JSONResponse({"error": "The request holds text that is not Unicode."}, status_code=400)
