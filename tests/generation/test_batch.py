"""Requests through batch files: the same sets as at once, at half the price, nothing asked twice, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.errors import DataError
from curation.generation import Generator, Models, UltraFeedbackJudge, estimate, generate_candidate_sets, spooled
from curation.generation.batch import Batches
from curation.generation.batch_report import BatchReport
from curation.local.inference import ScriptedServer
from curation.local.inference.batch import run_batch
from curation.types import CandidateSet
from tests.rows import make_prompt
from tests.scripts import scripted_reply

PROMPTS = [f"Question {number}: why?" for number in range(3)]


def models(url: str) -> Models:
    return Models(
        generators=(
            Generator(model_id="small", name="cool", base_url=url, max_attempts=1, price_in=10, price_out=10),
            Generator(model_id="large", name="warm", base_url=url, max_attempts=1, price_in=10, price_out=10),
        ),
        judges=(UltraFeedbackJudge(model_id="judge", base_url=url, order="swap", price_in=10, price_out=10),),
    )


class Runs:
    """Runs of one curation in one folder."""

    def __init__(self, folder: Path, server: ScriptedServer) -> None:
        self.folder, self.server, self.models = folder / "batches", server, models(server.url)
        self.cache = folder / "cache" / "requests.sqlite"

    def batches(self) -> Batches:
        return Batches(self.folder, self.models, name="test")

    def batch(self) -> tuple[list[CandidateSet], BatchReport]:
        batches = self.batches()
        batches.read_results(self.cache)
        with spooled(make_prompt(text) for text in PROMPTS) as spool:
            sets = list(
                generate_candidate_sets(
                    "test", spool, models=self.models, engine="batch", cache=self.cache, batches=batches
                )
            )
        for candidate_set in sets:
            batches.settle(candidate_set)
        batches.write()
        batches.close()
        return sets, batches.report

    def at_once(self, cache: Path) -> list[CandidateSet]:
        with spooled(make_prompt(text) for text in PROMPTS) as spool:
            return list(generate_candidate_sets("test", spool, models=self.models, cache=cache))

    def send(self, report: BatchReport, change: Callable[[list[str]], list[str]] = lambda lines: lines) -> None:
        """Run the new files on the server, and put the results into the folder, changed."""
        for name in report.written:
            results = self.folder / "results" / name
            run_batch(self.folder / "requests" / name, results, base_url=self.server.url)
            results.write_text("".join(change(results.read_text().splitlines(keepends=True))))


def ordered(sets: list[CandidateSet]) -> list[CandidateSet]:
    return sorted(sets, key=lambda candidate_set: candidate_set.prompt.id)


def priced(candidate_set: CandidateSet, factor: float) -> CandidateSet:
    usage = [entry.model_copy(update={"cost": (entry.cost or 0) * factor}) for entry in candidate_set.usage]
    return candidate_set.model_copy(update={"usage": tuple(usage)})


@pytest.mark.slow
def test_sets_that_came_through_batches_are_those_that_come_at_once_at_half_the_price(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        sets, first = runs.batch()
        assert (sets, first.written, first.waiting) == ([], {"0001-cool.jsonl": 3, "0002-warm.jsonl": 3}, 6)
        assert not server.requests
        # Without results, nothing is written twice.
        sets, again = runs.batch()
        assert (sets, again.written, again.waiting) == ([], {}, 6)

        runs.send(first)
        sets, second = runs.batch()
        assert (sets, second.replies, second.written, second.waiting) == ([], 6, {"0003-judge.jsonl": 6}, 6)
        runs.send(second)
        sets, third = runs.batch()
        assert (len(sets), third.written, third.waiting) == (3, {}, 0)
        assert (third.replies, third.errors, third.unknown) == (6, 0, 0)
        asked = len(server.requests)
        assert asked == 12
        assert third.cost == pytest.approx(sum(u.cost or 0 for s in sets for u in s.usage if u.stage == "judge"))

        # A run at once after that asks nothing.
        assert ordered(runs.at_once(runs.cache)) == ordered(sets)
        assert len(server.requests) == asked
        usual = runs.at_once(tmp_path / "other.sqlite")
    assert [priced(entry, 1.0) for entry in ordered(sets)] == [priced(entry, 0.5) for entry in ordered(usual)]
    assert all(entry.candidates[0].rating is not None for entry in sets)


def test_nothing_secret_and_nothing_that_others_may_read_is_in_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_nobodymayseethistoken")
    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        runs.batch()
    files = [file for file in runs.folder.rglob("*") if file.is_file()]
    assert sorted(file.name for file in files) == ["0001-cool.jsonl", "0002-warm.jsonl", "manifest.json"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert not [file for file in files if "hf_nobody" in file.read_text()]
    first = json.loads((runs.folder / "requests" / "0001-cool.jsonl").read_text().splitlines()[0])
    assert set(first) == {"custom_id", "method", "url", "body"}
    assert len(first["custom_id"]) <= 64
    assert first["body"]["model"] == "small"


def test_an_error_is_a_failure_of_the_set_and_is_asked_again_after_that(tmp_path: Path) -> None:
    def fail(lines: list[str]) -> list[str]:
        entry = json.loads(lines[0])
        if entry["response"]["body"]["model"] != "small":
            return lines
        broken = {"custom_id": entry["custom_id"], "response": None, "error": {"message": "maximum context length"}}
        return [json.dumps(broken) + "\n", *lines[1:]]

    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        _, report = runs.batch()
        runs.send(report, fail)
        sets, second = runs.batch()
        [failed] = [entry for entry in sets if entry.failures]
        assert [(failure.generator, failure.reason) for failure in failed.failures] == [("cool", "context_too_long")]
        assert (second.errors, len(failed.candidates)) == (1, 1)
        _, third = runs.batch()
        # The judge's requests of the two other prompts wait, and the one that failed is asked once more.
        assert (third.written, third.waiting) == ({"0004-cool.jsonl": 1}, 5)


@pytest.mark.slow
def test_lines_that_are_cut_off_doubled_or_of_others_lose_nothing(tmp_path: Path) -> None:
    def spoil(lines: list[str]) -> list[str]:
        stranger = json.dumps({**json.loads(lines[0]), "custom_id": "stranger"}) + "\n"
        return [lines[0], lines[0], stranger, lines[1], lines[2][:50]]

    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        _, report = runs.batch()
        runs.send(report, spoil)
        _, spoiled = runs.batch()
        assert (spoiled.replies, spoiled.doubled, spoiled.unknown) == (4, 2, 2)
        assert len(spoiled.unreadable) == 2
        assert spoiled.unreadable[0] == "line 5 of 0001-cool.jsonl is no JSON; the file may be cut off"
        # What is missing waits, and is not asked again; the whole files bring it.
        assert all("cool" not in name and "warm" not in name for name in spoiled.written)
        runs.send(report)
        _, whole = runs.batch()
    assert (whole.replies, whole.doubled) == (2, 4)
    assert sorted(file.name for file in (runs.folder / "results" / "read").iterdir()) == [
        "0001-cool-2.jsonl",
        "0001-cool.jsonl",
        "0002-warm-2.jsonl",
        "0002-warm.jsonl",
    ]


def test_results_of_other_requests_are_refused_and_stay_where_they_are(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        runs.batch()
        stranger = runs.folder / "results" / "other.jsonl"
        stranger.write_text(json.dumps({"custom_id": "x", "response": {"status_code": 200, "body": {}}}) + "\n")
        with pytest.raises(DataError, match=r"No line of .*other\.jsonl is a result of a request of this curation"):
            runs.batch()
        assert stranger.exists()


def test_files_are_no_larger_than_services_accept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.generation.batch.MOST_REQUESTS", 2)
    with ScriptedServer(scripted_reply) as server:
        _, report = Runs(tmp_path, server).batch()
    assert sorted(report.written.values()) == [1, 1, 2, 2]
    assert report.waiting == 6


def test_an_estimate_leaves_out_what_was_written_and_counts_half_the_price(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        with spooled(make_prompt(text) for text in PROMPTS) as spool:
            usual = estimate(spool, runs.models, cache=runs.cache)
            before = estimate(
                spool, runs.models, cache=runs.cache, batches=Batches(runs.folder, runs.models, name="test")
            )
            runs.batch()
            after = estimate(
                spool, runs.models, cache=runs.cache, batches=Batches(runs.folder, runs.models, name="test")
            )
    assert before.cost == pytest.approx((usual.cost or 0) / 2)
    assert [stage.requests for stage in after.stages] == [0, 0, 6]
    assert [stage.waiting for stage in after.stages] == [3, 3, 0]


def test_a_manifest_of_another_curation_is_refused(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        runs.batch()
        with pytest.raises(DataError, match="is of the curation 'test', not of 'other'"):
            Batches(runs.folder, runs.models, name="other")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as server:
        runs = Runs(tmp_path, server)
        runs.batch()
        (runs.folder / "results" / "out.jsonl").touch()
        with pytest.raises(DataError, match=r"out\.jsonl is empty"):
            runs.batch()
