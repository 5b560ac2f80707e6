"""The parameters that a service takes: what the config says of them, and what the service itself says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SUCCESSORS = {"max_tokens": "max_completion_tokens"}
"""Parameters that have another name now, by their old one. They are never left out: they bound what a reply costs."""

DISPENSABLE = frozenset({"temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "stream"})
"""Parameters without which a request still asks the same."""


class Parameters:
    """The names under which a service takes our parameters; False is one that is left out.

    The names are part of no request's key: a reply stays the reply to the same request, whatever its parameters are
    called. A service's own words hold for the model until the run ends.
    """

    def __init__(self, names: Mapping[Any, str | bool]) -> None:
        self._names: dict[str, str | bool] = dict(names)

    def applied(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body as the service takes it."""
        if not self._names:
            return dict(body)
        return {str(name): value for key, value in body.items() if (name := self._names.get(key, key)) is not False}

    def learn(self, refused: Sequence[str], sent: Mapping[str, Any]) -> str | None:
        """Take up that the service refused parameters of a body that was sent; return what changed, in words.

        That is "" if another request has learned it since the body was sent, and None if nothing can be changed.
        """
        changes = []
        known = False
        for key in (*SUCCESSORS, *DISPENSABLE):
            name = self._names.get(key, key)
            known = known or (key in refused and key in sent and name != key)
            if name is False or name not in refused or name not in sent:
                continue
            if key in DISPENSABLE:
                self._names[key] = False
                changes.append(f"{name}, which is left out")
            elif name == key:
                self._names[key] = SUCCESSORS[key]
                changes.append(f"{name}, which is sent as {SUCCESSORS[key]}")
        return " and ".join(changes) if changes or known else None
