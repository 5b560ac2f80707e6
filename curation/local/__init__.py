"""Local servers that speak the protocols of the Hub, Argilla and model endpoints, and the stack that runs all three."""

from curation.local.stack import ServerStatus, Stack

__all__ = ["ServerStatus", "Stack"]
