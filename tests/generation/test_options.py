"""What a config says of models: names, addresses, prices, and where HF_TOKEN may go."""

from __future__ import annotations

from typing import Any

import pytest

from curation.environment import is_address
from curation.errors import ConfigError
from curation.generation import Generator
from curation.generation.endpoint_options import is_hugging_face

HUB = "https://huggingface.co"
LOCAL_HUB = "http://127.0.0.1:9001"


def test_a_generator_is_named_after_its_model_unless_it_has_a_name() -> None:
    assert Generator(model_id="acme/small").name == "acme/small"
    assert Generator(model_id="acme/small", name="").name == "acme/small"
    assert Generator(model_id="acme/small", name="cool").name == "cool"


def test_a_slash_at_the_end_of_an_address_is_dropped() -> None:
    assert Generator(model_id="m", base_url="http://127.0.0.1:9000/v1/").base_url == "http://127.0.0.1:9000/v1"


@pytest.mark.parametrize("url", ["http://ann:sesame@x/v1", "http://sesame@x/v1", "http://x/v1?key=sesame"])
def test_an_address_with_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="must not carry a user, a password, a token or a query"):
        Generator(model_id="m", base_url=url)


def test_a_model_answers_at_one_place() -> None:
    with pytest.raises(ConfigError, match="has both base_url and endpoint_name; keep one"):
        Generator(model_id="m", base_url="http://127.0.0.1:9/v1", endpoint_name="acme/mine")


@pytest.mark.parametrize("elsewhere", [{"base_url": "http://127.0.0.1:9/v1"}, {"endpoint_name": "acme/mine"}])
@pytest.mark.parametrize("option", [{"provider": "groq"}, {"bill_to": "acme"}])
def test_a_provider_and_who_pays_it_are_of_inference_providers_only(
    option: dict[str, Any], elsewhere: dict[str, Any]
) -> None:
    assert Generator(model_id="m", **option)
    said = f"has {next(iter(elsewhere))} and {next(iter(option))}, which only Inference Providers take; keep one"
    with pytest.raises(ConfigError, match=said):
        Generator(model_id="m", **option, **elsewhere)


@pytest.mark.parametrize("provider", ["", "Groq", "groq:fast", "-groq", "groq/x", "groq\n"])
def test_a_provider_is_a_name(provider: str) -> None:
    with pytest.raises(ConfigError, match="provider"):
        Generator(model_id="m", provider=provider)


def test_a_cost_is_tokens_times_prices_per_million() -> None:
    priced = Generator(model_id="m", price_in=0.5, price_out=2.0)
    assert priced.cost(1_000_000, 500_000) == 1.5
    assert Generator(model_id="m", price_in=0.0, price_out=0.0).cost(10, 10) == 0.0


@pytest.mark.parametrize(
    ("prices", "tokens"),
    [
        ({}, (1, 1)),
        ({"price_in": 1.0}, (1, 1)),
        ({"price_out": 1.0}, (1, 1)),
        ({"price_in": 1.0, "price_out": 1.0}, (None, 1)),
        ({"price_in": 1.0, "price_out": 1.0}, (1, None)),
    ],
)
def test_what_is_not_known_costs_nobody_knows_what(
    prices: dict[str, Any], tokens: tuple[int | None, int | None]
) -> None:
    assert Generator(model_id="m", **prices).cost(*tokens) is None


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://127.0.0.1:9000/v1", True),
        ("https://[::1]:9000", True),
        ("HTTPS://Models.Example", True),
        ("127.0.0.1:9000", False),
        ("ftp://x", False),
        ("http://", False),
        ("http://x:99999", False),
        ("http://x:port", False),
        ("http://[x", False),
        ("", False),
    ],
)
def test_an_address_is_http_with_a_host(url: str, good: bool) -> None:
    assert is_address(url) is good


@pytest.mark.parametrize(
    ("url", "hub", "ours"),
    [
        ("https://router.huggingface.co/v1", HUB, True),
        ("https://huggingface.co", HUB, True),
        ("https://HuggingFace.co/v1", HUB, True),
        ("https://api-inference.hf.co/v1", HUB, True),
        ("https://x1.us-east-1.aws.endpoints.huggingface.cloud/v1", HUB, True),
        ("https://router.huggingface.co:8443/v1", HUB, True),
        ("http://huggingface.co", HUB, False),
        ("http://router.huggingface.co/v1", HUB, False),
        ("https://evilhuggingface.co", HUB, False),
        ("https://huggingface.co.evil.com", HUB, False),
        ("https://huggingface.com", HUB, False),
        ("https://huggingface.co@evil.com/v1", HUB, False),
        ("https://evil.com/huggingface.co", HUB, False),
        ("https://evil.com?huggingface.co", HUB, False),
        ("https://evil.com#.huggingface.co", HUB, False),
        ("https://evil.com\\.huggingface.co", HUB, False),
        ("https://evil.com%2f.huggingface.co", HUB, False),
        ("https://hf.co.evil.com", HUB, False),
        ("https://xhf.co", HUB, False),
        ("https://api.openai.com/v1", HUB, False),
        ("http://127.0.0.1:9000/v1", HUB, False),
        ("http://127.0.0.1:9001/v1", LOCAL_HUB, True),
        ("http://127.0.0.1:9002/v1", LOCAL_HUB, False),
        ("https://127.0.0.1:9001/v1", LOCAL_HUB, False),
        ("http://localhost:9001/v1", LOCAL_HUB, False),
        ("https://router.huggingface.co/v1", LOCAL_HUB, True),
        ("https://hub.acme.example/inference/v1", "https://hub.acme.example", True),
        ("https://models.acme.example/v1", "https://hub.acme.example", False),
    ],
)
def test_only_hugging_face_over_https_and_the_hubs_own_origin_are_ours(url: str, hub: str, ours: bool) -> None:
    assert is_hugging_face(url, hub) is ours


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("https://x.endpoints.huggingface.cloud", "https://x.endpoints.huggingface.cloud/v1"),
        ("http://127.0.0.1:9000/v1/", "http://127.0.0.1:9000/v1"),
        ("http://127.0.0.1:9000/v1/chat/completions", "http://127.0.0.1:9000/v1"),
        ("https://api.example/paas/v4", "https://api.example/paas/v4"),
    ],
)
def test_an_endpoint_pasted_without_its_version_is_understood(given: str, asked: str) -> None:
    assert Generator(model_id="m", base_url=given).base_url == asked
