"""Every call over HTTP that is made in production: what passes is waited out, what stays ends with the budget of time.

The calls of the store, of `sync` and of `push` are tested in tests/store/test_patience.py and
tests/review/test_patience.py, those of models in tests/generation/test_client.py. Here are all others.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import curation
from curation import files
from curation.deploy import spaces
from curation.errors import MissingError, TemporaryError
from curation.hub import connect, hub_errors
from curation.hub_rows import HubFile
from curation.local import Stack
from curation.local.hub import HubServer
from curation.patience import BYTES_PER_SECOND, Transfer, patience_seconds
from curation.review.webhooks import register_webhook
from curation.tokenizer import load_tokenizer
from tests.conftest import CommandLine
from tests.faulty import Fault, FaultyProxy, Kind

pytestmark = pytest.mark.stack

CALLERS = {
    "hub.py": "the client of the Hub, which is that of hub_client.py",
    "hub_client.py": "repeats what passes, and ends what hangs",
    "tokenizer.py": "here: a tokenizer",
    "hub_rows.py": "here: rows of a file",
    "store/repo.py": "tests/store/test_patience.py",
    "deploy/spaces.py": "here: whether a Space answers; what it asks the Hub",
    "review/api_errors.py": "names the statuses of answers that review/argilla.py receives",
    "review/argilla.py": "tests/review/test_patience.py",
    "review/record_reading.py": "through review/argilla.py",
    "review/record_writing.py": "through review/argilla.py",
    "review/settings_update.py": "through review/argilla.py",
    "review/transport.py": "tests/review/test_patience.py",
    "review/webhooks.py": "here: a webhook",
    "serving/oauth.py": "tests/serving/test_app.py",
    "review/rebuilding.py": "through review/argilla.py",
    "generation/client.py": "tests/generation/test_client.py",
    "generation/completion.py": "reads what client.py received",
    "generation/refusals.py": "reads what client.py received",
    "generation/transfer.py": "tests/generation/test_transfer.py",
}
"""The modules that send requests, and where it is tested what they do when a service fails."""
CLIENTS = {"httpx", "httpx2", "aiohttp", "requests", "urllib3", "http"}
DOWNLOADS = {"snapshot_download", "hf_hub_download", "HfFileSystem", "load_dataset", "load_dataset_builder"}


def sends_requests(tree: ast.AST) -> bool:
    """Whether a module imports an HTTP client, or what downloads by itself."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
        if CLIENTS & {module.partition(".")[0] for module in modules} or DOWNLOADS & set(names):
            return True
        if isinstance(node, ast.Attribute) and node.attr in DOWNLOADS:
            return True
    return False


def test_every_module_that_sends_requests_is_known() -> None:
    folder = Path(curation.__file__).parent
    modules = {str(path.relative_to(folder)): ast.parse(path.read_text()) for path in folder.rglob("*.py")}
    senders = {name for name, tree in modules.items() if sends_requests(tree) and not name.startswith("local/")}
    assert senders == set(CALLERS)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with HubServer(tmp_path_factory.mktemp("hub")) as server:
        api = connect(server.url, server.token)
        api.create_repo("admin/words", private=True)
        api.upload_file(path_or_fileobj=b"{}" * 4000, path_in_repo="tokenizer.json", repo_id="admin/words")
        api.create_repo("admin/rows", repo_type="dataset", private=True)
        rows = b'{"prompt": "Why?"}\n' * 2000
        api.upload_file(path_or_fileobj=rows, path_in_repo="a.jsonl", repo_id="admin/rows", repo_type="dataset")
        api.create_repo("admin/page", repo_type="space", space_sdk="docker")
        yield server


def tokenizer(url: str, token: str) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as empty:
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", empty)
        # That the file is no tokenizer is found when it has arrived.
        with pytest.raises(MissingError, match="has no tokenizer that `transformers` can read"):
            load_tokenizer("admin/words", endpoint=url, token=token)


def rows_of_a_file(url: str, token: str) -> None:
    from huggingface_hub import HfFileSystem

    api = connect(url, token)
    with hub_errors(api, "admin/rows"):
        HfFileSystem.clear_instance_cache()
        file = HubFile("hf://datasets/admin/rows/a.jsonl", HfFileSystem(endpoint=url, token=token))
        assert sum(row.values == {"prompt": "Why?"} for row in files.read_rows(file)) == 2000


def what_a_space_is(url: str, token: str) -> None:
    assert spaces.find_space(connect(url, token), "admin/page") is not None


def a_webhook(url: str, token: str) -> None:
    address = "http://127.0.0.1:9/webhooks/calls"
    assert register_webhook(api_url=url, api_key=token, url=address).url == address


