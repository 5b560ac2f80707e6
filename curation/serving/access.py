"""Who may see the page: programs and people with the token, and the accounts of the Hub that are named.

Sessions are in memory. After a restart people sign in again, which takes one click with Hugging Face.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from curation.serving.settings import Serving

SESSION = "curation_session"
SESSION_SECONDS = 8 * 3600
MOST_SESSIONS = 1_000
"""The oldest session ends when there are more."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page; an admin sees the names of reviewers."""

    name: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class _Session:
    viewer: Viewer
    ends_at: float


class Access:
    """Knows who is signed in."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._sessions: dict[str, _Session] = {}

    def viewer(self, request: Request) -> Viewer | None:
        """Return who sends a request, None if they may not see the page."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(token.strip()):
            return Viewer("a program")
        session = self._sessions.get(request.cookies.get(SESSION, ""))
        return session.viewer if session is not None and session.ends_at > time.monotonic() else None

    def is_token(self, text: str) -> bool:
        """Whether a text is the token, compared in constant time."""
        token = self._serving.token
        return token is not None and secrets.compare_digest(text.encode(), token.encode())

    def admit(self, viewer: Viewer, response: Response) -> None:
        """Begin a session; the response tells the browser its key."""
        now = time.monotonic()
        self._sessions = {key: session for key, session in self._sessions.items() if session.ends_at > now}
        if len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        key = secrets.token_urlsafe(32)
        self._sessions[key] = _Session(viewer, now + SESSION_SECONDS)
        self.set_cookie(response, SESSION, key, seconds=SESSION_SECONDS)

    def dismiss(self, request: Request, response: Response) -> None:
        """End the session of a request."""
        self._sessions.pop(request.cookies.get(SESSION, ""), None)
        response.delete_cookie(SESSION)

    def set_cookie(self, response: Response, name: str, value: str, *, seconds: int) -> None:
        """Set a cookie that no script reads, and that no other site's page sends along with a form or a picture."""
        response.set_cookie(name, value, max_age=seconds, httponly=True, secure=self._serving.secure, samesite="lax")
