"""Escalation end to end: what reviewers do not agree on goes to adjudicators, once, and what they answer decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from curation import ids
from curation.local import Stack
from curation.local.reviewers import Fields
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_answers_stay import items
from tests.flows.test_loop import always, answers, argilla, card, dataset_id, published, review

pytestmark = pytest.mark.stack

NAME = "escalated"
SECOND = f"{NAME}-adjudication"
REVIEW = "\n[review]\nmin_submitted = 3\n"


def by_question(**answers_of: str) -> Any:
    """Return a rule that gives these answers by the number of the question, q1 and so on, and "a" to the others."""

    def rule(fields: Fields) -> str:
        number = str(fields["prompt"]).partition("Question ")[2].partition(":")[0]
        return answers_of.get(f"q{number}", "a")

    return rule


def records_of(stack: Stack) -> dict[str, str]:
    """Return the id of the record about each question, by "q1" and so on."""
    snapshot = stored(stack, NAME)
    texts = {record.id: snapshot.candidate_sets[record.set_id].prompt for record in snapshot.records.values()}
    return {f"q{prompt.messages[-1].content[9]}": record_id for record_id, prompt in texts.items()}


def flag(http: httpx2.Client, record_id: str) -> None:
    """Let the first who answered the record flag it as unsafe."""
    [copy] = [item["id"] for item in items(http, NAME) if item["external_id"] == record_id]
    answer = next(answer for answer in answers(http, NAME) if answer["record_id"] == copy)
    values = {**answer["values"], "flags": {"value": ["unsafe"]}}
    http.put(f"/responses/{answer['id']}", json={"status": "submitted", "values": values}).raise_for_status()


def in_second(http: httpx2.Client) -> set[str]:
    return {item["external_id"] for item in items(http, SECOND)}


def append(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")


def test_what_reviewers_do_not_agree_on_is_decided_by_adjudicators(cli: CommandLine, stack: Stack) -> None:
    path = write_config(cli.folder, NAME, more=REVIEW)
    repo = f'repo_id = "acme/{NAME}"\n'
    text = path.read_text(encoding="utf-8").replace(repo, f'{repo}formats = ["dpo", "raw"]\n')
    path.write_text(text, encoding="utf-8")
    records = three_review(cli, stack, path)
    sync_escalates(cli, stack, path, records)
    a_second_sync_adds_nothing(
        cli, stack, str(path), {ids.adjudication_id(records[name]) for name in ("q1", "q2", "q3")}
    )
    assert cli.json("publish", str(path))["rows"] == {"dpo": 4, "raw": 6}
    review(stack, SECOND, **{"zoe": always("b")})
    refresh_reads_both_datasets(cli, stack, str(path), records)
    adjudicators_decide(cli, stack, records)
    later_answers_leave_it_with_adjudicators(cli, stack, str(path), records)
    restore_rebuilds_both_datasets(cli, stack, str(path))
    another_number_of_adjudicators_reaches_argilla(cli, stack, path)


def three_review(cli: CommandLine, stack: Stack, path: Path) -> dict[str, str]:
    """Generate, push, let three people answer and one of them flag, and sync. Return the record of each question."""
    config = str(path)
    cli.json("generate", config)
    cli.json("push", config)
    review(stack, NAME, ann=by_question(), bob=by_question(q2="both_bad"), eve=by_question(q1="b", q2="b"))
    records = records_of(stack)
    with argilla(stack) as http:
        flag(http, records["q3"])
    synced = cli.json("sync", config)
    assert (synced["added"], synced["adjudication"]) == (18, None)
    return records


def sync_escalates(cli: CommandLine, stack: Stack, path: Path, records: dict[str, str]) -> None:
    append(path, "escalate_below = 0.7")
    # Nothing happened in Argilla, and what was not escalated yet is: as after a sync that ended before it escalated.
    # q1 has two of three, q2 three different answers, q3 a flag; on q0, q4 and q5 all agree.
    synced = cli.json("sync", str(path))
    assert synced["read_all"] is False
    assert synced["adjudication"]["new"] == {"draw": 1, "flagged": 1, "low_agreement": 1}
    assert (synced["adjudication"]["escalated"], synced["adjudication"]["waiting"]) == (3, 3)
    assert {row.id: row.reason for row in stored(stack, NAME).escalated.values()} == {
        ids.adjudication_id(records["q1"]): "low_agreement",
        ids.adjudication_id(records["q2"]): "draw",
        ids.adjudication_id(records["q3"]): "flagged",
    }
    with argilla(stack) as http:
        assert answers(http, SECOND) == []
        fields = {item["external_id"]: item["fields"] for item in items(http, NAME)}
        again = {item["external_id"]: item["fields"] for item in items(http, SECOND)}
    assert again[ids.adjudication_id(records["q1"])] == fields[records["q1"]]


def a_second_sync_adds_nothing(cli: CommandLine, stack: Stack, config: str, expected: set[str]) -> None:
    """Nor does one after a sync that ended before Argilla had all or anything of the second dataset."""
    with argilla(stack) as http:
        assert in_second(http) == expected
        for lose in ("nothing", "a record", "the dataset"):
            if lose == "a record":
                [first, *_] = items(http, SECOND)
                http.delete(f"/records/{first['id']}").raise_for_status()
            if lose == "the dataset":
                http.delete(f"/datasets/{dataset_id(http, SECOND)}").raise_for_status()
            synced = cli.json("sync", config)
            assert (synced["adjudication"]["new"], synced["adjudication"]["escalated"]) == ({}, 3), lose
            assert (synced["missing_records"], synced["added"], synced["withdrawn"]) == ([], 0, 0)
            assert in_second(http) == expected


def refresh_reads_both_datasets(cli: CommandLine, stack: Stack, config: str, records: dict[str, str]) -> None:
    """An adjudicator has answered all three, and on q4 bob and eve change their minds: refresh escalates that too."""
    status = cli.json("status", config)
    assert (status["waiting"], status["adjudication"]["waiting"], status["adjudication"]["escalated"]) == (3, 0, 3)
    assert "zoe" not in status["progress"]
    with argilla(stack) as http:
        [copy] = [item["id"] for item in items(http, NAME) if item["external_id"] == records["q4"]]
        of_record = [answer for answer in answers(http, NAME) if answer["record_id"] == copy]
        for answer, preference in zip(of_record, ("a", "b", "both_good"), strict=True):
            body = {"status": "submitted", "values": {"preference": {"value": preference}}}
            http.put(f"/responses/{answer['id']}", json=body).raise_for_status()
    refreshed = cli.json("refresh", config)
    assert refreshed["sync"]["adjudication"]["new"] == {"draw": 1}
    assert refreshed["sync"]["adjudication"]["waiting"] == 1


def adjudicators_decide(cli: CommandLine, stack: Stack, records: dict[str, str]) -> None:
    rows = {row["record_ids"][0]: row for row in published(stack, cli.folder, NAME, "dpo")}
    assert {name: rows[records[name]]["label_source"] for name in ("q0", "q1", "q2", "q3", "q5")} == {
        **dict.fromkeys(("q0", "q5"), "human"),
        **dict.fromkeys(("q1", "q2", "q3"), "adjudicated"),
    }
    assert records["q4"] not in rows
    assert (rows[records["q1"]]["reviewers"], rows[records["q1"]]["agreement"]) == (1, None)
    marked = [
        [entry["adjudication"] for entry in row["annotations"]]
        for row in published(stack, cli.folder, NAME, "raw")
        if row["record_ids"] == [records["q1"]]
    ]
    assert sorted(marked[-1]) == [False, False, False, True]
    text = card(stack, cli.folder, NAME)
    assert "| adjudicators, after the first reviewers | 3 |" in text
    assert "The first reviewers did not agree on 4 records, or flagged them" in text
    assert "have decided\n3 records so far" in text


def later_answers_leave_it_with_adjudicators(
    cli: CommandLine, stack: Stack, config: str, records: dict[str, str]
) -> None:
    """Later answers lift the agreement on q1."""
    review(stack, NAME, **{"kim": by_question(q4="a"), "leo": by_question(q4="a")})
    synced = cli.json("sync", config)
    assert (synced["adjudication"]["new"], synced["adjudication"]["waiting"]) == ({}, 1)
    told = cli.run("explain", config, ids.adjudication_id(records["q1"])).stdout
    assert f"Escalated as {ids.adjudication_id(records['q1'])} because of low_agreement" in told
    assert 'Adjudicator zoe submitted {"preference": "b"}' in told
    assert "Decided by adjudicated: 1 reviewer" in told
    cli.json("publish", config)
    lines = cli.run("verify", config).stdout
    assert "ok    records to adjudicate: 4 = 4 in Argilla" in lines
    assert "FAIL" not in lines


def restore_rebuilds_both_datasets(cli: CommandLine, stack: Stack, config: str) -> None:
    """Argilla lost both datasets: answers in the second are as safe as those in the first."""
    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, SECOND)}").raise_for_status()
        assert SECOND in cli.error("sync", config)
        http.delete(f"/datasets/{dataset_id(http, NAME)}").raise_for_status()
    restored = cli.json("restore", config)
    assert (restored["records_added"], restored["adjudications_added"]) == (6, 4)
    with argilla(stack) as http:
        assert len(in_second(http)) == 4
        assert {answer["values"]["preference"]["value"] for answer in answers(http, SECOND)} == {"b"}
        assert len(answers(http, SECOND)) == 3
    synced = cli.json("sync", config)
    assert (synced["added"], synced["changed"], synced["withdrawn"]) == (0, 0, 0)
    assert synced["adjudication"]["waiting"] == 1
    assert cli.run("verify", config).returncode == 0


def another_number_of_adjudicators_reaches_argilla(cli: CommandLine, stack: Stack, path: Path) -> None:
    """Where two adjudicators do not agree, there is no verdict."""
    append(path, "adjudicators = 2")
    assert "--update-settings" in cli.error("sync", str(path))
    cli.json("push", str(path), "--update-settings")
    review(stack, SECOND, zoe=always("b"), yan=always("a"))
    assert cli.json("sync", str(path))["adjudication"]["waiting"] == 0
    assert cli.json("status", str(path))["unresolved"] == {"draw": 4}