HUB_CALLS: dict[str, tuple[str, Callable[[str, str], None]]] = {
    "a tokenizer, listed": ("GET /api/models/admin/words", tokenizer),
    "a tokenizer, asked for": ("HEAD .*/resolve/", tokenizer),
    "a tokenizer, loaded": ("GET .*/resolve/", tokenizer),
    "rows of a file, listed": ("/api/datasets/admin/rows", rows_of_a_file),
    "rows of a file, read": ("GET .*/resolve/", rows_of_a_file),
    "what a Space is": ("GET /api/spaces/admin/page", what_a_space_is),
}
WITHOUT_BODY = "a tokenizer, asked for"
"""The answer to HEAD has no body that could be cut or come slowly."""
ARGILLA_CALLS = {"a webhook": ("GET /api/v1/webhooks", a_webhook)}
CALLS = HUB_CALLS | ARGILLA_CALLS
PASSING: dict[str, tuple[Kind, int, dict[str, str]]] = {
    "429": ("status", 429, {"Retry-After": "0"}),
    "500": ("status", 500, {}),
    "502": ("status", 502, {}),
    "503": ("status", 503, {}),
    "reset": ("reset", 0, {}),
    "cut": ("cut", 0, {}),
}


def service_of(call: str, hub: HubServer, stack: Stack) -> tuple[str, str]:
    """The address and the key of the service that a call asks."""
    return (stack.argilla.url, stack.argilla.api_key) if call in ARGILLA_CALLS else (hub.url, hub.token)


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("call", CALLS)
def test_what_passes_is_waited_out(call: str, kind: str, hub: HubServer, stack: Stack) -> None:
    if (call, kind) == (WITHOUT_BODY, "cut"):
        return
    (url, key), (match, run), (spoiled, status, headers) = service_of(call, hub, stack), CALLS[call], PASSING[kind]
    fault = Fault(match, spoiled, status=status, headers=headers)
    with FaultyProxy(url, fault) as proxy:
        run(proxy.url, key)
    assert fault.count == 0


@pytest.mark.parametrize("kind", ["status", "hang", "drip", "reset"])
@pytest.mark.parametrize("call", CALLS)
def test_what_stays_ends_with_the_budget(
    call: str, kind: Kind, hub: HubServer, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (call, kind) == (WITHOUT_BODY, "drip"):
        return
    (url, key), (match, run) = service_of(call, hub, stack), CALLS[call]
    with FaultyProxy(url, Fault(match, kind, count=1000, after=False)) as proxy:
        monkeypatch.setenv("CURATION_PATIENCE", "0.8")
        # A hang or a drip of the proxy lasts a minute: what waits for its end fails here.
        with pytest.raises(TemporaryError, match=r"did not (answer|send a file) within 1 s"):
            run(proxy.url, key)


def test_a_file_that_keeps_coming_may_take_the_time_that_its_size_needs() -> None:
    transfer = Transfer()
    transfer.waited, transfer.received = patience_seconds() + 9, 10 * BYTES_PER_SECOND
    assert not transfer.is_too_slow()
    transfer.waited += 2
    assert transfer.is_too_slow()


@pytest.mark.parametrize("kind", ["hang", "drip", "status", "reset", "page"])
def test_a_space_that_does_not_answer_is_not_up(kind: Kind, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "ANSWER_SECONDS", 0.5)
    with FaultyProxy(hub.url, Fault("/health", kind, count=1000, status=503, after=False)) as proxy:
        assert not spaces._answers(f"{proxy.url}/health")
    assert spaces._answers(f"{hub.url}/health")


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_rows_that_datasets_streams_end_with_the_budget(cli: CommandLine, stack: Stack, kind: Kind) -> None:
    repo_id = f"acme/streamed-{kind}"
    api = connect(stack.hub.url, stack.hub.token)
    api.create_repo(repo_id, repo_type="dataset", private=True)
    card = b"---\nconfigs:\n- {config_name: default, data_files: mine.json, field: data}\n---\n"
    pair = {"prompt": "Why?", "chosen": "It is so.", "rejected": "Nobody knows."}
    for name, content in (("README.md", card), ("mine.json", json.dumps({"data": [pair] * 9}).encode())):
        api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=repo_id, repo_type="dataset")
    with FaultyProxy(stack.hub.url, Fault("GET .*/mine.json", kind, count=1000, after=False)) as proxy:
        sentence = cli.error("lint", repo_id, exit_code=3, HF_ENDPOINT=proxy.url, CURATION_PATIENCE="1.5")
    assert "within 2 s (CURATION_PATIENCE)" in sentence
