"""The client of one endpoint: what is tried again, what a failure is called, what ends a run, and what is kept."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tenacity

from curation.errors import AuthError, CurationError, MissingError, ServiceError, TemporaryError
from curation.generation import Endpoint, Generator, client
from curation.generation.budget import MAX_PAID_ATTEMPTS
from curation.generation.cache import RequestCache, request_key
from curation.generation.client import ChatClient
from curation.generation.endings import FEW, MANY, OUTAGE
from curation.generation.meter import StageMeter
from curation.generation.refusals import LONGEST_LOADING_SECONDS, LONGEST_WAIT_SECONDS, read_refusal
from curation.local.inference import Fault, Reply, Request, ScriptedServer

SECRET = "key_sesame"
VARIABLE = "MY_KEY"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


@contextmanager
def serving(*faults: Fault, text: str = "Because.", **options: Any) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda request: text, faults=faults, **options) as server:
        yield server


def client_at(
    url: str, *, cache: Path | None = None, meter: StageMeter | None = None, key: str | None = SECRET, **options: Any
) -> ChatClient:
    return ChatClient(
        Endpoint(model_id="small", base_url=url, api_key_env=VARIABLE, **options),
        name="cool",
        url=url,
        api_key=key,
        cache=RequestCache(cache) if cache is not None else None,
        meter=meter,
        story=None,
    )


def body(prompt: str) -> dict[str, Any]:
    return {"model": "small", "messages": [{"role": "user", "content": prompt}]}


def ask(asking: ChatClient, *prompts: str) -> list[dict[str, Any]]:
    """Return the replies to prompts that are asked all at once."""

    async def run() -> list[dict[str, Any]]:
        try:
            return list(await asyncio.gather(*(asking.ask(body(prompt), nth=0) for prompt in prompts)))
        finally:
            await asking.aclose()

    return asyncio.run(run())


def ask_in_turn(asking: ChatClient, *prompts: str) -> tuple[list[dict[str, Any]], CurationError | None]:
    """Return the replies to prompts that are asked one after the other, and the error that ended it."""
    replies: list[dict[str, Any]] = []

    async def run() -> CurationError | None:
        try:
            for prompt in prompts:
                replies.append(await asking.ask(body(prompt), nth=0))
        except CurationError as error:
            return error
        finally:
            await asking.aclose()
        return None

    return replies, asyncio.run(run())


def outcome(server: ScriptedServer, **options: Any) -> tuple[str | None, str | None, int]:
    """Return the generation, the failure and the attempts of one request."""
    [reply] = ask(client_at(server.url, **options), "Why?")
    return reply["generation"], reply.get("failure"), reply["attempts"]


def wait_until(is_so: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait until something is so, or for so many seconds: the assertion that follows then says what is not."""
    ends = time.monotonic() + seconds
    while not is_so() and time.monotonic() < ends:
        time.sleep(0.01)


def questions(count: int) -> list[str]:
    return [f"Question {number}." for number in range(count)]


def test_a_retry_asks_the_same_again() -> None:
    with serving(Fault(kind="status", status=503, attempts=2)) as server:
        assert outcome(server) == ("Because.", None, 3)
        assert len({str(exchange.request.body) for exchange in server.requests}) == 1


NOW = {"retry-after": "0"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=429, headers=NOW, attempts=1),
        Fault(kind="status", status=429, attempts=1),
        Fault(kind="status", status=500, attempts=1),
        Fault(kind="status", status=408, attempts=1),
        Fault(kind="status", status=504, headers={"retry-after": "soon"}, attempts=1),
        Fault(kind="reset", attempts=1),
        Fault(kind="html", attempts=1),
        Fault(kind="malformed", attempts=1),
        Fault(kind="empty", attempts=1),
        Fault(kind="null", attempts=1),
        pytest.param(Fault(kind="hang", seconds=60, attempts=1), marks=pytest.mark.slow),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}" if fault.kind == "status" else fault.kind,
)
def test_what_may_pass_is_tried_again(fault: Fault) -> None:
    with serving(fault) as server:
        assert outcome(server, timeout=2.0 if fault.kind == "hang" else 30.0) == ("Because.", None, 2)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="status", status=429), "rate_limited"),
        (Fault(kind="status", status=500), "http_500"),
        (Fault(kind="status", status=503), "http_503"),
        (Fault(kind="reset"), "connection_lost"),
        pytest.param(Fault(kind="hang", seconds=60), "timeout", marks=pytest.mark.slow),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("max_attempts", [1, 3])
