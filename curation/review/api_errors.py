"""Our errors for what Argilla's API answers: each says what happened at which address, and what to do."""

from __future__ import annotations

import httpx

from curation.errors import AuthError, ServiceError, TemporaryError
from curation.review.refusal import refusal
from curation.review.transport import ADDRESS


def misshapen_answer(api_url: str, error: BaseException) -> ServiceError:
    """Return the error for an answer that cannot be parsed; `error` is what parsing it raised."""
    return TemporaryError(
        f"Argilla at {api_url} gave an answer of a shape that is not Argilla's "
        f"({refusal(str(error))}; {type(error).__name__}).",
        remedy=f"Run the command again later. {ADDRESS}",
    )


def refused_request(api_url: str, workspace: str, status: int | None, body: str) -> ServiceError:
    """Return the error for a request that Argilla refused, by the status (None: not known) and body of its answer.

    AuthError for 401 and 403, TemporaryError for 409, ServiceError for any other.
    """
    if status == httpx.codes.FORBIDDEN:
        return AuthError(
            f"Argilla at {api_url} does not let the account of ARGILLA_API_KEY do this in the workspace "
            f"{workspace!r} (403).",
            remedy="Set ARGILLA_API_KEY to the key of an owner, or of an admin who is a member of that workspace.",
        )
    if status == httpx.codes.UNAUTHORIZED:
        return AuthError(
            f"Argilla at {api_url} refused the key ({status}).",
            remedy="Set ARGILLA_API_KEY to an owner's or admin's key.",
        )
    if status == httpx.codes.CONFLICT:
        return TemporaryError(f"Argilla at {api_url} answered {status}.", remedy="Run the command again later.")
    did = f"answered {status}" if status is not None else "did not do it"
    return ServiceError(f"Argilla at {api_url} {did}: {refusal(body)}")
