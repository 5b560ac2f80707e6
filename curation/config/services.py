"""The services that a config works with. Their addresses and keys come from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
)

from curation.environment import address_from, carries_secret, is_key, key_from
from curation.hub import DEFAULT_ENDPOINT


class Services(BaseModel):
    """The addresses of the services and their keys, which come from the environment and never from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    hub_endpoint: str = DEFAULT_ENDPOINT
    hub_token: Annotated[str | None, Field(repr=False)] = None
    argilla_api_url: str | None = None
    argilla_api_key: Annotated[str | None, Field(repr=False)] = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Services:
        """Return the services that HF_ENDPOINT, HF_TOKEN, ARGILLA_API_URL and ARGILLA_API_KEY name."""
        return cls(
            hub_endpoint=address_from("HF_ENDPOINT", environment) or DEFAULT_ENDPOINT,
            hub_token=key_from("HF_TOKEN", environment),
            argilla_api_url=address_from("ARGILLA_API_URL", environment),
            argilla_api_key=key_from("ARGILLA_API_KEY", environment),
        )

    @field_validator("hub_token", "argilla_api_key")
    @classmethod
    def _is_a_key(cls, key: str | None) -> str | None:
        if key is not None and not is_key(key):
            raise ValueError("holds a blank, a line break or another character that no key has")
        return key

    @field_validator("hub_endpoint", "argilla_api_url")
    @classmethod
    def _carries_no_secret(cls, url: str | None) -> str | None:
        if url is not None and carries_secret(url):
            raise ValueError("carries a user, a password, a token or a query")
        return url
