"""Every reply that was paid for is on disk: found again by its request alone, by any process, until it is deleted."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from curation.errors import ServiceError
from curation.generation import Generator, Models, UltraFeedbackJudge, cache_file
from curation.generation import cache as cache_module
from curation.generation.cache import MOST_WAITING, RequestCache, request_key
from curation.local.inference import Fault, Request, ScriptedServer
from tests.rows import made_sets, make_prompt
from tests.scripts import scripted_reply

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Why?"}], "temperature": 0.7}
REPLY = {"generation": "مرحبا 👩\u200d👧 \u2028 \"'", "finish_reason": None, "output_tokens": 7, "seconds": 0.5}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "requests.sqlite"


def key(address: str = "http://127.0.0.1:1/v1", *, asker: str = "one", nth: int = 0, **changes: Any) -> tuple[str, int]:
    return request_key(address, {**BODY, **changes}, asker=asker, nth=nth)


def test_a_request_that_was_never_answered_has_no_reply(path: Path) -> None:
    with RequestCache(path) as cache:
        assert cache.get("unknown") is None


def test_a_reply_comes_back_as_it_was_put_after_the_file_was_closed_too(path: Path) -> None:
    with RequestCache(path) as cache:
        cache.put("a", REPLY, model="m")
        assert cache.get("a") == REPLY
    with RequestCache(path) as cache:
        assert cache.get("a") == REPLY
        assert cache.get("b") is None


def test_the_newest_reply_to_a_request_counts(path: Path) -> None:
    with RequestCache(path) as cache:
        cache.put("a", REPLY, model="m")
        cache.put("a", {"generation": "newer"}, model="m")
        assert cache.get("a") == {"generation": "newer"}
        assert cache.info().replies == 1


def test_the_file_is_for_its_user_alone(path: Path) -> None:
    with RequestCache(path) as cache:
        cache.put("a", REPLY, model="m")
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_the_cache_says_what_it_holds(path: Path) -> None:
    with RequestCache(path) as cache:
        assert (cache.info().replies, cache.info().models) == (0, {})
        for name, model in (("a", "small"), ("b", "large"), ("c", "small")):
            cache.put(name, REPLY, model=model)
        info = cache.info()
        assert (info.path, info.replies, info.models) == (str(path), 3, {"large": 1, "small": 2})
        assert info.bytes == sum(file.stat().st_size for file in path.parent.iterdir()) > 0


def test_replies_older_than_so_many_days_are_deleted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(time=lambda: 0.0)
    monkeypatch.setattr(cache_module, "time", clock)
    with RequestCache(path) as cache:
        for day in range(5):
            clock.time = lambda now=day * 86_400.0: now
            cache.put(f"day {day}", REPLY, model="m")
        assert cache.prune(older_than_days=10) == 0
        assert cache.prune(older_than_days=2.5) == 2
        assert [cache.get(f"day {day}") is not None for day in range(5)] == [False, False, True, True, True]
        clock.time = lambda: 100 * 86_400.0
        assert cache.prune(older_than_days=0) == 3
        assert cache.info().replies == 0


WRITER = """
import os, signal, sys, time
from pathlib import Path
from curation.generation.cache import RequestCache

path, name, writers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
cache = RequestCache(path)
(path.parent / f"ready-{name}").touch()
while len(list(path.parent.glob("ready-*"))) < writers:
    time.sleep(0.001)
for number in range(300):
    cache.put(f"{name} {number}", {"generation": name}, model=name)
    assert cache.get(f"{name} {number}") == {"generation": name}
