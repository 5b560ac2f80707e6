"""What a config says about generators and judges. Nothing here imports distilabel."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

ROUTER_URL = "https://router.huggingface.co/v1"
"""Inference Providers behind one OpenAI-compatible address (huggingface.co/docs/inference-providers)."""

HUGGING_FACE_DOMAINS = ("huggingface.co", "hf.co", "huggingface.cloud")

Aspect = Literal["overall-rating", "helpfulness", "honesty", "instruction-following", "truthfulness"]


class Endpoint(BaseModel):
    """Where a model answers: Inference Providers (model_id alone), a dedicated endpoint by name, or any base_url."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_id: Annotated[str, Field(min_length=1)]
    base_url: str | None = None
    endpoint_name: str | None = None
    api_key_env: str | None = None
    max_concurrency: PositiveInt = 16
    timeout: Annotated[float, Field(gt=0)] = 120.0

    @field_validator("base_url")
    @classmethod
    def _http_without_secrets(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not is_address(url):
            raise ValueError("must be an http or https address")
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query:
            raise ValueError("must not carry a user, a password or a query; name the key's variable in api_key_env")
        return _with_version(url)

    @model_validator(mode="after")
    def _one_place(self) -> Endpoint:
        if self.base_url is not None and self.endpoint_name is not None:
            raise ValueError("has both base_url and endpoint_name; keep one")
        return self


class Generator(Endpoint):
    """One `[[generators]]` entry: a model with its sampling options; `name` tells two settings of one model apart."""

    name: str = ""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    max_new_tokens: PositiveInt = 512
    system_prompt: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_is_model_id(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("name"):
            return {**values, "name": values.get("model_id", "")}
        return values


class UltraFeedbackJudge(Endpoint):
    """`[judge] type = "ultrafeedback"`: a model that rates every answer from 1 to 5 (arXiv 2310.01377)."""

    type: Literal["ultrafeedback"] = "ultrafeedback"
    aspect: Aspect = "overall-rating"
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_new_tokens: PositiveInt = 1024


def is_address(url: str) -> bool:
    """Whether `url` is an http or https address of a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _with_version(url: str) -> str:
    """The address that ends in /v1 (or /v2, ...), as OpenAI's clients take it: endpoints are often pasted without."""
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
