"""deploy sync: what the Space gets, and that `curation serve` runs from it, on the local Hub and a real Argilla."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi, snapshot_download

from curation.config import Services
from curation.deploy.report import Wishes
from curation.deploy.sync import deploy_sync
from curation.errors import ConfigError, TemporaryError
from curation.hub import connect
from curation.local import Stack
from curation.local.process import free_port
from curation.review.webhooks import EVENTS
from tests.configs import write_config

pytestmark = pytest.mark.stack

SPACE = "acme/served-sync"


@pytest.fixture
def services(stack: Stack) -> Services:
    return Services.from_environment(stack.settings())


@pytest.fixture
def api(stack: Stack) -> Iterator[HfApi]:
    client = connect(stack.hub.url, stack.hub.token)
    yield client
    client.delete_repo(SPACE, repo_type="space", missing_ok=True)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "test.jsonl").write_text('{"prompt": "What is a prime number, and why is two one of them?"}\n')
    config = write_config(tmp_path, "served")
    config.write_text(config.read_text() + '\n[quality]\nbenchmarks = ["sets/test.jsonl"]\n')
    return config


def wheel(folder: Path, version: str = "0.1.0") -> Path:
    path = folder / f"curation-{version}-py3-none-any.whl"
    path.write_bytes(f"wheel {version}".encode())
    return path


def webhooks(stack: Stack) -> list[dict[str, object]]:
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    answer = httpx2.get(f"{stack.argilla.url}/api/v1/webhooks", headers=headers, trust_env=False).json()
    return list(answer["items"])


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run the server as the Dockerfile does, in the folder that was uploaded, and with its variables and secrets."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "curation", "serve", "curation.toml", "--port", str(port)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_the_space_serves_and_its_webhook_is_registered(
    stack: Stack, services: Services, api: HfApi, config: Path, tmp_path: Path
) -> None:
    with pytest.raises(TemporaryError, match="does not answer after 0 s"):
        deploy_sync(config, Wishes(), wheel=wheel(tmp_path), services=services, token="t" * 20, wait_seconds=0)
    variables = {name: variable.value for name, variable in api.get_space_variables(SPACE).items()}
    assert variables == {
        "ARGILLA_API_URL": stack.argilla.url,
        "CURATION_SERVE_ORGS": "acme",
        "CURATION_SERVE_ADMINS": "local",
        "HF_ENDPOINT": stack.hub.url,
    }
    assert set(api.get_space_secrets(SPACE)) == {"HF_TOKEN", "ARGILLA_API_KEY", "CURATION_SERVE_TOKEN"}
    folder = Path(snapshot_download(SPACE, repo_type="space", local_dir=tmp_path / "space", endpoint=stack.hub.url))
    assert (folder / "sets" / "test.jsonl").exists()
    assert (folder / "curation.toml").read_text() == config.read_text()
    sign_in = {"OPENID_PROVIDER_URL": stack.hub.url, "OAUTH_CLIENT_ID": "space", "OAUTH_CLIENT_SECRET": "oauth-secret"}
    secrets = {"HF_TOKEN": stack.hub.token, "ARGILLA_API_KEY": stack.argilla.api_key}
    with served(folder, {**variables, **secrets, **sign_in, "HF_HOME": str(tmp_path / "hf")}) as url:
        stack.hub.serve_space(SPACE, url)
        report = deploy_sync(config, Wishes(), wheel=wheel(tmp_path), services=services, wait_seconds=120)
        assert (report.calls, report.url) == ((), url)
    ours = [webhook for webhook in webhooks(stack) if webhook["url"] == f"{url}/webhooks/argilla"]
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    for webhook in ours:
        httpx2.delete(f"{stack.argilla.url}/api/v1/webhooks/{webhook['id']}", headers=headers, trust_env=False)
    assert [sorted(webhook["events"]) for webhook in ours] == [sorted(EVENTS)]  # type: ignore[call-overload]


def test_a_newer_wheel_takes_the_place_of_the_older(
    services: Services, api: HfApi, config: Path, tmp_path: Path
) -> None:
    for version in ("0.1.0", "0.2.0"):
        with suppress(TemporaryError):
            deploy_sync(config, Wishes(), wheel=wheel(tmp_path, version), services=services, wait_seconds=0)
    files = api.list_repo_files(SPACE, repo_type="space")
    assert [name for name in files if name.endswith(".whl")] == ["curation-0.2.0-py3-none-any.whl"]
    assert {"Dockerfile", "README.md", "curation.toml"} <= set(files)


def test_other_people_may_look_and_secrets_are_renewed_when_asked(
    stack: Stack, services: Services, api: HfApi, config: Path, tmp_path: Path
) -> None:
    def deploy(wishes: Wishes, *, key: str, renew: bool = False) -> str:
        keyed = services.model_copy(update={"argilla_api_key": key})
        with suppress(TemporaryError):
            deploy_sync(config, wishes, wheel=wheel(tmp_path), services=keyed, renew=renew, wait_seconds=0)
        headers = {"Authorization": f"Bearer {stack.hub.token}"}
        secrets = httpx2.get(f"{stack.hub.url}/api/spaces/{SPACE}/secrets", headers=headers, trust_env=False).json()
        return str(secrets["ARGILLA_API_KEY"]["sha256"])

    first, second = (hashlib.sha256(key.encode()).hexdigest() for key in ("first-key", "second-key"))
    assert deploy(Wishes(), key="first-key") == first
    assert deploy(Wishes(users=("nadia", "tomas")), key="second-key") == first
    variables = api.get_space_variables(SPACE)
    assert variables["CURATION_SERVE_USERS"].value == "nadia tomas"
    assert "CURATION_SERVE_ORGS" not in variables
    assert deploy(Wishes(users=("nadia", "tomas")), key="second-key", renew=True) == second


def test_what_cannot_work_is_refused_before_anything_is_asked(
    services: Services, api: HfApi, config: Path, tmp_path: Path
) -> None:
    package = wheel(tmp_path)
    alone = services.model_copy(update={"argilla_api_key": None})
    with pytest.raises(ConfigError, match="ARGILLA_API_URL and ARGILLA_API_KEY are not both set"):
        deploy_sync(config, Wishes(), wheel=package, services=alone)
    with pytest.raises(ConfigError, match="not for everybody"):
        deploy_sync(config, Wishes(anyone=True), wheel=package, services=services)
    with pytest.raises(ConfigError, match="is no wheel"):
        deploy_sync(config, Wishes(), wheel=tmp_path / "missing.whl", services=services)
    (tmp_path / "elsewhere.jsonl").write_text('{"prompt": "x"}\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "served.toml").write_text(config.read_text().replace("sets/test.jsonl", "../elsewhere.jsonl"))
    with pytest.raises(ConfigError, match="lies outside of its folder"):
        deploy_sync(inner / "served.toml", Wishes(), wheel=package, services=services)
    assert not api.repo_exists(SPACE, repo_type="space")