os.kill(os.getpid(), signal.SIGKILL)
"""


def write_from_processes(path: Path, *names: str) -> None:
    """Have a process for each name put 300 replies, all at the same time, and die without closing anything."""
    arguments = [[sys.executable, "-c", WRITER, str(path), name, str(len(names))] for name in names]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in arguments]
    for process in processes:
        _, said = process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL, said


@pytest.mark.slow
def test_processes_that_write_at_the_same_time_and_are_killed_lose_no_reply(path: Path) -> None:
    with RequestCache(path) as cache:
        write_from_processes(path, "one", "two")
        assert cache.info().models == {"one": 300, "two": 300}
    with RequestCache(path) as cache:
        assert all(
            cache.get(f"{name} {number}") == {"generation": name} for name in ("one", "two") for number in range(300)
        )


@pytest.mark.parametrize("content", [None, b"no database at all, and longer than the header of one" * 10])
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(path: Path, content: bytes | None) -> None:
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ServiceError, match=r"The request cache .*requests\.sqlite cannot be used: ") as caught:
        RequestCache(path)
    assert "CURATION_CACHE" in (caught.value.remedy or "")


def test_the_same_request_has_the_same_key_and_seed_however_its_body_is_ordered() -> None:
    turned = dict(reversed(BODY.items()))
    assert request_key("here", BODY, asker="one", nth=0) == request_key("here", turned, asker="one", nth=0)
    assert len(key()[0]) == 32
    int(key()[0], 16)


@pytest.mark.parametrize("changes", [{"model": "n"}, {"temperature": 0.8}, {"max_tokens": 5}, {"messages": []}])
def test_another_body_is_another_request(changes: dict[str, Any]) -> None:
    assert key(**changes)[0] != key()[0]
    assert key(**changes)[1] != key()[1]


def test_each_asker_and_each_of_several_answers_has_a_seed_of_its_own() -> None:
    keys = [key(), key(asker="two"), key(nth=1), key(asker="two", nth=1)]
    assert len({seed for _, seed in keys}) == len({name for name, _ in keys}) == 4


def test_a_seed_is_the_same_wherever_the_model_answers_and_a_key_is_not() -> None:
    here, there = key("http://127.0.0.1:1/v1"), key("my-endpoint")
    assert here[1] == there[1]
    assert here[0] != there[0]


def test_a_seed_in_the_body_is_kept_and_part_of_the_key() -> None:
    assert key(seed=7)[1] == 7
    assert key(seed=7)[0] != key(seed=8)[0]
    assert key(seed=7)[0] != key(seed=7, nth=1)[0]


def models(server: ScriptedServer, **options: Any) -> Models:
    place: dict[str, Any] = {"base_url": server.url, "max_attempts": 1, **options}
    return Models(
        generators=tuple(Generator(model_id=name, **place) for name in ("one", "two")),
        judges=(UltraFeedbackJudge(model_id="judge", **place),),
    )


def test_what_was_answered_is_not_asked_again_and_gives_the_same_sets(path: Path) -> None:
    prompts = [make_prompt(f"Question {number}") for number in range(5)]
    with ScriptedServer(scripted_reply) as server:
        first = made_sets(models(server), prompts, cache=path)
        assert len(server.requests) == 15
        server.reset()
        assert made_sets(models(server), prompts, cache=path) == first
        assert made_sets(models(server), prompts[:2], cache=path) == first[:2]
        assert server.requests == ()
        assert made_sets(models(server), prompts) == first
        assert len(server.requests) == 15
    with RequestCache(path) as cache:
        kept = [cache.get(usage.request) for found in first for usage in found.usage]
        assert cache.info().models == {"judge": 5, "one": 5, "two": 5}
    assert None not in kept


def test_what_failed_is_asked_again_and_nothing_else(path: Path) -> None:
    broken = [Fault(kind="status", status=500, model="two", attempts=1), Fault(kind="html", model="judge", attempts=1)]
    with ScriptedServer(scripted_reply, faults=broken) as server:
        [first] = made_sets(models(server), [make_prompt()], cache=path)
        [second] = made_sets(models(server), [make_prompt()], cache=path)
        [third] = made_sets(models(server), [make_prompt()], cache=path)
        assert server.stats.requests == {"one": 1, "two": 2, "judge": 2}
    assert [found.came_through(2) for found in (first, second, third)] == [False, False, True]


@pytest.mark.slow
def test_a_file_that_breaks_during_a_run_ends_it(path: Path) -> None:
    def reply(request: Request) -> str:
        with closing(sqlite3.connect(path)) as database:
            database.execute("DROP TABLE IF EXISTS replies")
        return "So."

    prompts = [make_prompt(f"Question {number}") for number in range(400)]
    with ScriptedServer(reply) as server:
        with pytest.raises(ServiceError, match=r"The request cache .*requests\.sqlite cannot be used"):
            made_sets(models(server, max_concurrency=2), prompts, cache=path)
        # At the latest when so many replies wait to be written.
        assert len(server.requests) < MOST_WAITING + 20


def test_no_key_is_kept_and_another_key_finds_the_same_replies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def reply(request: Request) -> str:
        asked.append(request)
        return scripted_reply(request)

    with ScriptedServer(reply) as server:
        for secret in ("sesame-one", "sesame-two"):
            monkeypatch.setenv("MY_ENDPOINT_KEY", secret)
            made_sets(models(server, api_key_env="MY_ENDPOINT_KEY"), [make_prompt()], cache=path)
    assert {request.authorization for request in asked} == {"Bearer sesame-one"}
    assert len(asked) == 3
    assert not any(b"sesame" in file.read_bytes() for file in path.parent.iterdir())


def test_where_replies_are_kept_is_said_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path))
    assert cache_file() == tmp_path / "requests.sqlite"
    monkeypatch.delenv("CURATION_CACHE")
    assert cache_file().name == "requests.sqlite"
    assert "curation" in cache_file().parts


@pytest.mark.slow
def test_a_cache_that_is_read_whole_takes_no_memory_of_its_size(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    keys = [f"{number:032x}" for number in range(4000)]
    with RequestCache(path) as cache:
        for key in keys:
            cache.put(key, {"generation": "x" * 10_000}, model="small")
    assert path.stat().st_size > 40_000_000
    # Every model of a run has the file open.
    caches = [RequestCache(path) for _ in range(3)]
    before = _resident_bytes()
    for cache in caches:
        assert all(cache.get(key) for key in keys)
    grown = _resident_bytes() - before
    for cache in caches:
        cache.close()
    assert grown < 30_000_000


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_request_that_is_asked_elsewhere_is_not_ours_until_it_is_given_up(tmp_path: Path) -> None:
    with RequestCache(tmp_path / "requests.sqlite") as here, RequestCache(tmp_path / "requests.sqlite") as there:
        assert here.claim("a")
        assert not there.claim("a")
        assert not here.claim("a")
        here.release("a")
        assert there.claim("a")
        there.put("a", {"generation": "Because."}, model="small")
        there.release("a")
        # Its reply is on disk and not in the database yet, so nobody else may ask.
        assert not here.claim("a")
        assert there.get("a") == {"generation": "Because."}
        there.flush()
        assert not here.claim("a")
        assert here.get("a") == {"generation": "Because."}


def test_replies_that_others_write_are_seen_whatever_was_read_before(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with RequestCache(path) as here, RequestCache(path) as there:
        for name in ("a", "b"):
            before = here.mark
            assert here.get(name) is None
            there.put(name, REPLY, model="m")
            there.flush()
            assert not here.claim(name, since=before)
            assert here.get(name) == REPLY


def test_a_mark_that_did_not_change_saves_looking_again(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with RequestCache(path) as cache:
        before = cache.mark
        assert cache.claim("a", since=before)
        cache.put("a", REPLY, model="m")
        assert cache.mark == before
        cache.flush()
        assert cache.mark != before
        assert not cache.claim("a", since=before)


@pytest.mark.slow
def test_what_a_killed_process_was_answered_is_there_for_who_waited_for_it(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    code = (
        "import os, sys; from pathlib import Path; from curation.generation.cache import RequestCache\n"
        "cache = RequestCache(Path(sys.argv[1])); assert cache.claim('a')\n"
        "print(flush=True); sys.stdin.readline(); cache.put('a', {'generation': 'Four.'}, model='m')\n"
        "os.kill(os.getpid(), 9)"
    )
    with (
        RequestCache(path) as cache,
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as asking,
    ):
        assert asking.stdout is not None
        asking.stdout.readline()
        assert not cache.claim("a")
        asking.communicate("\n")
        assert asking.returncode == -9
        assert not cache.claim("a")
        assert cache.get("a") == {"generation": "Four."}


def test_half_a_line_that_a_killed_process_left_spoils_no_other(path: Path) -> None:
    path.parent.mkdir()
    journal = path.with_name("requests.sqlite.journal-0")
    whole = b'["a","m",1000.0,"{\\"generation\\":\\"Four.\\"}"]\n'
    journal.write_bytes(whole + whole.replace(b'"a"', b'"b"')[:30])
    with RequestCache(path) as cache:
        assert cache.get("a") == {"generation": "Four."}
        assert cache.get("b") is None
        assert cache.info().models == {"m": 1}
    assert not journal.exists()


def test_a_cache_that_was_closed_leaves_no_journal(path: Path) -> None:
    with RequestCache(path) as here, RequestCache(path) as there:
        for name, cache in (("a", here), ("b", there)):
            cache.put(name, REPLY, model="m")
        assert len([*path.parent.glob("*.journal-*")]) == 2
    assert [*path.parent.glob("*.journal-*")] == []
    with RequestCache(path) as cache:
        assert cache.info().replies == 2


def test_replies_stay_in_the_journal_if_the_database_is_broken_meanwhile(path: Path) -> None:
    with RequestCache(path) as cache:
        cache.put("a", REPLY, model="m")
        with closing(sqlite3.connect(path)) as database:
            database.execute("DROP TABLE replies")
        with pytest.raises(ServiceError, match="no such table"):
            cache.flush()
    path.unlink()
    with RequestCache(path) as cache:
        assert cache.get("a") == REPLY


def test_a_shared_cache_is_open_until_all_have_closed_it(path: Path) -> None:
    first, second = RequestCache.shared(path), RequestCache.shared(path)
    assert first is second
    first.close()
    second.put("a", REPLY, model="m")
    assert second.get("a") == REPLY
    second.close()
    third = RequestCache.shared(path)
    assert third is not second
    assert third.get("a") == REPLY
    third.close()


@pytest.mark.slow
def test_the_claims_of_a_process_that_was_killed_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    code = (
        "import os, sys; from pathlib import Path; from curation.generation.cache import RequestCache; "
        "cache = RequestCache(Path(sys.argv[1])); assert cache.claim('a'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    with RequestCache(path) as cache:
        assert cache.claim("a")


@pytest.mark.slow
def test_claims_are_kept_from_other_processes_and_each_ends_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    code = (
        "import sys; from pathlib import Path; from curation.generation.cache import RequestCache\n"
        "with RequestCache(Path(sys.argv[1])) as cache: print(*(cache.claim(key) for key in sys.argv[2:]))"
    )

    def elsewhere(*keys: str) -> list[str]:
        asked = [sys.executable, "-c", code, str(path), *keys]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()

    first, second, third = (64 * digit for digit in "abc")
    with RequestCache(path) as cache:
        assert cache.claim(first)
        assert cache.claim(second)
        assert elsewhere(first, second, third) == ["False", "False", "True"]
        cache.release(first)
        cache.put(second, {"generation": "Because."}, model="small")
        # One was given back; the other has its reply.
        assert elsewhere(first, second, third) == ["True", "False", "True"]
        assert cache.claim(third)
    assert elsewhere(third) == ["True"]
    assert (path.parent / "requests.sqlite.claims").stat().st_mode & 0o777 == 0o600


def test_the_files_of_claims_can_be_read_by_their_owner_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with RequestCache(path) as cache:
            assert cache.claim(key()[0])
            files = list(path.parent.glob("*.claims*"))
            assert len(files) == 17
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(before)