def test_what_does_not_pass_is_given_up_after_as_many_attempts_as_the_config_says(
    fault: Fault, reason: str, max_attempts: int
) -> None:
    with serving(fault) as server:
        # Long enough for the request to arrive on a busy machine.
        timeout = 1.5 if fault.kind == "hang" else 30.0
        assert outcome(server, timeout=timeout, max_attempts=max_attempts) == (None, reason, max_attempts)
        # The server may notice a little later that a client has left.
        wait_until(lambda: len(server.requests) >= max_attempts)
        assert len(server.requests) == max_attempts


UNUSABLE = [
    (Fault(kind="malformed"), "reply_is_not_json"),
    (Fault(kind="empty"), "reply_has_no_choice"),
    (Fault(kind="null"), "empty_reply"),
]


@pytest.mark.parametrize(("fault", "reason"), UNUSABLE, ids=[fault.kind for fault, _ in UNUSABLE])
def test_what_was_paid_for_and_is_of_no_use_is_asked_for_a_few_times_only(fault: Fault, reason: str) -> None:
    with serving(fault) as server:
        assert outcome(server) == (None, reason, MAX_PAID_ATTEMPTS)
        assert len(server.requests) == MAX_PAID_ATTEMPTS
        server.reset()
        assert outcome(server, max_attempts=2) == (None, reason, 2)


def test_only_attempts_that_were_paid_for_count_as_paid() -> None:
    with serving(Fault(kind="status", status=503, attempts=4), Fault(kind="malformed")) as server:
        assert outcome(server) == (None, "reply_is_not_json", 4 + MAX_PAID_ATTEMPTS)
    with serving(Fault(kind="html")) as server:
        assert outcome(server) == (None, "reply_is_html", 10)


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_reply_without_text_is_no_answer(text: str) -> None:
    with serving(text=text) as server:
        assert outcome(server) == (None, "empty_reply", MAX_PAID_ATTEMPTS)


TOO_LONG = '{"error": {"message": "This model\'s maximum context length is 8192 tokens."}}'


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="status", status=400, body=TOO_LONG), "context_too_long"),
        (Fault(kind="status", status=400, body='{"error": {"code": "content_filter"}}'), "content_filter"),
        (Fault(kind="status", status=400, body='{"error": {"code": "model_not_found"}}'), "not_found"),
        (Fault(kind="status", status=400, body="{}"), "http_400"),
        (Fault(kind="status", status=401), "unauthorized"),
        (Fault(kind="status", status=403), "forbidden"),
        (Fault(kind="status", status=404), "not_found"),
        (Fault(kind="status", status=413), "context_too_long"),
        (Fault(kind="status", status=422), "http_422"),
    ],
)
def test_what_would_fail_again_is_not_tried_again(fault: Fault, reason: str) -> None:
    with serving(fault) as server:
        assert outcome(server) == (None, reason, 1)
        assert len(server.requests) == 1


def test_a_reply_that_a_filter_cut_is_no_answer_and_not_asked_for_again() -> None:
    with ScriptedServer(lambda request: Reply(text="I", finish_reason="content_filter")) as server:
        assert outcome(server) == (None, "content_filter", 1)


def test_a_redirect_is_not_followed_and_no_key_is_sent_elsewhere() -> None:
    with serving() as elsewhere:
        moved = Fault(kind="status", status=307, headers={"location": f"{elsewhere.url}/chat/completions"})
        with serving(moved) as server:
            assert outcome(server) == (None, "http_307", 1)
            assert server.requests[0].request.authorization == f"Bearer {SECRET}"
        assert elsewhere.requests == ()


def test_the_wait_that_a_server_asks_for_is_kept_to_but_not_for_ever() -> None:
    assert [_wait_after(said) for said in ("2.5", "0", "3600")] == [2.5, 0.0, LONGEST_WAIT_SECONDS]


def test_a_model_that_is_loaded_is_waited_for_as_long_as_its_server_says() -> None:
    loading = b'{"error": "Model small is currently loading", "estimated_time": 93.5}'
    assert _wait_after("1", loading) == 93.5
    assert _wait_after("1", loading.replace(b"93.5", b"86400")) == LONGEST_LOADING_SECONDS


def _wait_after(retry_after: str, content: bytes = b"") -> float:
    return client._wait(read_refusal(503, {"Retry-After": retry_after}, content), 1)


