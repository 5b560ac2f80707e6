"""explain: one item's whole life, from where its prompt was read to the rows that were published."""

from __future__ import annotations

from typing import Any

import pytest

from curation.local import Stack
from curation.local.reviewers import Fields
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_answers_stay import items
from tests.flows.test_loop import always, answers, argilla, review

pytestmark = pytest.mark.stack


def test_the_life_of_a_prompt_is_told_by_any_id_or_text(cli: CommandLine, stack: Stack) -> None:
    name = "lives"
    prompts = [*(f"What is {number} times {number}?" for number in range(4)), "Was ist das, und warum heißt es so?"]
    more = '[quality]\nlanguages = ["en"]\nnear_duplicates = 1.0\n'
    config = str(write_config(cli.folder, name, prompts=prompts, more=more))
    cli.json("generate", config)
    cli.json("push", config)

    def disagree(fields: Fields) -> str:
        return "b" if "3 times 3" in str(fields) else "a"

    review(stack, name, **{"simulated-one": always("a"), "simulated-two": disagree})
    cli.json("sync", config)
    cli.json("publish", config)
    snapshot = stored(stack, name)
    by_prompt = {
        candidate_set.prompt.messages[-1].content: candidate_set for candidate_set in snapshot.candidate_sets.values()
    }
    candidate_set = by_prompt["What is 2 times 2?"]
    [record] = [record for record in snapshot.records.values() if record.set_id == candidate_set.id]
    with argilla(stack) as http:
        [copy] = [item["id"] for item in items(http, name) if item["external_id"] == record.id]
        two = next(answer for answer in answers(http, name) if answer["record_id"] == copy)
        http.delete(f"/responses/{two['id']}").raise_for_status()
    cli.json("sync", config)

    report = cli.json("explain", config, candidate_set.prompt.id)
    [life] = report["prompts"]
    assert (life["text"], life["dropped"], life["language"]) == ("What is 2 times 2?", None, None)
    assert life["source"] == candidate_set.prompt.source
    [told] = life["sets"]
    assert (told["id"], told["current"], told["not_shown"]) == (candidate_set.id, True, None)
    assert set(told["models"]) == {"generate cool", "generate warm", "judge judge"}
    assert told["commit"]["title"] == "Add 4 candidate sets"
    assert [candidate["id"] for candidate in told["candidates"]] == [
        candidate.id for candidate in candidate_set.candidates
    ]
    assert {candidate["id"]: candidate["score"] for candidate in told["candidates"]} == {
        record.candidates[0]: 1.0,
        record.candidates[1]: 0.0,
    }
    [shown] = told["records"]
    assert (shown["id"], shown["candidates"]) == (record.id, list(record.candidates))
    gone = next(response["reviewer"] for response in shown["responses"] if response["ended"])
    assert [(response["reviewer"] == gone, response["ended"]) for response in shown["responses"]] in (
        [(True, None), (False, None), (True, "withdrawn")],
        [(False, None), (True, None), (True, "withdrawn")],
    )
    assert {response["commit"]["title"] for response in shown["responses"]} == {"Sync 8 responses", "Sync 7 responses"}
    assert (told["label_source"], told["reviewers"]) == ("simulated", 1)
    assert sorted(row["config"] for row in told["rows"]) == ["dpo", "kto", "kto"]
    assert all(row["derived"] and row["commit"]["title"] == "Publish 9 rows" for row in told["rows"])

    [row_id] = [row["id"] for row in told["rows"] if row["config"] == "dpo"]
    for query in (candidate_set.id, record.candidates[1], record.id, copy, row_id, "what is  2 TIMES 2"):
        assert cli.json("explain", config, query)["prompts"] == report["prompts"], query
    lines = cli.run("explain", config, record.id).stdout
    assert f'{gone} withdrawn: {{"preference": "a"}}' in lines
    assert "Decided by simulated: 1 reviewer" in lines
    assert f"Row {row_id} of dpo/" in lines
    assert_draw_and_drop(cli, config)


def assert_draw_and_drop(cli: CommandLine, config: str) -> None:
    """What gave no row says why, and so does a prompt that nobody was asked about."""
    [life] = cli.json("explain", config, "3 times 3")["prompts"]
    told: dict[str, Any] = life["sets"][0]
    assert (told["rows"], told["dropped"], told["label_source"]) == ([], ["draw"], None)
    [life] = cli.json("explain", config, "warum heißt es")["prompts"]
    assert (life["dropped"], life["sets"]) == ("language", [])
    report = cli.json("explain", config, " times ")
    assert (len(report["prompts"]), report["more"]) == (3, 1)
    sentence = "has the id or the text 'nowhere to be seen'. Give a whole id"
    assert sentence in cli.error("explain", config, "nowhere to be seen")
