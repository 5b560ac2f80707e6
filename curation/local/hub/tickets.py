"""Signed tickets that expire after an hour. They are in Xet access tokens and upload addresses, which need no token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import asdict, dataclass

LIFETIME_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission for one repository, or for an object `sha256` of `size` bytes alone, until `expires` (Unix time)."""

    repo: int
    write: bool
    expires: int
    sha256: str | None = None
    size: int = 0


def new_ticket(repo: int, *, write: bool, sha256: str | None = None, size: int = 0) -> Ticket:
    """Return a ticket that expires in an hour."""
    return Ticket(repo=repo, write=write, expires=int(time.time()) + LIFETIME_SECONDS, sha256=sha256, size=size)


def sign(ticket: Ticket, secret: bytes) -> str:
    """Return the ticket as text, signed with `secret`: "<base64 of JSON>.<signature>"."""
    body = base64.urlsafe_b64encode(json.dumps(asdict(ticket)).encode()).decode()
    return f"{body}.{_signature(body, secret)}"


def read_ticket(text: str, secret: bytes) -> Ticket | None:
    """Return the ticket in `text`, or None if it was not signed with `secret` or has expired."""
    body, _, signature = text.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(body, secret).encode()):
        return None
    try:
        ticket = Ticket(**json.loads(base64.urlsafe_b64decode(body)))
    except (binascii.Error, ValueError, TypeError):
        return None
    return ticket if ticket.expires > time.time() else None


def _signature(body: str, secret: bytes) -> str:
    return hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()