def test_a_server_that_says_when_to_come_back_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def guess(state: tenacity.RetryCallState) -> float:
        raise AssertionError("the server said when")

    monkeypatch.setattr(client, "_backoff", guess)
    with serving(Fault(kind="status", status=429, headers={"Retry-After": "0"}, attempts=2)) as server:
        assert outcome(server) == ("Because.", None, 3)


def test_no_more_requests_are_in_flight_than_the_config_allows() -> None:
    with serving(Fault(kind="hang", seconds=0.02)) as server:
        ask(client_at(server.url, max_concurrency=3), *questions(15))
        assert server.stats.most_in_flight == 3


@pytest.mark.slow
def test_waiting_for_ones_turn_is_not_waiting_for_the_server() -> None:
    with serving(Fault(kind="hang", seconds=0.5)) as server:
        replies = ask(client_at(server.url, max_concurrency=1, timeout=2), *questions(5))
    assert [reply["attempts"] for reply in replies] == [1] * 5


def test_what_was_answered_is_not_asked_again_and_what_failed_is(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    lost = Fault(kind="status", status=400, match="Question 1")
    with serving(lost) as server:
        first = ask(client_at(server.url, cache=cache), *questions(3))
        assert [reply["attempts"] for reply in first] == [1, 1, 1]
        server.reset()
        again = ask(client_at(server.url, cache=cache), *questions(3))
        assert [exchange.request.prompt for exchange in server.requests] == ["Question 1."]
    assert [reply["attempts"] for reply in again] == [0, 1, 0]
    assert [reply["generation"] for reply in again] == ["Because.", None, "Because."]
    assert again[0] == {**first[0], "attempts": 0}


@pytest.mark.slow
def test_a_reply_is_in_the_cache_before_the_others_are_there(tmp_path: Path) -> None:
    cache, killed = tmp_path / "kept" / "requests.sqlite", tmp_path / "killed"

    async def run(url: str) -> int:
        asking = client_at(url, cache=cache)
        try:
            never = asyncio.create_task(asking.ask(body("Hang."), nth=0))
            await asking.ask(body("Why?"), nth=0)
            # What the next run would find if this one was killed now: a copy of the files has no locks.
            shutil.copytree(cache.parent, killed)
            with closing(RequestCache(killed / cache.name)) as next_run:
                replies = next_run.info().replies
            # Others find it soon while this one goes on.
            with closing(RequestCache(cache)) as other:
                while not other.info().replies:
                    await asyncio.sleep(0.05)
            never.cancel()
            await asyncio.gather(never, return_exceptions=True)
            return replies
        finally:
            await asking.aclose()

    with serving(Fault(kind="hang", seconds=600, match="Hang")) as server:
        assert asyncio.run(run(server.url)) == 1


def test_the_meter_counts_what_was_paid_what_was_known_and_what_failed(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        return Reply(text="Because.", prompt_tokens=10, completion_tokens=4)

    def metered(server: ScriptedServer) -> StageMeter:
        meter = StageMeter("generate cool", Generator(model_id="small", price_in=1.0, price_out=2.0))
        ask(client_at(server.url, cache=tmp_path / "requests.sqlite", meter=meter), *questions(3))
        return meter

    lost = Fault(kind="status", status=400, match="Question 1")
    with ScriptedServer(reply, faults=[lost]) as server:
        first, second = metered(server), metered(server)
    assert (first.done, first.cached, first.failed, first.in_flight) == (2, 0, 1, 0)
    assert (first.input_tokens, first.output_tokens) == (20, 8)
    assert first.cost == pytest.approx(36e-6)
    assert (second.done, second.cached, second.failed, second.cost) == (0, 2, 1, 0.0)


KEY_REFUSED = r"The endpoint of cool at http://127.0.0.1:\d+/v1 refused the key \({}: Injected .*\). Set MY_KEY to .*"
NO_MODEL = (
    r"The endpoint of cool at http://127.0.0.1:\d+/v1 has no model 'small', or there is no endpoint.*model_id, .*"
)
REFUSED = r"The endpoint of cool at http://127.0.0.1:\d+/v1 refused 5 requests in a row \(http_422: Injected .*\). .*"


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (Fault(kind="status", status=401), AuthError, KEY_REFUSED.format("unauthorized")),
        (Fault(kind="status", status=403), AuthError, KEY_REFUSED.format("forbidden")),
        (Fault(kind="status", status=404), MissingError, NO_MODEL),
        (Fault(kind="status", status=400, body='{"error": {"code": "model_not_found"}}'), MissingError, NO_MODEL),
        (Fault(kind="status", status=422), ServiceError, REFUSED),
    ],
    ids=["401", "403", "404", "model_not_found", "422"],
)
def test_a_few_refusals_in_a_row_end_it_with_a_sentence(
    fault: Fault, error: type[CurationError], sentence: str
) -> None:
    with serving(fault) as server:
        replies, ended = ask_in_turn(client_at(server.url), *questions(50))
        assert len(server.requests) == FEW
    assert len(replies) == FEW
    assert type(ended) is error
    with pytest.raises(error, match=sentence):
        raise ended


