"""Where a model answers: the address, the key, the price and the pace of its requests."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    PositiveInt,
    field_validator,
    model_validator,
)

from curation.environment import carries_secret, is_address
from curation.section import ACCOUNT, PARAMETER, PROVIDER, Section

ROUTER_URL = "https://router.huggingface.co/v1"
"""Inference Providers behind one OpenAI-compatible address (huggingface.co/docs/inference-providers)."""

HUGGING_FACE_DOMAINS = ("huggingface.co", "hf.co", "huggingface.cloud")

Parameter = Literal["max_tokens", "temperature", "seed"]
"""Parameters of every request that some services know by another name or not at all."""
ParameterName = Annotated[str, Field(pattern=PARAMETER)]

NO_SECRETS = "must not carry a user, a password, a token or a query; name the key's variable in api_key_env"


class Endpoint(Section):
    """Where a model answers: Inference Providers (model_id alone), a dedicated endpoint by name, or any base_url.

    `price_in` and `price_out` are US dollars per million tokens; a price that is not given is unknown, never zero.
    `max_concurrency` is the most requests in flight; fewer are sent while the server pushes back. `send` gives a
    parameter of the request another name, or leaves it out: `{ max_tokens = "max_completion_tokens", seed = false }`.
    With `system_prompt_in_user` a system prompt stands at the beginning of the first user turn.
    """

    model_id: Annotated[str, Field(min_length=1)]
    """The model, as its server calls it."""
    provider: Annotated[str, Field(pattern=PROVIDER)] | None = None
    """Which of the Inference Providers is asked, such as "together". Not with `base_url` or `endpoint_name`."""
    bill_to: Annotated[str, Field(pattern=ACCOUNT)] | None = None
    """The user or organisation that pays for Inference Providers. Not with `base_url` or `endpoint_name`."""
    base_url: str | None = None
    """A server with OpenAI's chat protocol; `/v1` is added if the address has no version. It must not contain a key."""
    endpoint_name: Annotated[str, Field(min_length=1)] | None = None
    """A dedicated Inference Endpoint: its name, or owner/name. Not with `base_url`."""
    api_key_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds the key. A variable that is not set is an error."""
    max_concurrency: PositiveInt = 16
    """The largest number of requests of this entry in flight."""
    max_attempts: PositiveInt = 10
    """How often a request is sent at most, if it fails for a reason that may pass."""
    timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds for one attempt."""
    send: dict[Parameter, ParameterName | Literal[False]] = Field(default_factory=dict)
    """How `"max_tokens"`, `"temperature"` and `"seed"` are sent: another name, or `false` to leave it out."""
    system_prompt_in_user: bool = False
    """`true`: the system prompt is put at the beginning of the first user message, for models that accept none."""
    price_in: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """The price of a million input tokens in US dollars."""
    price_out: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """The price of a million output tokens in US dollars."""
    batch_price_factor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    """What a reply through a batch costs, as a share of these prices (with `engine = "batch"`)."""

    @field_validator("model_id")
    @classmethod
    def _name_without_secrets(cls, model_id: str) -> str:
        if carries_secret(model_id):
            raise ValueError(NO_SECRETS)
        return model_id

    @field_validator("base_url")
    @classmethod
    def _http_without_secrets(cls, url: str | None) -> str | None:
        return None if url is None else endpoint_address(url)

    @model_validator(mode="after")
    def _one_place(self) -> Endpoint:
        if self.base_url is not None and self.endpoint_name is not None:
            raise ValueError("has both base_url and endpoint_name; keep one")
        elsewhere = "base_url" if self.base_url is not None else "endpoint_name"
        for option in ("provider", "bill_to"):
            if getattr(self, option) is not None and (self.base_url or self.endpoint_name) is not None:
                raise ValueError(f"has {elsewhere} and {option}, which only Inference Providers take; keep one")
        return self

    @property
    def requests(self) -> int:
        """How many requests one prompt takes."""
        return 1

    def cost(self, input_tokens: int | None, output_tokens: int | None, *, batch: bool = False) -> float | None:
        """Return what this many tokens cost in US dollars, through a batch or not.

        Null if a price or a count is unknown.
        """
        if self.price_in is None or self.price_out is None or input_tokens is None or output_tokens is None:
            return None
        factor = self.batch_price_factor if batch else 1.0
        return factor * (input_tokens * self.price_in + output_tokens * self.price_out) / 1e6


def endpoint_address(url: str) -> str:
    """Return the address of an endpoint with /v1 (or /v2, ...) at its end, as OpenAI's clients take it.

    Raises ValueError, which does not repeat the address, if it is none or carries a secret.
    """
    if not is_address(url):
        raise ValueError("must be an http or https address")
    parts = urlsplit(url)
    if carries_secret(url) or parts.fragment:
        raise ValueError(NO_SECRETS)
    url = url.rstrip("/").removesuffix("/chat/completions")
    return url if re.search(r"/v\d+$", url) else f"{url}/v1"


def is_hugging_face(url: str, hub_endpoint: str) -> bool:
    """Whether `url` is Hugging Face's (https) or has the very origin of `hub_endpoint`: only there HF_TOKEN may go."""
    parts, hub = urlsplit(url), urlsplit(hub_endpoint)
    if (parts.scheme, parts.hostname, parts.port) == (hub.scheme, hub.hostname, hub.port):
        return True
    host = parts.hostname or ""
    # Clients disagree on where a host with other characters ends.
    if not re.fullmatch(r"[a-z0-9.-]+", host):
        return False
    return parts.scheme == "https" and any(host == d or host.endswith(f".{d}") for d in HUGGING_FACE_DOMAINS)
