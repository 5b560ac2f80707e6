"""Real local stand-ins for the Hub, Argilla and inference endpoints, and the stack that runs them."""

from curation.local.stack import ServerStatus, Stack

__all__ = ["ServerStatus", "Stack"]