def test_an_answer_in_between_shows_that_not_everything_is_refused() -> None:
    refused = Fault(kind="status", status=422, match="Question .*[1-9]")
    with serving(refused) as server:
        replies, ended = ask_in_turn(client_at(server.url), *(f"Question {n % FEW}." for n in range(6 * FEW)))
    assert ended is None
    assert sum(reply["generation"] is None for reply in replies) == 6 * (FEW - 1)


def test_what_is_refused_after_an_answer_lies_in_the_prompts_and_does_not_end_it() -> None:
    refused = Fault(kind="status", status=400, match="Question")
    with serving(refused) as server:
        replies, ended = ask_in_turn(client_at(server.url), "Answered.", *questions(4 * FEW))
    assert ended is None
    assert [reply.get("failure") for reply in replies] == [None] + ["http_400"] * (4 * FEW)


@pytest.mark.parametrize(("status", "error"), [(401, AuthError), (402, ServiceError)])
def test_a_key_that_is_refused_after_an_answer_ends_it(status: int, error: type[CurationError]) -> None:
    refused = Fault(kind="status", status=status, match="Question")
    with serving(refused) as server:
        _, ended = ask_in_turn(client_at(server.url), "Answered.", *questions(4 * FEW))
        assert len(server.requests) == 1 + FEW
    assert type(ended) is error


def test_what_an_earlier_run_was_refused_does_not_end_it_but_what_is_new_does() -> None:
    with serving(Fault(kind="status", status=400)) as server:
        first, ended = ask_in_turn(client_at(server.url), *questions(50))
        assert ended is not None
        meter = StageMeter("generate cool", Generator(model_id="small"))
        meter.failed_before = frozenset(reply["request"] for reply in first)
        server.reset()
        again, ended = ask_in_turn(client_at(server.url, meter=meter), *questions(50))
        assert ended is not None
    assert (len(first), len(again)) == (FEW, 2 * FEW)


def test_replies_of_no_use_end_it_at_once_of_a_model_that_never_answered_and_late_of_another() -> None:
    null = Fault(kind="null", match="Question")
    with serving(null) as server:
        replies, ended = ask_in_turn(client_at(server.url, max_attempts=1), *questions(60))
        assert (len(replies), type(ended)) == (FEW, ServiceError)
        replies, ended = ask_in_turn(client_at(server.url, max_attempts=1), "Answered.", *questions(60))
        assert (len(replies), type(ended)) == (1 + MANY, ServiceError)


@pytest.mark.parametrize("body", [TOO_LONG, '{"error": {"code": "content_filter"}}'], ids=["long", "filter"])
def test_what_is_wrong_with_prompts_never_ends_it(body: str) -> None:
    with serving(Fault(kind="status", status=400, body=body)) as server:
        replies, ended = ask_in_turn(client_at(server.url), *questions(4 * OUTAGE))
        assert len(server.requests) == 4 * OUTAGE
    assert ended is None
    assert len(replies) == 4 * OUTAGE


def test_an_outage_ends_it_with_an_error_that_a_cron_job_tries_again() -> None:
    with serving(Fault(kind="status", status=503)) as server:
        replies, ended = ask_in_turn(client_at(server.url, max_attempts=2), *questions(50))
        assert len(server.requests) == 2 * OUTAGE
    assert len(replies) == OUTAGE
    assert type(ended) is TemporaryError
    assert ended.message == (
        f"{OUTAGE} requests to cool in a row failed after all their attempts, the last with http_503: "
        "Injected fault: status 503."
    )


