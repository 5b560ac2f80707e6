"""Reads keys and addresses from environment variables. Its error messages do not repeat what may be secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from curation.errors import ConfigError

TOKEN = re.compile(r"(?<![A-Za-z0-9])(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,})")
"""Matches tokens of the Hub and the keys of most services."""

SECRET_NAMES = re.compile(r"(KEY|TOKEN|PASSWORD|SECRET)$")
"""Matches the names of variables whose values are secret."""
SHORTEST_SECRET = 8
"""A shorter value may stand in any text by chance."""


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text with "***" in place of every secret of the environment.

    A service may repeat the key that it was sent, as in "Invalid token: hf_..." or in an echo of our request.
    """
    for name, value in environment.items():
        if len(value) >= SHORTEST_SECRET and SECRET_NAMES.search(name):
            text = text.replace(value, "***")
    return text


def key_from(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key or token in the variable `name`, None if the variable is not set or empty.

    Raises ConfigError if the value holds a blank, a line break or another character that no key has. A service would
    refuse such a key, and HTTP clients would show it in their errors.
    """
    key = environment.get(name)
    if not key:
        return None
    if not is_key(key):
        raise ConfigError(
            f"{name} holds a blank, a line break or another character that no key has.",
            remedy=f"Set {name} again, to nothing but the key.",
        )
    return key


def is_key(key: str) -> bool:
    """Whether all characters are ones that keys have: printable ASCII without blanks."""
    return re.fullmatch(r"[!-~]+", key) is not None


def address_from(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the http or https address in the variable `name`, None if the variable is not set or empty.

    Raises ConfigError if the value is not an address, or holds a password, a token or a query.
    """
    url = environment.get(name)
    if not url:
        return None
    if carries_secret(url):
        raise ConfigError(
            f"{name} carries a user, a password, a token or a query.",
            remedy=f"Set {name} to the address alone; keys belong in variables of their own.",
        )
    if not is_address(url):
        raise ConfigError(f"{name} = {url[:80]!r}: must be an http or https address.")
    return url.rstrip("/")


def is_address(url: str) -> bool:
    """Whether `url` is an http or https address with a host."""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def carries_secret(text: str) -> bool:
    """Whether a text that should be an address or a name contains a user, a password, a query or a token."""
    return bool(TOKEN.search(text) or re.search(r"://[^/]*@|[^/@:]+:[^/@]+@|\?", text))
