"""Every verb is killed with kill -9 at seeded moments and run again: the datasets are those of an undisturbed run.

What all these runs leave behind is then searched for the secrets that they used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import httpx2
import pyarrow.parquet as pq
import pytest

from curation.local import Stack
from tests.between import once
from tests.conftest import CommandLine
from tests.faulty import Fault, FaultyProxy, Kind
from tests.flows.killing import (
    MODEL_KEY,
    REVIEWERS,
    VERBS,
    Curation,
    Ended,
    House,
    Length,
    Losses,
    Run,
    losses,
    moments_of,
)

pytestmark = pytest.mark.stack

Command = tuple[str, ...]
SEED, KILLS = 15, 5
OWN_FILES = {"users.json", "credentials.json", "argilla.db", "argilla.db-wal"}
"""Where the local servers keep the tokens that they check."""


@pytest.fixture(scope="module")
def house(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(stack, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def undisturbed(house: House) -> tuple[Ended, dict[str, Length]]:
    return Curation(house, "undisturbed").undisturbed()


def test_a_verb_that_is_killed_and_run_again_ends_as_if_nothing_had_happened(
    house: House, undisturbed: tuple[Ended, dict[str, Length]]
) -> None:
    expected, lengths = undisturbed
    ended, kills, refused = Curation(house, "killed").killed(moments_of(lengths, seed=SEED, kills=KILLS))
    assert losses(expected, ended, kills, refused) == Losses(kills)
    assert min(kills.values()) >= 1


TOGETHER = "two-verbs"
"""The curation of which two verbs run at once."""
COMMIT = "POST .*/commit/main"
AT_ONCE: tuple[tuple[Command, str, Command], ...] = (
    (("generate",), COMMIT, ("generate",)),
    (("push",), "PUT .*/records/bulk", ("push",)),
    (("sync",), COMMIT, ("sync",)),
    (("push",), f"GET /api/datasets/acme/{TOGETHER}-store", ("sync",)),
    (("publish",), COMMIT, ("publish",)),
)
"""A command, a request of it, and another command that runs from its beginning to its end before this request."""


def test_two_verbs_at_once_end_well(house: House, undisturbed: tuple[Ended, dict[str, Length]], stack: Stack) -> None:
    curation = Curation(house, TOGETHER)
    curation.prepare("generate")
    settings = {**stack.settings(), "MODEL_KEY": MODEL_KEY}
    # The address is part of a request's key, and both commands are to share their replies.
    settings["CURATION_INFERENCE_URL"] = house.environment["CURATION_INFERENCE_URL"]
    other = CommandLine(settings, curation.folder)
    reviewers = iter((list(REVIEWERS)[:1], list(REVIEWERS)[1:]))
    for first, request, second in AT_ONCE:
        if ("sync",) in {first, second}:
            curation.review(next(reviewers))
        ended = at_once(house, curation, other, first, request, second)
        assert len(ended) == 2, f"{first} sends no {request}"
        for done in ended:
            assert done.returncode == 0 or (done.returncode == 3 and "Run " in done.stderr), done.stderr
        for arguments in {first, second}:
            assert house.command(*arguments, curation.config, folder=curation.folder)[0].returncode == 0
    for verb in ("export", "restore", "verify"):
        curation.prepare(verb)
        done, _ = house.command(verb, curation.config, folder=curation.folder)
        assert done.returncode == 0, done.stdout
    nothing = dict.fromkeys(VERBS, 0)
    assert losses(undisturbed[0], curation.ended(), nothing, ()) == Losses(nothing)


def at_once(
    house: House, curation: Curation, other: CommandLine, first: Command, request: str, second: Command
) -> list[CompletedProcess[str]]:
    """Run the first command, and the second before a request of the first; return how they ended."""
    ended: list[CompletedProcess[str]] = []
    act = once(lambda asked: bool(re.search(request, asked)), lambda: ended.append(other.run(*second, curation.config)))
    run = Run(before=act)
    done, _ = house.command(*first, curation.config, folder=curation.folder, run=run, CURATION_PATIENCE="200")
    return [*ended, done]


def test_nothing_that_these_runs_leave_holds_a_secret(house: House, stack: Stack) -> None:
    config = Curation(house, "secret")
    hub, review, models = house.proxies
    secrets = (stack.hub.token, stack.argilla.api_key, stack.argilla.password, MODEL_KEY)
    # Services that repeat what they were sent, and services that do not answer.
    failing: tuple[tuple[FaultyProxy, Kind, int, tuple[str, ...]], ...] = (
        (models, "status", 401, ("generate",)),
        (hub, "reset", 0, ("generate",)),
        (hub, "status", 400, ("push", "status", "check")),
        (review, "status", 422, ("push", "sync", "check")),
        (review, "page", 502, ("sync",)),
    )
    for proxy, kind, status, verbs in failing:
        for verb in verbs:
            # The password of the page is Argilla's own: no command is given it.
            echo = f"{stack.hub.token} {stack.argilla.api_key} {MODEL_KEY}"
            proxy.faults[:] = [Fault("/", kind, count=1000, status=status, after=False, body=echo)]
            done, _ = house.command(verb, config.config, "--debug", folder=config.folder, CURATION_PATIENCE="1")
            proxy.faults.clear()
            if (proxy, verb) == (hub, "generate"):
                assert house.command("generate", config.config, folder=config.folder)[0].returncode == 0
            assert done.returncode in {1, 3}, done.stdout + done.stderr
    assert any("Traceback" in text for text in house.output)
    assert any("***" in text for text in house.output), "no service repeated what it was sent"

    places = {
        **{f"output {number}": text.encode() for number, text in enumerate(house.output)},
        **{f"process {number}": text.encode() for number, text in enumerate(house.processes)},
        **{str(path): content_of(path) for path in files_below(house.folder, stack.folder)},
        **on_the_hub(stack, ("undisturbed", "killed", "secret")),
    }
    assert {path.split("/")[-1] for path in places} >= {"requests.sqlite", "README.md", "curation.json"}
    leaked = [
        (place, secret[:6]) for place, content in places.items() for secret in secrets if secret.encode() in content
    ]
    assert leaked == []


def files_below(*folders: Path) -> list[Path]:
    """Return the files below the folders, but those in which the servers keep what they check."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if path.name not in OWN_FILES]


def content_of(path: Path) -> bytes:
    """Return the bytes of a file, and of a Parquet file its rows too, because they are compressed."""
    content = path.read_bytes()
    if content[:4] == b"PAR1" and content[-4:] == b"PAR1":
        content += str(pq.read_table(path).to_pylist()).encode()
    return content


def on_the_hub(stack: Stack, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return all commits of the repos of these curations, and all files of the newest."""
    places: dict[str, bytes] = {}
    headers = {"Authorization": f"Bearer {stack.hub.token}"}
    with httpx2.Client(base_url=stack.hub.url, headers=headers, follow_redirects=True, trust_env=False) as http:
        for repo in (repo for name in names for repo in (f"acme/{name}", f"acme/{name}-store")):
            if (commits := http.get(f"/api/datasets/{repo}/commits/main")).is_success:
                places[f"{repo} commits"] = commits.content
                for entry in http.get(f"/api/datasets/{repo}/tree/main", params={"recursive": "true"}).json():
                    content = http.get(f"/datasets/{repo}/resolve/main/{entry['path']}").content
                    places[f"{repo}/{entry['path']}"] = content
    return places
