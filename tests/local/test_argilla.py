"""A real Argilla on 127.0.0.1: log in, work with it as owner and annotators, stop it, start it again."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from curation.errors import ServiceError
from curation.local.argilla import ArgillaServer
from curation.local.argilla.server.points import point

pytestmark = pytest.mark.stack

Json = dict[str, Any]
PASSWORD = "long enough"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgillaServer]:
    with pytest.MonkeyPatch.context() as patch:
        # Settings that a user may have for a server of their own; none may reach ours.
        patch.setenv("ARGILLA_BASE_URL", "/elsewhere")
        patch.setenv("ARGILLA_DATABASE_URL", "sqlite:////nowhere/at/all.db")
        # A folder to work in that has a module of the same name as ours.
        patch.chdir(tmp_path_factory.mktemp("project"))
        Path("server.py").write_text("raise SystemExit('the wrong server')")
        with ArgillaServer(tmp_path_factory.mktemp("argilla"), workspace="team") as running:
            yield running


@pytest.fixture(scope="module")
def owner(server: ArgillaServer) -> Iterator[httpx2.Client]:
    with api(server, server.api_key) as http:
        yield http


@pytest.fixture(scope="module")
def annotators(server: ArgillaServer, owner: httpx2.Client) -> Iterator[list[httpx2.Client]]:
    opened = [api(server, new_annotator(owner, f"annotator{number}")["api_key"]) for number in range(3)]
    yield opened
    for http in opened:
        http.close()


@pytest.fixture(scope="module")
def client(server: ArgillaServer) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Support for class-based `config`")
        import argilla
    connected = argilla.Argilla(api_url=server.url, api_key=server.api_key)
    yield connected
    connected.http_client.close()


def api(server: ArgillaServer, key: str) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"{server.url}/api/v1", headers={"X-Argilla-Api-Key": key}, timeout=300, trust_env=False
    )


def new_annotator(owner: httpx2.Client, name: str) -> Json:
    body = {"first_name": name, "username": name, "password": PASSWORD}
    user = owner.post("/users", json=body).raise_for_status().json()
    [place] = owner.get("/me/workspaces").json()["items"]
    owner.post(f"/workspaces/{place['id']}/users", json={"user_id": user["id"]}).raise_for_status()
    return dict(user)


def new_dataset(client: Any, name: str, *, submitted: int = 1, workspace: str = "team") -> Any:
    import argilla as rg

    settings = rg.Settings(
        guidelines="# Pick the better answer",
        fields=[rg.ChatField("prompt"), rg.TextField("answer")],
        questions=[rg.LabelQuestion("good", labels=["yes", "no"]), rg.TextQuestion("why", required=False)],
        metadata=[rg.TermsMetadataProperty("source")],
        distribution=rg.TaskDistribution(min_submitted=submitted),
    )
    return rg.Dataset(name, workspace, settings, client).create()


def items(count: int) -> list[Json]:
    prompt = [{"role": "user", "content": "What is tea?"}]
    return [{"id": f"r{n}", "prompt": prompt, "answer": f"answer {n}", "source": "hub"} for n in range(count)]


def records(owner: httpx2.Client, dataset: Any) -> list[Json]:
    parameters = {"include": "responses", "limit": "1000"}
    return list(owner.get(f"/datasets/{dataset.id}/records", params=parameters).raise_for_status().json()["items"])


def respond(who: httpx2.Client, record: Json, status: str = "submitted", values: Any = ...) -> httpx2.Response:
    answer = {"good": {"value": "yes"}} if values is ... else values
    return who.post(f"/records/{record['id']}/responses", json={"status": status, "values": answer})


def token(server: ArgillaServer, username: str, password: str) -> httpx2.Response:
    form = {"username": username, "password": password}
    return httpx2.post(f"{server.url}/api/v1/token", data=form, trust_env=False)


def me(server: ArgillaServer, bearer: str) -> httpx2.Response:
    return httpx2.get(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {bearer}"}, trust_env=False)


# The process and its secrets


def test_the_server_reports_version_2_8(owner: httpx2.Client) -> None:
    status = owner.get("/status").json()
    assert (status["version"], status["search_engine"]["name"]) == ("2.8.0", "embedded")


def test_the_owner_logs_in_with_the_password_and_nothing_else(server: ArgillaServer) -> None:
    answer = token(server, server.username, server.password)
    user = me(server, answer.json()["access_token"]).json()
    assert (user["username"], user["role"], user["api_key"]) == ("owner", "owner", server.api_key)
    assert token(server, server.username, "1234").status_code == 401
    with api(server, "argilla.apikey") as stranger:
        assert stranger.get("/me").status_code == 401


def test_only_its_owner_can_read_a_secret_file(server: ArgillaServer) -> None:
    for name in ("credentials.json", "secret_key", "argilla.db"):
        assert (server.folder / name).stat().st_mode & 0o777 == 0o600, name


def test_the_secrets_are_in_no_log_no_argument_and_no_environment(server: ArgillaServer) -> None:
    assert token(server, server.username, server.password).is_success
    places = [server.log.read_bytes(), repr(server.credentials).encode()]
    if sys.platform == "linux":
        places += [Path(f"/proc/{server.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    secrets = [server.password, server.api_key, (server.folder / "secret_key").read_text()]
    assert not [secret for secret in secrets for place in places if secret.encode() in place]


def test_the_web_page_and_its_files_are_served_at_the_root(server: ArgillaServer) -> None:
    with httpx2.Client(base_url=server.url, trust_env=False) as browser:
        page = browser.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "<title>Argilla</title>" in page.text
        script = browser.get(re.findall(r'src="(/_nuxt/[^"]+\.js)"', page.text)[0])
        assert script.headers["content-type"].split(";")[0] in {"text/javascript", "application/javascript"}
        assert browser.get("/dataset/any/annotation-mode").text == page.text


def test_a_second_server_in_the_same_folder_is_refused(server: ArgillaServer) -> None:
    second = ArgillaServer(server.folder)
    port = (server.folder / "port").read_text()
    with pytest.raises(ServiceError, match="ended while starting"):
        second.start()
    (server.folder / "port").write_text(port)
    assert f"Another Argilla already serves {server.folder}." in server.log.read_text()


def test_a_restart_keeps_the_data_the_sessions_and_the_credentials(tmp_path: Path) -> None:
    with ArgillaServer(tmp_path) as first:
        url, credentials = first.url, first.credentials
        session = token(first, first.username, first.password).json()["access_token"]
        with api(first, first.api_key) as owner:
            owner.post("/workspaces", json={"name": "kept"}).raise_for_status()
    assert not (tmp_path / "tmp").exists(), "the copy of the web page is removed"
    with ArgillaServer(tmp_path) as again, api(again, credentials.api_key) as owner:
        assert (again.url, again.credentials) == (url, credentials)
        assert {each["name"] for each in owner.get("/me/workspaces").json()["items"]} == {"argilla", "kept"}
        assert me(again, session).is_success


def test_new_credentials_replace_the_old_credentials_of_the_owner(tmp_path: Path) -> None:
    with ArgillaServer(tmp_path) as first:
        old = first.credentials
    (tmp_path / "credentials.json").unlink()
    with ArgillaServer(tmp_path) as again:
        assert token(again, old.username, old.password).status_code == 401
        assert token(again, again.username, again.password).is_success
        with api(again, again.api_key) as owner:
            assert len(owner.get("/users").json()["items"]) == 1


def test_a_tied_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import os, pathlib; from curation.local.argilla import ArgillaServer;"
        f"server = ArgillaServer(pathlib.Path({str(tmp_path)!r})).start(); print(server.url, flush=True); os._exit(1)"
    )
    url = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    # If the server went on, the limit of the whole test would end this.
    while _answers(url):
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/api/v1/version", trust_env=False, timeout=300).is_success
    except httpx2.TransportError:
        return False


def test_the_error_names_a_name_that_argilla_server_no_longer_has() -> None:
    with pytest.raises(SystemExit, match=r"^argilla-server changed: json\.decoder\.Gone is gone$"):
        point("json.decoder.Gone")
    with pytest.raises(SystemExit, match=r"^argilla-server changed: json\.gone\.Name is gone$"):
        point("json.gone.Name")


# The work


def test_a_dataset_is_made_filled_read_and_deleted_with_the_sdk(
    client: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    dataset = new_dataset(client, "sdk")
    dataset.records.log(items(3))
    for record in records(owner, dataset)[:2]:
        assert respond(annotators[0], record).status_code == 201
    stored = list(dataset.records(with_responses=True))
    assert [record.id for record in stored] == ["r0", "r1", "r2"]
    assert [record.status for record in stored] == ["completed", "completed", "pending"]
    [turn] = stored[0].fields["prompt"]
    assert (turn.role, turn.content) == ("user", "What is tea?"), "an object of the SDK, not a dict"
    assert stored[0].responses["good"][0].value == "yes"
    assert client.datasets("sdk", "team").guidelines == "# Pick the better answer"
    dataset.delete()
    with pytest.warns(UserWarning, match="not found"):
        assert client.datasets("sdk", "team") is None
    assert owner.get(f"/datasets/{dataset.id}/records").status_code == 404


def test_a_workspace_and_its_users_are_made_with_the_sdk(client: Any, server: ArgillaServer) -> None:
    import argilla as rg

    place = rg.Workspace("second", client=client).create()
    user = rg.User("zoe", password=PASSWORD, client=client).create()
    place.add_user(user)
    assert [each.username for each in client.workspaces("second").users] == ["zoe"]
    assert token(server, "zoe", PASSWORD).is_success
    user.delete()
    place.delete()


def test_a_response_can_be_drafted_submitted_discarded_and_deleted(
    client: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    dataset = new_dataset(client, "lifecycle")
    dataset.records.log(items(1))
    [record] = records(owner, dataset)
    annotator = annotators[0]

    def state() -> tuple[str, list[str]]:
        [now] = records(owner, dataset)
        return now["status"], [response["status"] for response in now["responses"]]

    draft = respond(annotator, record, "draft", {"why": {"value": "unsure"}}).json()
    assert state() == ("pending", ["draft"])
    assert respond(annotator, record).status_code == 409
    full = {"good": {"value": "no"}, "why": {"value": "wrong"}}
    put = annotator.put(f"/responses/{draft['id']}", json={"status": "submitted", "values": full})
    assert put.json()["values"] == full
    assert state() == ("completed", ["submitted"])
    annotator.put(f"/responses/{draft['id']}", json={"status": "discarded", "values": None}).raise_for_status()
    assert state() == ("pending", ["discarded"])
    annotator.delete(f"/responses/{draft['id']}").raise_for_status()
    assert state() == ("pending", [])


def test_annotators_may_answer_but_not_list_write_or_administer(
    client: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    dataset = new_dataset(client, "rights")
    dataset.records.log(items(1))
    annotator = annotators[0]
    assert annotator.get(f"/datasets/{dataset.id}/records").status_code == 403
    assert annotator.post(f"/datasets/{dataset.id}/records/search", json={}).status_code == 403
    assert annotator.get("/users").status_code == 403
    assert annotator.post("/workspaces", json={"name": "mine"}).status_code == 403
    assert annotator.delete(f"/datasets/{dataset.id}").status_code == 403
    assert annotator.post(f"/me/datasets/{dataset.id}/records/search", json={}).json()["total"] == 1


def test_annotators_of_another_workspace_see_nothing(client: Any, owner: httpx2.Client, server: ArgillaServer) -> None:
    dataset = new_dataset(client, "closed")
    body = {"first_name": "out", "username": "outsider", "password": PASSWORD}
    outsider = owner.post("/users", json=body).json()
    with api(server, outsider["api_key"]) as out:
        assert out.get("/me/datasets").json()["items"] == []
        assert out.post(f"/me/datasets/{dataset.id}/records/search", json={}).status_code == 403


def test_many_annotators_at_once_lose_no_answer(
    client: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    dataset = new_dataset(client, "crowd", submitted=3)
    dataset.records.log(items(20))
    todo = [(who, record) for record in records(owner, dataset) for who in annotators]
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda pair: respond(*pair).status_code, todo))
    assert codes == [201] * 60
    after = records(owner, dataset)
    assert [len(record["responses"]) for record in after] == [3] * 20
    assert {record["status"] for record in after} == {"completed"}


def test_changing_the_number_of_answers_needed_recounts_in_the_background(
    client: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    dataset = new_dataset(client, "recount", submitted=2)
    dataset.records.log(items(3))
    for record in records(owner, dataset):
        respond(annotators[0], record).raise_for_status()
    body = {"distribution": {"strategy": "overlap", "min_submitted": 1}}
    owner.patch(f"/datasets/{dataset.id}", json=body).raise_for_status()
    # If nothing was counted again, the limit of the whole test would end this.
    while {record["status"] for record in records(owner, dataset)} != {"completed"}:
        time.sleep(0.1)
