"""A real Argilla server with its web page, as a child process. pip installs it into an environment of its own."""

from curation.local.argilla.credentials import Credentials
from curation.local.argilla.environment import server_python
from curation.local.argilla.process import ArgillaServer

__all__ = ["ArgillaServer", "Credentials", "server_python"]
