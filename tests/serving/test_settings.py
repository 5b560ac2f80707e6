"""Who may look is said by name, or the server does not start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.errors import ConfigError
from curation.serving.settings import Serving, serving_from

TOKEN = {"CURATION_SERVE_TOKEN": "a-token-of-more-than-twenty-characters"}
APPLICATION = {"OPENID_PROVIDER_URL": "https://hf.co/", "OAUTH_CLIENT_ID": "id", "OAUTH_CLIENT_SECRET": "hush"}


def settings(environment: dict[str, str], **options: Any) -> Serving:
    return serving_from(Path("demo.toml"), environment=environment, local_url="http://127.0.0.1:7860", **options)


@pytest.mark.parametrize(
    ("environment", "options", "sentence"),
    [
        ({}, {}, "neither a token nor a sign-in"),
        ({"CURATION_SERVE_TOKEN": "short"}, {}, "could be guessed"),
        (TOKEN, {"orgs": ["acme"]}, "needs OPENID_PROVIDER_URL"),
        (APPLICATION | TOKEN, {}, "nobody is named who may look"),
        (TOKEN | {"CURATION_WEBHOOK_SECRET": "whsec_"}, {}, "not base64"),
        (TOKEN, {"public_url": "ftp://x"}, "must be an http or https address"),
        (TOKEN, {"public_url": "https://x/?token=1"}, "must be an http or https address"),
    ],
)
def test_settings_that_would_let_in_everybody_or_nobody_are_refused(
    environment: dict[str, str], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        settings(environment, **options)


def test_a_space_knows_its_address_and_its_application() -> None:
    serving = settings(
        APPLICATION | {"SPACE_HOST": "acme-sync.hf.space", "CURATION_SERVE_USERS": "Ann boss"},
        orgs=["Acme"],
        admins=["Boss"],
    )
    assert (serving.public_url, serving.secure, serving.token) == ("https://acme-sync.hf.space", True, None)
    assert serving.sign_in is not None
    assert (serving.sign_in.provider, serving.sign_in.orgs) == ("https://hf.co", frozenset({"acme"}))
    # An admin may look too.
    assert (serving.sign_in.users, serving.sign_in.admins) == (frozenset({"ann", "boss"}), frozenset({"boss"}))
    assert "hush" not in repr(serving)
    assert serving.reachable_from("https://acme-review.hf.space")


def test_argilla_elsewhere_cannot_reach_a_server_on_this_machine() -> None:
    serving = settings(TOKEN)
    assert serving.reachable_from("http://127.0.0.1:6900")
    assert not serving.reachable_from("https://acme-review.hf.space")
    assert not serving.reachable_from(None)
    assert TOKEN["CURATION_SERVE_TOKEN"] not in repr(serving)
