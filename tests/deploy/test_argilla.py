"""deploy argilla: asked of the local Hub with the real client, and of a real Argilla that stands for the Space."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
import yaml
from huggingface_hub import HfApi, Volume

from curation.config import Config, Services, parse_config
from curation.deploy.argilla import deploy_argilla
from curation.deploy.report import NewSecret, Wishes
from curation.errors import AuthError, CurationError, PaymentError, RefusedError, ServiceError, TemporaryError
from curation.hub import connect
from curation.local import Stack

pytestmark = pytest.mark.stack


def config(name: str) -> Config:
    return parse_config(
        {
            "name": name,
            "prompts": {"type": "hub", "repo_id": "acme/prompts"},
            "generators": [{"model_id": "acme/a", "name": "a"}, {"model_id": "acme/b", "name": "b"}],
            "publish": {"repo_id": f"acme/{name}"},
            "store": {"repo_id": f"acme/{name}-store"},
        }
    )


@pytest.fixture
def services(stack: Stack) -> Services:
    """What is known before there is a Space: no address, and the key that the Space shall get."""
    return Services(hub_endpoint=stack.hub.url, hub_token=stack.hub.token, argilla_api_key=stack.argilla.api_key)


@pytest.fixture
def api(stack: Stack) -> HfApi:
    return connect(stack.hub.url, stack.hub.token)


@pytest.fixture
def made(stack: Stack, services: Services) -> Iterator[str]:
    """A Space that was deployed, and answers as the Argilla of the stack does."""
    with suppress(TemporaryError):
        deploy_argilla(config("deployed"), Wishes(), services=services, password="secret-password", wait_seconds=0)
    stack.hub.serve_space("acme/deployed-review", stack.argilla.url)
    yield "acme/deployed-review"
    connect(stack.hub.url, stack.hub.token).delete_repo("acme/deployed-review", repo_type="space")


def sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def secrets_of(stack: Stack, space: str) -> dict[str, str]:
    """The SHA-256 of each secret, which only the local Hub tells."""
    headers = {"Authorization": f"Bearer {stack.hub.token}"}
    answer = httpx2.get(f"{stack.hub.url}/api/spaces/{space}/secrets", headers=headers, trust_env=False).json()
    return {name: secret["sha256"] for name, secret in answer.items()}


def file_of(api: HfApi, space: str, name: str, folder: Path) -> str:
    return Path(api.hf_hub_download(space, name, repo_type="space", local_dir=folder)).read_text()


def test_a_space_has_its_bucket_variables_and_secrets(made: str, stack: Stack, api: HfApi) -> None:
    runtime = api.get_space_runtime(made)
    assert runtime.hardware == "cpu-basic"
    [volume] = runtime.volumes or []
    assert (volume.type, volume.source, volume.mount_path) == ("bucket", "acme/deployed-review-data", "/data")
    assert api.bucket_info("acme/deployed-review-data").private
    variables = {name: variable.value for name, variable in api.get_space_variables(made).items()}
    assert variables == {"USERNAME": "local", "WORKSPACE": "argilla"}
    stored = secrets_of(stack, made)
    assert set(stored) == {"API_KEY", "PASSWORD", "ARGILLA_AUTH_SECRET_KEY"}
    assert stored["API_KEY"] == sha256(stack.argilla.api_key)
    assert stored["PASSWORD"] == sha256("secret-password")


def test_only_members_of_the_organisation_that_owns_it_may_sign_in(made: str, api: HfApi, tmp_path: Path) -> None:
    header = file_of(api, made, "README.md", tmp_path).split("---")[1]
    assert yaml.safe_load(header)["hf_oauth_authorized_org"] == ["acme"]
    sign_in = yaml.safe_load(file_of(api, made, ".oauth.yaml", tmp_path))
    assert sign_in == {"providers": [{"name": "huggingface"}], "allowed_workspaces": [{"name": "argilla"}]}
    assert "snapshots.py" in file_of(api, made, "Dockerfile", tmp_path)
    assert not api.file_exists(made, "compose.yaml", repo_type="space")


def test_again_changes_nothing_and_says_where_it_is(made: str, stack: Stack, services: Services, api: HfApi) -> None:
    before = api.space_info(made).sha, secrets_of(stack, made)
    report = deploy_argilla(config("deployed"), Wishes(), services=services)
    assert report.calls == ()
    assert report.url == stack.argilla.url
    assert report.lines[0] == f"{made} answers at {stack.argilla.url}. Nothing had to be changed."
    assert (api.space_info(made).sha, secrets_of(stack, made)) == before


def test_only_what_differs_is_changed(made: str, services: Services, api: HfApi) -> None:
    api.set_space_volumes(made, volumes=[Volume(type="model", source="acme/small", mount_path="/models")])
    api.add_space_variable(made, "WORKSPACE", "elsewhere")
    api.upload_file(path_or_fileobj=b"FROM scratch", path_in_repo="Dockerfile", repo_id=made, repo_type="space")
    report = deploy_argilla(config("deployed"), Wishes(hardware="cpu-upgrade"), services=services)
    # No answer is given in the old container after the last snapshot that the new one can start from.
    assert [call.partition("(")[0] for call in report.calls] == [
        "pause_space",
        "set_space_volumes",
        "request_space_hardware",
        "add_space_variable",
        "create_commit",
        "restart_space",
    ]
    assert "operations=['Dockerfile']" in report.calls[-2]
    assert api.get_space_runtime(made).stage == "RUNNING"
    assert {volume.mount_path for volume in api.get_space_runtime(made).volumes or []} == {"/models", "/data"}
    assert deploy_argilla(config("deployed"), Wishes(hardware="cpu-upgrade"), services=services).calls == ()


def test_a_rehearsal_prints_every_call_and_makes_none(stack: Stack, services: Services, api: HfApi) -> None:
    told: list[NewSecret] = []
    report = deploy_argilla(config("rehearsed"), Wishes(), services=services, rehearsal=True, tell=told.append)
    assert [call.partition("(")[0] for call in report.calls] == [
        "create_bucket",
        "create_repo",
        "add_space_variable",
        "add_space_variable",
        "add_space_secret",
        "add_space_secret",
        "add_space_secret",
        "create_commit",
    ]
    assert report.calls[4] == "add_space_secret('acme/rehearsed-review', 'API_KEY', '...')"
    assert not any(stack.argilla.api_key in line for line in report.lines)
    assert "Docker Space takes a paid plan" in report.lines[0]
    assert told == []
    assert not api.repo_exists("acme/rehearsed-review", repo_type="space")


def test_keys_that_are_not_given_are_made_and_told_once(stack: Stack, services: Services) -> None:
    told: list[NewSecret] = []
    alone = services.model_copy(update={"argilla_api_key": None})
    with pytest.raises(TemporaryError, match="does not answer after 0 s"):
        deploy_argilla(config("keyless"), Wishes(), services=alone, tell=told.append, wait_seconds=0)
    assert [entry.name for entry in told] == ["ARGILLA_API_KEY", "ARGILLA_PASSWORD"]
    stored = secrets_of(stack, "acme/keyless-review")
    assert [stored["API_KEY"], stored["PASSWORD"]] == [sha256(entry.value) for entry in told]
    assert told[0].value not in repr(told[0])


def test_named_users_get_accounts_and_strangers_see_nothing(
    made: str, stack: Stack, services: Services, api: HfApi, tmp_path: Path
) -> None:
    told: list[NewSecret] = []
    wishes = Wishes(users=("local", "nadia-deploys"))
    report = deploy_argilla(config("deployed"), wishes, services=services, tell=told.append)
    assert report.accounts == ("nadia-deploys",)
    assert [entry.name for entry in told] == ["the password of nadia-deploys"]
    assert yaml.safe_load(file_of(api, made, ".oauth.yaml", tmp_path)) == {"providers": [{"name": "huggingface"}]}
    assert "hf_oauth_authorized_org" not in yaml.safe_load(file_of(api, made, "README.md", tmp_path).split("---")[1])
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    with httpx2.Client(base_url=stack.argilla.url, headers=headers, trust_env=False) as client:
        [workspace] = [w for w in client.get("/api/v1/me/workspaces").json()["items"] if w["name"] == "argilla"]
        users = client.get(f"/api/v1/workspaces/{workspace['id']}/users").json()["items"]
        assert "nadia-deploys" in {user["username"] for user in users}
        # Argilla gives a stranger who signs in an account without a workspace.
        stranger = {"username": "stranger", "first_name": "S", "role": "annotator", "password": "12345678"}
        key = client.post("/api/v1/users", json=stranger).json()["api_key"]
        assert client.get("/api/v1/me/datasets", headers={"X-Argilla-Api-Key": key}).json()["items"] == []
    assert deploy_argilla(config("deployed"), wishes, services=services).accounts == ()


def test_accounts_of_a_space_whose_key_is_not_known_are_refused(made: str, services: Services) -> None:
    alone = services.model_copy(update={"argilla_api_key": None})
    with pytest.raises(RefusedError, match="ARGILLA_API_KEY is not set"):
        deploy_argilla(config("deployed"), Wishes(users=("nadia",)), services=alone)


def test_a_plan_that_is_missing_is_a_sentence_with_what_helps(stack: Stack, services: Services) -> None:
    said: list[str] = []
    stack.hub.fail("^/api/repos/create$", status=402, body={"error": "Docker Spaces need PRO"})
    with pytest.raises(PaymentError) as caught:
        deploy_argilla(config("unpaid"), Wishes(), services=services, say=said.append)
    assert "402" in str(caught.value)
    assert "PRO ($9 a month)" in str(caught.value)
    assert "spaces/argilla/compose.yaml" in str(caught.value)
    # It was said before the Hub was asked.
    assert any("Docker Space takes a paid plan" in line for line in said)


def test_a_space_that_does_not_run_is_named_with_its_log(made: str, stack: Stack, services: Services) -> None:
    stack.hub.serve_space(made, stack.argilla.url, stage="BUILD_ERROR")
    with pytest.raises(ServiceError, match=r"does not run: it is BUILD_ERROR.*logs=container") as caught:
        deploy_argilla(config("deployed"), Wishes(), services=services)
    assert not isinstance(caught.value, TemporaryError)


def test_an_error_in_the_middle_leaves_no_space_paused(made: str, stack: Stack, services: Services, api: HfApi) -> None:
    api.add_space_variable(made, "WORKSPACE", "elsewhere")
    stack.hub.fail("/variables$", status=400, count=2)
    with pytest.raises(ServiceError):
        deploy_argilla(config("deployed"), Wishes(), services=services)
    stack.hub.clear_faults()
    api.upload_file(path_or_fileobj=b"FROM scratch", path_in_repo="Dockerfile", repo_id=made, repo_type="space")
    stack.hub.fail("/commit/", status=400)
    with pytest.raises(ServiceError):
        deploy_argilla(config("deployed"), Wishes(), services=services)
    stack.hub.clear_faults()
    assert api.get_space_runtime(made).stage == "RUNNING"


def test_a_paused_space_is_started_again(made: str, services: Services, api: HfApi) -> None:
    api.pause_space(made)
    report = deploy_argilla(config("deployed"), Wishes(), services=services)
    assert report.calls == (f"restart_space({made!r})",)
    assert api.get_space_runtime(made).stage == "RUNNING"


def test_what_a_space_was_before_a_change_is_no_reason_to_give_up(
    made: str, stack: Stack, services: Services, api: HfApi
) -> None:
    stack.hub.serve_space(made, stack.argilla.url, stage="BUILD_ERROR")
    api.add_space_variable(made, "WORKSPACE", "elsewhere")
    with pytest.raises(TemporaryError, match="does not answer after 0 s: it is BUILD_ERROR"):
        deploy_argilla(config("deployed"), Wishes(), services=services, wait_seconds=0)


def test_a_space_of_somebody_else_is_not_overwritten(services: Services, api: HfApi) -> None:
    api.create_repo("acme/game", repo_type="space", space_sdk="docker", exist_ok=True)
    api.upload_file(path_or_fileobj=b"FROM game", path_in_repo="Dockerfile", repo_id="acme/game", repo_type="space")
    before = api.space_info("acme/game").sha
    with pytest.raises(RefusedError, match="There is a Space acme/game, and it is none of a curation"):
        deploy_argilla(config("deployed"), Wishes(space="acme/game"), services=services)
    assert api.space_info("acme/game").sha == before
    assert not api.get_space_secrets("acme/game")


def test_without_a_token_nothing_is_asked(services: Services) -> None:
    with pytest.raises(AuthError, match="HF_TOKEN is not set"):
        deploy_argilla(config("deployed"), Wishes(), services=services.model_copy(update={"hub_token": None}))


@pytest.mark.parametrize("part", ["secrets", "variables", "commit"])
def test_after_an_interruption_the_rest_is_made_up(part: str, stack: Stack, services: Services) -> None:
    name = f"halved-{part}"
    stack.hub.fail(f"^/api/spaces/acme/{name}-review/{part}", status=400)
    with pytest.raises(CurationError):
        deploy_argilla(config(name), Wishes(), services=services, wait_seconds=0)
    with pytest.raises(TemporaryError):
        deploy_argilla(config(name), Wishes(), services=services, wait_seconds=0)
    stack.hub.serve_space(f"acme/{name}-review", stack.argilla.url)
    assert deploy_argilla(config(name), Wishes(), services=services).calls == ()
    assert set(secrets_of(stack, f"acme/{name}-review")) == {"API_KEY", "PASSWORD", "ARGILLA_AUTH_SECRET_KEY"}
