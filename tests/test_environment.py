"""Keys and addresses from the environment that cannot be ones, and secrets in places where none belong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from curation.config import Services
from curation.environment import address_from, key_from, without_secrets
from curation.errors import ConfigError
from curation.generation import Generator
from tests.configs import write_config

SECRET = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz01234567"
WRONG_KEYS = [f"{SECRET}\n", f"{SECRET}\r\n", f" {SECRET}", f"{SECRET} x", f"{SECRET}\t", f"{SECRET}é", f"{SECRET}\x7f"]
WRONG_ADDRESSES = [
    f"https://user:{SECRET}@example.org",
    f"https://{SECRET}@example.org",
    f"https://example.org/?token={SECRET}",
    f"https://example.org/{SECRET}/",
    f"user:{SECRET}@example.org",
    "https://user:pa55word@example.org",
]


@pytest.mark.parametrize("key", WRONG_KEYS)
@pytest.mark.parametrize("variable", ["HF_TOKEN", "ARGILLA_API_KEY"])
def test_a_key_with_characters_that_no_key_has_is_refused_and_not_repeated(variable: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable} holds a blank, a line break or another character") as caught:
        Services.from_environment({variable: key})
    assert "hf_" not in str(caught.value)


def test_a_key_stays_as_it_is() -> None:
    assert key_from("HF_TOKEN", {"HF_TOKEN": SECRET}) == SECRET
    assert key_from("HF_TOKEN", {"HF_TOKEN": ""}) is None


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "ARGILLA_API_URL"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(variable: str, address: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable} carries a user, a password, a token or a query") as caught:
        Services.from_environment({variable: address})
    assert SECRET not in str(caught.value)
    assert "pa55word" not in str(caught.value)


def test_an_address_stays_as_it_is() -> None:
    for address in ("https://huggingface.co", "http://127.0.0.1:6900", "https://acme-argilla.hf.space"):
        assert address_from("HF_ENDPOINT", {"HF_ENDPOINT": f"{address}/"}) == address


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://x", "https://", "https://exa mple.org", "https://x\n"])
def test_a_text_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="must be an http or https address"):
        address_from("HF_ENDPOINT", {"HF_ENDPOINT": address})


@pytest.mark.parametrize("wrong", [{"hub_token": WRONG_KEYS[0]}, {"argilla_api_url": WRONG_ADDRESSES[0]}])
def test_services_built_in_python_follow_the_same_rules(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Services.model_validate(wrong)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_a_model_does_not_carry_a_secret(address: str) -> None:
    for options in ({"model_id": address}, {"model_id": "m", "base_url": address}):
        with pytest.raises((ConfigError, ValidationError, ValueError)) as caught:
            Generator(**options)
        assert SECRET not in str(caught.value)
        assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize("model_id", ["meta-llama/Llama-3.1-8B-Instruct", "@cf/meta/llama-3", "llama3:8b", "hf_small"])
def test_the_names_of_models_are_names(model_id: str) -> None:
    assert Generator(model_id=model_id).model_id == model_id


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [{"HF_TOKEN": WRONG_KEYS[0]}, {"ARGILLA_API_URL": WRONG_ADDRESSES[0]}])
def test_debug_does_not_print_a_secret(wrong: dict[str, str], tmp_path: Path) -> None:
    config = str(write_config(tmp_path, "odd-places"))
    command = [sys.executable, "-m", "curation", "status", config, "--debug"]
    environment = {"PATH": "", "PYTHONPATH": str(Path(__file__).parent.parent), **wrong}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 1
    assert "ConfigError" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_a_secret_of_the_environment_that_a_service_repeats_is_not_shown() -> None:
    environment = {"HF_TOKEN": "hf_sesame_open", "MODEL_KEY": "short", "HF_HOME": "/home/ann/hf"}
    text = "Invalid token: hf_sesame_open. Look into /home/ann/hf for short."
    assert without_secrets(text, environment) == "Invalid token: ***. Look into /home/ann/hf for short."
