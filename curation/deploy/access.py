"""Who may sign in to a Space with Hugging Face, and the two files that say so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.config import Services
from curation.deploy.report import Wishes
from curation.errors import AuthError, ConfigError
from curation.hub import connect, hub_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True)
class Access:
    """Who may sign in: members of `orgs`, or the named `users`, or `anyone` with an account on the Hub."""

    orgs: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    anyone: bool = False

    @property
    def sentence(self) -> str:
        """Who may sign in, as a sentence."""
        if self.anyone:
            return "Anyone with a Hugging Face account may sign in and answer."
        who = f"members of {', '.join(self.orgs)}" if self.orgs else ", ".join(self.users)
        return f"Only {who} may sign in."


@dataclass(frozen=True, slots=True)
class Account:
    """The account whose token is used: a client of the Hub, its name and its organisations."""

    api: HfApi
    name: str
    orgs: tuple[str, ...]


def asking_account(services: Services) -> Account:
    """Return the account that HF_TOKEN belongs to. Raises AuthError without a token; else as in `hub.hub_errors`."""
    if services.hub_token is None:
        raise AuthError("HF_TOKEN is not set.", remedy="Set it to a write token of the account that gets the Space.")
    api = connect(services.hub_endpoint, services.hub_token)
    with hub_errors(api, "your account"):
        me = api.whoami()
        return Account(api, str(me["name"]), tuple(str(org["name"]) for org in me.get("orgs", [])))


def access_of(wishes: Wishes, repo_id: str, account: Account) -> Access:
    """Return who may sign in. If nobody is named, it is the organisation that owns the Space, or else only the account.

    Raises ConfigError if more than one of the three is given.
    """
    orgs, users, anyone = tuple(dict.fromkeys(wishes.orgs)), tuple(dict.fromkeys(wishes.users)), wishes.anyone
    if sum(map(bool, (orgs, users, anyone))) > 1:
        raise ConfigError(
            "--org, --user and --anyone exclude each other.",
            remedy="Name organisations, or users, or let in everybody.",
        )
    if orgs or users or anyone:
        return Access(orgs, users, anyone)
    owner = repo_id.partition("/")[0]
    return Access(orgs=(owner,)) if owner in account.orgs else Access(users=(account.name,))


def oauth_file(access: Access, workspace: str) -> bytes:
    """Return Argilla's `.oauth.yaml`: whether one can sign in, and which workspace newcomers join.

    If users are named, their accounts are created. Anybody else who signs in gets an account without a workspace, and
    sees nothing.
    """
    lines = ["# Written by `curation deploy argilla`. " + access.sentence, "providers:", "  - name: huggingface"]
    if not access.users:
        lines += ["allowed_workspaces:", f"  - name: {json.dumps(workspace)}"]
    return ("\n".join(lines) + "\n").encode()


def card_with_access(card: bytes, access: Access) -> bytes:
    """Return a Space's README.md whose header lets the Hub sign in members of the organisations alone.

    The key is `hf_oauth_authorized_org` (https://huggingface.co/docs/hub/spaces-oauth): the Hub turns others away.
    """
    text = card.decode()
    if not access.orgs:
        return card
    head, mark, rest = text.partition("hf_oauth: true\n")
    if not mark:
        raise ConfigError("The header of the Space's README.md does not say `hf_oauth: true`.")
    orgs = "".join(f"  - {json.dumps(org)}\n" for org in access.orgs)
    return f"{head}{mark}hf_oauth_authorized_org:\n{orgs}{rest}".encode()
