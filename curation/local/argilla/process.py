"""A local Argilla: the real argilla-server with its web page, one child process, one folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from curation.local.argilla.credentials import Credentials, credentials_in
from curation.local.argilla.environment import server_python
from curation.local.process import ServerProcess


class ArgillaServer(ServerProcess):
    """The real argilla-server, its data and its owner's credentials in `folder`; both survive a restart.

    The first start on a machine installs argilla-server in the user's cache. `workspace` is created if it is missing.
    """

    def __init__(self, folder: Path, *, workspace: str = "argilla", inherit: Sequence[int] = ()) -> None:
        super().__init__(
            "Argilla",
            folder=folder,
            command=self._arguments,
            health="/api/v1/status",
            # The child can import the package `server` beside this file and what is in the review Space's folder, and
            # nothing else of ours.
            # An empty PYTHONDONTWRITEBYTECODE is none: uv compiles nothing, and the second start takes half as long.
            env={
                "PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), str(_review_space()))),
                "PYTHONNOUSERSITE": "1",
                "PYTHONDONTWRITEBYTECODE": "",
            },
            startup_seconds=120.0,
            inherit=inherit,
        )
        self.workspace = workspace
        self._credentials_file = folder / "credentials.json"
        self._python = Path()

    def start(self) -> Self:
        """Start the server and wait until it answers. If argilla-server is not installed yet, install it first."""
        self._python = server_python()
        credentials_in(self._credentials_file)
        return super().start()

    @property
    def credentials(self) -> Credentials:
        """The owner's username, password and API key."""
        return credentials_in(self._credentials_file)

    @property
    def username(self) -> str:
        """The owner's name in the login form."""
        return self.credentials.username

    @property
    def password(self) -> str:
        """The owner's password in the login form."""
        return self.credentials.password

    @property
    def api_key(self) -> str:
        """The owner's API key, as `argilla.Argilla(api_key=...)` takes it."""
        return self.credentials.api_key

    def _arguments(self, port: int) -> list[str]:
        # Secrets are passed as the name of a file, because other users can list arguments and environment variables.
        arguments = {
            "--data": self.folder,
            "--port": port,
            "--users-file": self._credentials_file,
            "--workspace": self.workspace,
        }
        pairs = [str(part) for pair in arguments.items() for part in pair]
        # -P: without it a folder named `server` in the working directory would be run instead.
        return [str(self._python), "-P", "-m", "server", *pairs]


def _review_space() -> Path:
    """Return the folder spaces/argilla, which comes with the package."""
    package = Path(__file__).parents[2]
    inside = package / "spaces"
    return (inside if inside.is_dir() else package.parent / "spaces") / "argilla"
