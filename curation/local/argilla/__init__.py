"""A real Argilla server with its web page, from pip alone, as a child process in its own virtual environment."""

from curation.local.argilla.credentials import Credentials
from curation.local.argilla.environment import server_python
from curation.local.argilla.process import ArgillaServer

__all__ = ["ArgillaServer", "Credentials", "server_python"]