def test_an_answer_in_between_shows_that_there_is_no_outage() -> None:
    down = Fault(kind="status", status=503, match="Question [1-9]")
    with serving(down) as server:
        asked = [f"Question {number % OUTAGE}." for number in range(4 * OUTAGE)]
        _, ended = ask_in_turn(client_at(server.url, max_attempts=1), *asked)
    assert ended is None


def test_after_the_end_only_what_is_known_is_answered(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with serving(Fault(kind="status", status=401, match="Question")) as server:
        ask(client_at(server.url, cache=cache), "Known.")

        async def run() -> tuple[str | None, list[BaseException | dict[str, Any]]]:
            asking = client_at(server.url, cache=cache)
            try:
                await asyncio.gather(
                    *(asking.ask(body(text), nth=0) for text in questions(FEW)), return_exceptions=True
                )
                sent = len(server.requests)
                more = await asyncio.gather(
                    *(asking.ask(body(text), nth=0) for text in questions(20)), return_exceptions=True
                )
                assert len(server.requests) == sent
                return (await asking.ask(body("Known."), nth=0))["generation"], list(more)
            finally:
                await asking.aclose()

        known, more = asyncio.run(run())
    assert known == "Because."
    assert {type(error) for error in more} == {AuthError}


def test_neither_an_error_nor_the_cache_holds_the_key(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with serving(Fault(kind="status", status=401, match="Question")) as server:
        _, ended = ask_in_turn(client_at(server.url, cache=cache), "Known.", *questions(FEW + 1))
        assert {exchange.request.authorization for exchange in server.requests} == {f"Bearer {SECRET}"}
    assert ended is not None
    shown = "".join(traceback.format_exception(ended)) + repr(ended)
    assert "refused the key" in shown
    assert "sesame" not in shown
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Because." in kept
    assert b"sesame" not in kept


def test_a_cookie_is_not_carried_from_one_prompt_to_the_next() -> None:
    sticky = Fault(kind="status", status=503, headers={"set-cookie": "seen=yes"}, attempts=1)
    with serving(sticky) as server:
        # Of a server that is named by its number nobody would keep a cookie.
        ask(client_at(server.url.replace("127.0.0.1", "localhost")), "Why?")
        assert [exchange.request.headers.get("cookie") for exchange in server.requests] == [None, None]


def test_no_password_of_netrc_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password sesame\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving() as server:
        ask(client_at(server.url, key=None), "Why?")
        assert server.requests[0].request.authorization is None


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that answers everything itself: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            content = b'{"choices": [{"message": {"content": "By proxy."}}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_the_proxy_of_the_environment_is_used_but_not_for_hosts_that_it_excepts(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    [reply] = ask(client_at("http://models.invalid/v1"), "Why?")
    assert reply["generation"] == "By proxy."
    assert asked == ["http://models.invalid/v1/chat/completions"]
    with serving() as server:
        assert outcome(server)[0] == "Because."


HERE, THERE = "http://127.0.0.1:9001/v1", "http://127.0.0.1:9002/v1"


def key_and_seed(*, address: str = HERE, asker: str = "cool", nth: int = 0, **more: Any) -> tuple[str, int]:
    return request_key(address, {**body("Why?"), **more}, asker=asker, nth=nth)


def test_the_same_request_has_the_same_key_and_seed_in_every_order_of_its_parameters() -> None:
    one = request_key(HERE, {"model": "small", "top_p": 0.9}, asker="cool", nth=0)
    assert request_key(HERE, {"top_p": 0.9, "model": "small"}, asker="cool", nth=0) == one


def test_a_seed_is_the_same_wherever_the_model_answers_but_a_reply_belongs_to_its_place() -> None:
    (here, seed_here), (there, seed_there) = key_and_seed(), key_and_seed(address=THERE)
    assert seed_here == seed_there
    assert here != there


@pytest.mark.parametrize("other", [{"asker": "warm"}, {"nth": 1}, {"temperature": 0.2}], ids=["asker", "nth", "body"])
def test_another_asker_another_answer_and_another_request_have_other_seeds_and_keys(other: dict[str, Any]) -> None:
    (key, seed), (other_key, other_seed) = key_and_seed(), key_and_seed(**other)
    assert seed != other_seed
    assert key != other_key


def test_a_seed_that_was_given_is_kept_and_two_answers_with_it_are_still_two() -> None:
    (key, seed), (other_key, other_seed) = key_and_seed(seed=7), key_and_seed(seed=7, nth=1)
    assert seed == other_seed == 7
    assert key != other_key
