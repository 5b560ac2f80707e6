"""The local Hub as a child process."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from curation.errors import AuthError
from curation.local.hub.accounts import Account, read_accounts, write_accounts
from curation.local.process import ServerProcess

ADMIN = "admin"


class HubServer(ServerProcess):
    """A local Hub. Its repositories are in `folder`/data and its tokens in `folder`/users.json.

    `users` maps tokens to accounts. Without it there is one user, "admin", with a random token that is kept in the
    folder. Clients use this Hub with HF_ENDPOINT=`url` and HF_TOKEN=`token`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        users: Mapping[str, Account] | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "users.json"
        if users is not None:
            write_accounts(path, users)
        elif not path.exists():
            write_accounts(path, {f"hf_{secrets.token_hex(17)}": Account(ADMIN)})
        self.accounts = read_accounts(path)

        def command(port: int) -> list[str]:
            module = [sys.executable, "-m", "curation.local.hub"]
            return [*module, "--data", str(folder / "data"), "--port", str(port), "--users", str(path)]

        super().__init__("Hub", folder=folder, command=command, health="/health", inherit=inherit)

    @property
    def token(self) -> str:
        """The first token that has the role write."""
        for token, account in self.accounts.items():
            if account.role == "write":
                return token
        raise AuthError("The local Hub has no token that may write.", remedy="Give a user the role write.")

    def stats(self) -> dict[str, int]:
        """Return the counts since the start: {"requests": 12, "bytes_received": 3400}."""
        counts: dict[str, int] = httpx2.get(f"{self.url}/stats", trust_env=False).raise_for_status().json()
        return counts

    def fail(
        self,
        match: str,
        *,
        status: int = 503,
        count: int = 1,
        after: bool = False,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """Fail the next `count` requests whose path matches the regular expression `match`.

        They are answered with `status`, `headers` and the JSON `body`; status 0 breaks off the connection instead. With
        `after` the request is carried out first, so that only its answer is lost.
        """
        fault: dict[str, Any] = {"match": match, "status": status, "count": count, "after": after}
        fault |= {"headers": dict(headers or {}), "body": dict(body or {})}
        httpx2.post(f"{self.url}/faults", json=fault, trust_env=False).raise_for_status()

    def serve_space(self, repo_id: str, url: str, *, stage: str = "RUNNING") -> None:
        """Say at which address a Space answers, and its stage: it runs elsewhere on this machine, not in this Hub."""
        body = {"space": repo_id, "url": url, "stage": stage}
        httpx2.post(f"{self.url}/hosts", json=body, trust_env=False).raise_for_status()

    def bucket_folder(self, bucket_id: str) -> Path:
        """Return the folder with the files of a bucket, which a test mounts by writing into it."""
        return self.folder / "data" / "buckets" / bucket_id

    def clear_faults(self) -> None:
        """Remove all faults, so that requests succeed again."""
        httpx2.delete(f"{self.url}/faults", trust_env=False).raise_for_status()
