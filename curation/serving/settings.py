"""What a server needs to know besides the config: where it listens, who may look, and when it refreshes."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from curation.environment import address_from, carries_secret, is_address, key_from
from curation.errors import ConfigError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHORTEST_TOKEN = 20
"""A token has at least so many characters, so that nobody guesses it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When the server refreshes, in seconds.

    A refresh begins when no webhook came for `quiet` seconds, at the latest `longest` seconds after the first one, and
    every `every` seconds without any. It is stopped after `limit` seconds. After a temporary failure the next one
    begins after `again` seconds.
    """

    quiet: float = 10.0
    longest: float = 120.0
    every: float = 900.0
    limit: float = 3600.0
    again: float = 60.0


@dataclass(frozen=True, slots=True)
class SignIn:
    """The OAuth application of a Space, and which accounts of the Hub may look: these users, and members of these orgs.

    `admins` are users who see the names of reviewers instead of pseudonyms.
    """

    provider: str
    client_id: str
    client_secret: str = field(repr=False)
    users: frozenset[str] = frozenset()
    orgs: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Serving:
    """All settings of a server. `public_url` is where browsers and Argilla reach it, without a slash at the end."""

    config: Path
    public_url: str
    token: str | None = field(default=None, repr=False)
    sign_in: SignIn | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    timing: Timing = Timing()

    def __post_init__(self) -> None:
        if self.token is None and self.sign_in is None:
            raise ConfigError(
                "Nobody could look at the page: there is neither a token nor a sign-in.",
                remedy="Set CURATION_SERVE_TOKEN, for example to the output of `openssl rand -hex 20`.",
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise ConfigError(
                f"CURATION_SERVE_TOKEN is shorter than {SHORTEST_TOKEN} characters, so it could be guessed.",
                remedy="Set it to the output of `openssl rand -hex 20`.",
            )
        if self.webhook_secret is not None:
            try:
                Webhook(self.webhook_secret)
            except (binascii.Error, EmptyWebhookSecretError):
                raise ConfigError(
                    "CURATION_WEBHOOK_SECRET is not the secret of a webhook: it is not base64.",
                    remedy="Copy it from Argilla, or leave it out: the server then registers its webhook itself.",
                ) from None

    @property
    def secure(self) -> bool:
        """Whether browsers reach the server by https, so that cookies are sent by https alone."""
        return self.public_url.startswith("https://")

    def reachable_from(self, argilla_url: str | None) -> bool:
        """Whether Argilla at this address can reach the server: both are on this machine, or the server is not."""
        if urlsplit(self.public_url).hostname not in LOOPBACK:
            return True
        return argilla_url is not None and urlsplit(argilla_url).hostname in LOOPBACK


def serving_from(
    config: Path,
    *,
    environment: Mapping[str, str],
    local_url: str,
    public_url: str | None = None,
    users: Iterable[str] = (),
    orgs: Iterable[str] = (),
    admins: Iterable[str] = (),
    timing: Timing = Timing(),
) -> Serving:
    """Return the settings of a server that listens at `local_url`; secrets come from the environment, names from both.

    A Space says its own address (SPACE_HOST), and has an OAuth application if its card says `hf_oauth: true`. Raises
    ConfigError if nobody could look at the page, or if the sign-in would let in everybody.
    """
    host = environment.get("SPACE_HOST")
    public = public_url or (f"https://{host}" if host else local_url)
    if not is_address(public) or carries_secret(public):
        raise ConfigError(f"--public-url = {public[:80]!r}: must be an http or https address without a query.")
    return Serving(
        config=config,
        public_url=public.rstrip("/"),
        token=key_from("CURATION_SERVE_TOKEN", environment),
        sign_in=_sign_in(
            environment,
            users=_folded([*users, *environment.get("CURATION_SERVE_USERS", "").split()]),
            orgs=_folded([*orgs, *environment.get("CURATION_SERVE_ORGS", "").split()]),
            admins=_folded([*admins, *environment.get("CURATION_SERVE_ADMINS", "").split()]),
        ),
        webhook_secret=key_from("CURATION_WEBHOOK_SECRET", environment),
        timing=timing,
    )


def _sign_in(
    environment: Mapping[str, str], *, users: frozenset[str], orgs: frozenset[str], admins: frozenset[str]
) -> SignIn | None:
    """Return the sign-in, None if there is no OAuth application and nobody is named."""
    provider = address_from("OPENID_PROVIDER_URL", environment)
    client_id, client_secret = key_from("OAUTH_CLIENT_ID", environment), key_from("OAUTH_CLIENT_SECRET", environment)
    named = users | orgs | admins
    if provider and client_id and client_secret:
        if not named:
            raise ConfigError(
                "There is a sign-in with Hugging Face, but nobody is named who may look.",
                remedy="Add --org or --user, or set CURATION_SERVE_ORGS or CURATION_SERVE_USERS.",
            )
        return SignIn(provider, client_id, client_secret, users=users | admins, orgs=orgs, admins=admins)
    if named:
        raise ConfigError(
            "Users and organisations sign in with Hugging Face, which needs OPENID_PROVIDER_URL, OAUTH_CLIENT_ID and "
            "OAUTH_CLIENT_SECRET.",
            remedy="A Space has them if its README.md says `hf_oauth: true`; elsewhere use CURATION_SERVE_TOKEN alone.",
        )
    return None


def _folded(names: Iterable[str]) -> frozenset[str]:
    """Return names as they are compared: the Hub does not tell capital letters from small ones."""
    return frozenset(name.casefold() for name in names)
