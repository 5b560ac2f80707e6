"""The accounts of the local Hub, one for each token. They are kept in a JSON file that only its owner can read."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from curation.errors import AuthError

PRIVATE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Account:
    """A user, the organisations they belong to, and what their token may do."""

    name: str
    orgs: tuple[str, ...] = ()
    role: Literal["read", "write"] = "write"

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces whose private repositories this account sees, and where a write token may write."""
        return frozenset((self.name, *self.orgs))


def read_accounts(path: Path) -> dict[str, Account]:
    """Read `{token: account}`; raise AuthError if other users of this machine could read the tokens."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise AuthError(f"Others can read the tokens in {path}.", remedy=f"Run: chmod 600 {path}")
    accounts = {}
    for token, user in json.loads(path.read_text(encoding="utf-8")).items():
        role: Literal["read", "write"] = "read" if user.get("role") == "read" else "write"
        accounts[token] = Account(name=user["name"], orgs=tuple(user.get("orgs", ())), role=role)
    return accounts


def write_accounts(path: Path, accounts: Mapping[str, Account]) -> None:
    """Replace the file in one step. Other users cannot read it at any moment."""
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({token: asdict(account) for token, account in accounts.items()}, file, indent=1)
    draft.replace(path)
