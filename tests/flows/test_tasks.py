"""Each review task from prompts to published rows, and a store whose task changes: on the real stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from curation.local import Stack
from curation.local.inference import Request, ScriptedServer
from curation.local.reviewers import Fields, simulate_reviewers
from curation.review.page import plain_fields
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_loop import argilla, card, dataset_id, published

pytestmark = pytest.mark.stack

TOML = """\
name = "{name}"

[prompts]
type = "list"
rows = ["Question 0?", "Question 1?", "Question 2?", "Question 3?"]

{generators}
[review]
{review}

[publish]
repo_id = "acme/{name}"
test_size = 0.0
{publish}

[store]
repo_id = "acme/{name}-store"
"""
ANSWERS = {0.2: "fine", 0.5: "plain", 0.8: "poor"}
"""What a generator writes, by its temperature."""


def reply(request: Request) -> str:
    question = request.prompt.rpartition("Question")[2]
    return f"A {ANSWERS[request.temperature or 0.0]} answer to{question}"


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """In place of the shared one: three generators that write a fine, a plain and a poor answer."""
    with ScriptedServer(reply) as server:
        yield server


def write(folder: Path, name: str, review: str, *, generators: int, publish: str = "") -> str:
    sections = [
        f'[[generators]]\nmodel_id = "small"\nname = "{text}"\ntemperature = {temperature}\n'
        for temperature, text in list(ANSWERS.items())[:generators]
    ]
    path = folder / f"{name}.toml"
    text = TOML.format(name=name, generators="\n".join(sections), review=review, publish=publish)
    path.write_text(text, encoding="utf-8")
    return str(path)


def answer_all(stack: Stack, name: str, answer: Callable[[Fields], Mapping[str, Any]]) -> None:
    """Let the owner submit an answer to every record of an Argilla dataset."""
    with argilla(stack) as http:
        items = http.get(f"/datasets/{dataset_id(http, name)}/records", params={"limit": "500"}).json()["items"]
        for item in items:
            values = {question: {"value": value} for question, value in answer(plain_fields(item["fields"])).items()}
            body = {"status": "submitted", "values": values}
            http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()


def text(turns: list[dict[str, str]]) -> str:
    [turn] = turns
    return turn["content"]


def judged(fields: Fields) -> str:
    """Return "good" for a fine answer, but not to the last question."""
    return "good" if "fine" in fields["response"] and "3?" not in fields["response"] else "bad"


def test_thumbs_on_single_answers_become_kto_rows_and_pairs_within_a_prompt(cli: CommandLine, stack: Stack) -> None:
    name = "task-binary"
    config = write(cli.folder, name, 'task = "binary"', generators=2)
    assert cli.json("generate", config)["made"] == 4
    assert cli.json("push", config)["added"] == 8
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules={"ann": judged, "bob": judged})
    assert cli.json("sync", config)["submitted"] == 16
    assert cli.json("publish", config)["rows"] == {"dpo": 3, "kto": 8}

    records = {(record.prompt_id, *record.candidates): record.id for record in stored(stack, name).records.values()}
    sets = list(stored(stack, name).candidate_sets.values())
    kto = published(stack, cli.folder, name, "kto")
    assert {(text(row["prompt"]), text(row["completion"])): row["label"] for row in kto} == {
        (f"Question {number}?", f"A {kind} answer to {number}?"): kind == "fine" and number < 3
        for number in range(4)
        for kind in ("fine", "plain")
    }
    assert {(row["reviewers"], row["agreement"], row["label_source"]) for row in kto} == {(2, 1.0, "human")}
    dpo = published(stack, cli.folder, name, "dpo")
    assert {(text(row["prompt"]), text(row["chosen"]), text(row["rejected"])) for row in dpo} == {
        (f"Question {number}?", f"A fine answer to {number}?", f"A plain answer to {number}?") for number in range(3)
    }
    for row in dpo:
        [found] = [one for one in sets if one.prompt.id == row["prompt_id"]]
        both = {records[found.prompt.id, candidate.id] for candidate in found.candidates}
        # A pair stands between two records.
        assert set(row["record_ids"]) == both
        assert (row["chosen_score"], row["rejected_score"], row["score_gap"]) == (1.0, 0.0, 1.0)


def test_one_generator_is_enough_for_thumbs(cli: CommandLine, stack: Stack) -> None:
    name = "task-binary-alone"
    config = write(cli.folder, name, 'task = "binary"', generators=1)
    report = cli.json("generate", config)
    assert (report["made"], report["failed"]) == (4, 0)
    assert cli.json("generate", config)["made"] == 0
    assert cli.json("push", config)["added"] == 4
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules={"ann": judged})
    cli.json("sync", config)
    assert cli.json("publish", config)["rows"] == {"dpo": 0, "kto": 4}
    labels = [row["label"] for row in published(stack, cli.folder, name, "kto")]
    assert sorted(labels) == [False, True, True, True]


RATINGS = {"fine": 5, "plain": 3, "poor": 1}


def rated(fields: Fields) -> Mapping[str, Any]:
    """Rate each answer; of those to the last question only the one that stands first."""
    ratings = {
        name.replace("response", "rating"): next(rating for kind, rating in RATINGS.items() if kind in shown)
        for name, shown in fields.items()
        if name != "prompt"
    }
    return {"rating_1": ratings["rating_1"]} if "3?" in fields["response_1"] else ratings


def test_ratings_become_scores_between_0_and_1(cli: CommandLine, stack: Stack) -> None:
    name = "task-rating"
    config = write(cli.folder, name, 'task = "rating"', generators=3)
    cli.json("generate", config)
    assert cli.json("push", config)["added"] == 4
    answer_all(stack, name, rated)
    assert cli.json("sync", config)["submitted"] == 4
    snapshot = stored(stack, name)
    [partly] = [one for one in snapshot.candidate_sets.values() if "3?" in one.prompt.messages[-1].content]
    [record] = [one for one in snapshot.records.values() if one.set_id == partly.id]
    first = partly.candidate(record.candidates[0]).text

    cli.json("publish", config)
    dpo = published(stack, cli.folder, name, "dpo")
    assert {(text(row["prompt"]), text(row["chosen"]), text(row["rejected"])) for row in dpo} == {
        (f"Question {number}?", f"A fine answer to {number}?", f"A poor answer to {number}?") for number in range(3)
    }
    assert {(row["chosen_score"], row["rejected_score"]) for row in dpo} == {(1.0, 0.0)}
    # 3 of 5 is neither good nor bad.
    expected = {f"A {kind} answer to {number}?": kind == "fine" for number in range(3) for kind in ("fine", "poor")} | (
        {first: "fine" in first} if "plain" not in first else {}
    )
    kto = published(stack, cli.folder, name, "kto")
    assert {text(row["completion"]): row["label"] for row in kto} == expected


ASPECTS = {"fine": (5, 3), "plain": (3, 5), "poor": (1, 2)}
"""How helpful and how honest each kind of answer is."""


def rated_by_aspects(fields: Fields) -> Mapping[str, Any]:
    """Rate both aspects of each answer; of those to the last question the poor one is not said to be honest or not."""
    values: dict[str, Any] = {}
    for name, shown in fields.items():
        kind = next((kind for kind in ASPECTS if kind in shown), None) if name != "prompt" else None
        if kind is not None:
            place = name.removeprefix("response_")
            values[f"helpfulness_{place}"], values[f"honesty_{place}"] = ASPECTS[kind]
            if kind == "poor" and "3?" in shown and place != "1":
                del values[f"honesty_{place}"]
    return values


def test_ratings_of_aspects_become_one_score_and_are_published_each(cli: CommandLine, stack: Stack) -> None:
    name = "task-aspects"
    review = 'task = "rating"\naspects = ["helpfulness", "honesty"]\nweights = { helpfulness = 3.0 }'
    config = write(cli.folder, name, review, generators=3)
    text_of = Path(config).read_text(encoding="utf-8")
    Path(config).write_text(
        text_of.replace("[publish]", '[publish]\nformats = ["dpo", "kto", "raw"]'), encoding="utf-8"
    )
    cli.json("generate", config)
    assert cli.json("push", config)["added"] == 4
    answer_all(stack, name, rated_by_aspects)
    assert cli.json("sync", config)["submitted"] == 4
    snapshot = stored(stack, name)
    [last] = [one for one in snapshot.candidate_sets.values() if "3?" in one.prompt.messages[-1].content]
    [record] = [one for one in snapshot.records.values() if one.set_id == last.id]
    is_rated = "poor" in last.candidate(record.candidates[0]).text

    cli.json("publish", config)
    # fine (3 x 1 + 0.5) / 4, plain (3 x 0.5 + 1) / 4, poor (3 x 0 + 0.25) / 4
    scores = {"fine": 0.875, "plain": 0.625, "poor": 0.0625}
    unscored = set() if is_rated else {"A poor answer to 3?"}
    expected = {f"A {kind} answer to {number}?": score for number in range(4) for kind, score in scores.items()}
    kto = published(stack, cli.folder, name, "kto")
    assert {text(row["completion"]): (row["score"], row["label"]) for row in kto} == {
        answer: (score, score > 0.5) for answer, score in expected.items() if answer not in unscored
    }
    dpo = published(stack, cli.folder, name, "dpo")
    assert {(text(row["chosen"]), text(row["rejected"]), row["score_gap"]) for row in dpo} == {
        (f"A fine answer to {number}?", f"A {worst} answer to {number}?", round(0.875 - scores[worst], 9))
        for number in range(4)
        for worst in ["plain" if number == 3 and unscored else "poor"]
    }
    raw = published(stack, cli.folder, name, "raw")
    aspects = {one["text"]: json.loads(one["annotations"]) for row in raw for one in row["candidates"]}
    assert aspects == {
        f"A {kind} answer to {number}?": {
            "helpfulness": {"rating": helpful, "reviewers": 1},
            **({} if f"A {kind} answer to {number}?" in unscored else {"honesty": {"rating": honest, "reviewers": 1}}),
        }
        for number in range(4)
        for kind, (helpful, honest) in ASPECTS.items()
    }

    # What is said is kept, what it means is computed: other weights need nobody's time.
    text_of = Path(config).read_text(encoding="utf-8")
    Path(config).write_text(text_of.replace("helpfulness = 3.0", "helpfulness = 0.0"), encoding="utf-8")
    # A score of 0.5 is neither good nor bad.
    assert "would lose 4 of " in cli.error("publish", config)
    cli.json("publish", config, "--allow-shrink")
    scores = {"fine": 0.5, "plain": 1.0, "poor": 0.25}
    dpo = published(stack, cli.folder, name, "dpo")
    assert {(text(row["chosen"]), row["chosen_score"]) for row in dpo} == {
        (f"A plain answer to {number}?", 1.0) for number in range(4)
    }


def placed(fields: Fields, order: Mapping[str, int]) -> JsonValue:
    """Return the ranking that gives each answer the place of its kind."""
    return [
        {"value": name, "rank": next(place for kind, place in order.items() if kind in shown)}
        for name, shown in fields.items()
        if name != "prompt"
    ]


def strict(fields: Fields) -> JsonValue:
    """Put a fine answer first and a poor one last; of the answers to the last question none before another."""
    is_last = "3?" in fields["response_1"]
    return placed(fields, {"fine": 2, "plain": 2, "poor": 2} if is_last else {"fine": 1, "plain": 2, "poor": 3})


def lenient(fields: Fields) -> JsonValue:
    """Put all but a fine answer last; to question 2 say the opposite of the strict reviewer."""
    if "2?" in fields["response_1"]:
        return placed(fields, {"fine": 3, "plain": 2, "poor": 1})
    return placed(
        fields,
        {"fine": 1, "plain": 1, "poor": 1} if "3?" in fields["response_1"] else {"fine": 1, "plain": 3, "poor": 3},
    )


def test_an_order_of_answers_becomes_scores_that_are_spread_evenly(cli: CommandLine, stack: Stack) -> None:
    name = "task-ranking"
    config = write(cli.folder, name, 'task = "ranking"', generators=3)
    cli.json("generate", config)
    assert cli.json("push", config)["added"] == 4
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules={"ann": strict, "bob": lenient})
    assert cli.json("sync", config)["submitted"] == 8
    assert {record.task for record in stored(stack, name).records.values()} == {"ranking"}

    report = cli.json("publish", config)
    assert (report["rows"], report["dropped"]["dpo"]) == ({"dpo": 2, "kto": 6}, {"tie": 2})
    # To questions 0 and 1: fine (1 + 1) / 2, plain (0.5 + 0) / 2, poor 0. To 2 and 3: 0.5 for all.
    kto = published(stack, cli.folder, name, "kto")
    assert {text(row["completion"]): (row["score"], row["label"]) for row in kto} == {
        f"A {kind} answer to {number}?": (score, score > 0.5)
        for number in range(2)
        for kind, score in (("fine", 1.0), ("plain", 0.25), ("poor", 0.0))
    }
    dpo = published(stack, cli.folder, name, "dpo")
    assert {(text(row["prompt"]), text(row["chosen"]), text(row["rejected"])) for row in dpo} == {
        (f"Question {number}?", f"A fine answer to {number}?", f"A poor answer to {number}?") for number in range(2)
    }
    for row in dpo:
        # One of the two ordered all three as the means do.
        assert (row["score_gap"], row["reviewers"], row["agreement"]) == (1.0, 2, 0.5)
        assert [annotation["scores"] for annotation in row["annotations"]] == [[1.0, 0.0], [1.0, 0.0]]


FLAGGED: dict[str, tuple[str, list[str]]] = {
    "0?": ("submitted", ["unsafe", "wrong_language"]),
    "1?": ("discarded", ["broken_prompt"]),
    "2?": ("submitted", ["wrong_language"]),
    "3?": ("submitted", []),
}
"""How each question is answered, and what it is flagged for."""


def test_what_reviewers_flag_is_in_raw_alone(cli: CommandLine, stack: Stack) -> None:
    name = "task-flags"
    formats = 'formats = ["dpo", "kto", "raw"]\n\n[labels]\nignored_flags = ["wrong_language"]'
    config = write(cli.folder, name, "", generators=2, publish=formats)
    cli.json("generate", config)
    cli.json("push", config)
    with argilla(stack) as http:
        for item in http.get(f"/datasets/{dataset_id(http, name)}/records").json()["items"]:
            fields = plain_fields(item["fields"])
            status, flags = next(given for number, given in FLAGGED.items() if number in fields["response_a"])
            preference = "a" if "fine" in fields["response_a"] else "b"
            values = {"preference": {"value": preference}, "flags": {"value": flags}}
            body = {"status": status, "values": values if flags else {"preference": {"value": preference}}}
            http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()
    cli.json("sync", config)
    report = cli.json("publish", config)
    assert report["rows"] == {"dpo": 2, "kto": 4, "raw": 4}
    assert report["dropped"] == {"dpo": {"flagged": 1}, "kto": {"flagged": 1}, "raw": {}}
    assert report["unresolved"] == {"discarded": 1}
    for config_name in ("dpo", "kto"):
        rows = published(stack, cli.folder, name, config_name)
        assert {text(row["prompt"]) for row in rows} == {"Question 2?", "Question 3?"}
    raw = {text(row["prompt"]): row for row in published(stack, cli.folder, name, "raw")}
    flags_of = {prompt: [entry["flags"] for entry in row["annotations"]] for prompt, row in raw.items()}
    assert flags_of == {f"Question {number}": [sorted(flags)] for number, (_, flags) in FLAGGED.items()}
    assert {prompt: row["dropped"] for prompt, row in raw.items()} == {
        "Question 0?": ["dpo:flagged", "kto:flagged"],
        "Question 1?": ["discarded"],
        "Question 2?": [],
        "Question 3?": [],
    }
    counted = [line for line in card(stack, cli.folder, name).splitlines() if line.endswith(("| yes |", "| no |"))]
    assert counted == ["| broken_prompt | 1 | yes |", "| unsafe | 1 | yes |", "| wrong_language | 2 | no |"]


def answer_as(stack: Stack, name: str, username: str, answer: Callable[[Fields], Mapping[str, Any]]) -> None:
    """Let an annotator, who is created, submit an answer to every record of an Argilla dataset."""
    body = {"username": username, "first_name": username, "role": "annotator", "password": f"{username}-password"}
    with argilla(stack) as http:
        [workspace] = [item for item in http.get("/me/workspaces").json()["items"] if item["name"] == "argilla"]
        user = http.post("/users", json=body).raise_for_status().json()
        http.post(f"/workspaces/{workspace['id']}/users", json={"user_id": user["id"]}).raise_for_status()
        items = http.get(f"/datasets/{dataset_id(http, name)}/records", params={"limit": "500"}).json()["items"]
        for item in items:
            values = {question: {"value": value} for question, value in answer(plain_fields(item["fields"])).items()}
            http.post(
                f"/records/{item['id']}/responses",
                json={"status": "submitted", "values": values},
                headers={"X-Argilla-Api-Key": user["api_key"]},
            ).raise_for_status()


def careful(fields: Fields) -> Mapping[str, Any]:
    """Tick much, and call questions 0 and 1 edge cases, question 2 what it is called."""
    named = {"0?": "edge_case", "1?": "edge_case", "2?": "direct_harm"}
    category = next((category for number, category in named.items() if number in fields["response_1"]), None)
    ticked = (
        {
            "quality_1": "bad" if "3?" in fields["response_1"] else "good",
            "criteria_1": ["brief_reason", "clear_boundary"],
        }
        if "fine" in fields["response_1"]
        else {"quality_1": "bad", "antipatterns_1": ["lecturing"]}
    )
    return ticked if category is None else {**ticked, "category": category}


def brief(fields: Fields) -> Mapping[str, Any]:
    """Tick little, and call only question 1 an edge case."""
    ticked: dict[str, Any] = {"quality_1": "bad"}
    if "fine" in fields["response_1"]:
        ticked = {"quality_1": "good", "criteria_1": ["clear_boundary"]}
    return {**ticked, "category": "edge_case"} if "1?" in fields["response_1"] else ticked


def test_refusals_are_published_with_their_criteria_and_the_category_that_reviewers_agree_on(
    cli: CommandLine, stack: Stack
) -> None:
    name = "task-safety"
    config = write(cli.folder, name, 'task = "safety"', generators=2)
    rows = [
        {"instruction": f"Question {number}?", "category": category}
        for number, category in enumerate(["direct_harm", "direct_harm", "Direct Harm", "direct_harm"])
    ]
    tables = ", ".join(f'{{ instruction = "{row["instruction"]}", category = "{row["category"]}" }}' for row in rows)
    text_of = Path(config).read_text(encoding="utf-8")
    [line] = [line for line in text_of.splitlines() if line.startswith("rows = ")]
    text_of = text_of.replace(line, f'category_column = "category"\nrows = [{tables}]')
    text_of = text_of.replace("[publish]", '[publish]\nformats = ["dpo", "kto", "raw"]')
    Path(config).write_text(text_of, encoding="utf-8")
    cli.json("generate", config)
    assert cli.json("push", config)["added"] == 8
    with argilla(stack) as http:
        items = http.get(f"/datasets/{dataset_id(http, name)}/records").json()["items"]
    assert {plain_fields(item["fields"])["prompt_category"].partition("\n")[0] for item in items} == {"**Direct harm**"}
    answer_as(stack, name, "carla", careful)
    answer_as(stack, name, "boris", brief)
    assert cli.json("sync", config)["submitted"] == 16

    # Nothing is published yet, and `status` says what a dataset of 100 prompts lacks.
    lacks = {share["category"]: share["lacks"] for share in cli.json("status", config)["coverage"]["shares"]}
    assert (lacks["direct_harm"], lacks["edge_case"], lacks["prompt_injection"]) == (22, 19, 15)
    # The chosen answers are too short for refusal data, which a gate does not let pass.
    Path(config).write_text(text_of.replace("[publish]", '[publish]\nlint = "warning"'), encoding="utf-8")
    assert "warning chosen_too_short" in cli.error("publish", config)
    assert "warning chosen_too_short" in cli.json("publish", config, "--dry-run")["failed_gates"][0]
    assert not cli.json("status", config)["published"]
    Path(config).write_text(text_of, encoding="utf-8")

    # Of the fine answer to question 3 one says good and one bad.
    report = cli.json("publish", config)
    assert (report["rows"], report["unresolved"]) == ({"dpo": 3, "kto": 7, "raw": 4}, {"draw": 1})
    kto = published(stack, cli.folder, name, "kto")
    # Both call question 1 an edge case, in all four responses; question 0 is called so in two of four.
    agreed = {"0": "direct_harm", "1": "edge_case", "2": "Direct Harm", "3": "direct_harm"}
    assert {text(row["completion"]): (row["label"], row["category"]) for row in kto} == {
        f"A {kind} answer to {number}?": (kind == "fine", category)
        for number, category in agreed.items()
        for kind in ("fine", "plain")
        if (number, kind) != ("3", "fine")
    }
    raw = published(stack, cli.folder, name, "raw")
    said = {one["text"]: json.loads(one["annotations"]) for row in raw for one in row["candidates"]}
    assert said == {
        f"A {kind} answer to {number}?": {
            "antipatterns": {"shares": {} if kind == "fine" else {"lecturing": 0.5}, "reviewers": 2},
            "criteria": {
                "shares": {"brief_reason": 0.5, "clear_boundary": 1.0} if kind == "fine" else {},
                "reviewers": 2,
            },
        }
        for number in range(4)
        for kind in ("fine", "plain")
    }
    lines = card(stack, cli.folder, name).splitlines()
    assert "How the 4 prompts with rows are spread over the categories that refusal data needs. Where" in lines
    assert [line for line in lines if line.startswith(("| direct_harm |", "| edge_case |"))] == [
        "| direct_harm | 3 | 75 % | 25 to 35 % | - |",
        "| edge_case | 1 | 25 % | 20 to 30 % | 1 |",
    ]
    linted = cli.json("lint", f"acme/{name}", "--config", "kto")
    counts = {share["category"]: share["count"] for share in linted["coverage"]["shares"]}
    assert (counts["direct_harm"], counts["edge_case"]) == (3, 1)


def test_a_store_whose_task_changes_keeps_and_understands_its_older_answers(cli: CommandLine, stack: Stack) -> None:
    name = "task-changed"
    config = write(cli.folder, name, 'task = "pairwise"', generators=2)
    cli.json("generate", config)
    assert cli.json("push", config)["added"] == 4
    answer_all(stack, name, lambda fields: {"preference": "a" if "fine" in fields["response_a"] else "b"})
    assert cli.json("sync", config)["submitted"] == 4

    config = write(cli.folder, name, f'task = "binary"\ndataset = "{name}-binary"', generators=2)
    report = cli.json("push", config)
    assert (report["added"], report["retired"], report["kept"]) == (8, 0, 0)
    assert {record.task for record in stored(stack, name).records.values()} == {"pairwise", "binary"}
    # Only one person answers now, and only about the fine answers.
    with argilla(stack) as http:
        for item in http.get(f"/datasets/{dataset_id(http, f'{name}-binary')}/records").json()["items"]:
            if "fine" in item["fields"]["response"]:
                body = {"status": "submitted", "values": {"quality": {"value": "good"}}}
                http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()
    report = cli.json("sync", config)
    assert (report["added"], report["withdrawn"], report["submitted"]) == (4, 0, 8)
    assert (report["missing_records"], report["foreign_records"]) == ([], 0)

    assert cli.json("publish", config)["rows"] == {"dpo": 4, "kto": 8}
    kto = published(stack, cli.folder, name, "kto")
    assert {text(row["completion"]): row["label"] for row in kto} == {
        f"A {kind} answer to {number}?": kind == "fine" for number in range(4) for kind in ("fine", "plain")
    }


def graded(fields: Fields) -> dict[str, Any]:
    """Prefer the fine answer much (question 0) or slightly (1), or neither (2)."""
    side = "a" if "fine" in fields["response_a"] else "b"
    number = fields["response_a"].rstrip("?")[-1]
    preference = {"0": f"{side}_much", "1": f"{side}_slightly", "2": "same"}[number]
    return {"preference": preference, "aspect_honesty": "tie", "aspect_style": side, "reason": f"Reason {number}."}


def test_a_store_whose_scale_changes_publishes_strengths_and_keeps_what_was_answered_before(
    cli: CommandLine, stack: Stack
) -> None:
    name = "task-graded"
    formats = 'formats = ["dpo", "reward", "raw"]\nmargin = true'
    config = write(cli.folder, name, 'task = "pairwise"', generators=2, publish=formats)
    cli.json("generate", config)
    assert cli.json("push", config)["added"] == 4
    answer_all(stack, name, lambda fields: {"preference": "a" if "fine" in fields["response_a"] else "b"})
    assert cli.json("sync", config)["submitted"] == 4
    assert cli.json("publish", config)["rows"] == {"dpo": 4, "reward": 4, "raw": 4}
    assert not [row for row in published(stack, cli.folder, name, "dpo") if "strength" in row]

    seven = f'scale = 7\naspects = ["honesty", "style"]\nreason = true\npublish_reasons = true\ndataset = "{name}-7"'
    config = write(cli.folder, name, seven, generators=2, publish=formats)
    assert cli.json("push", config)["added"] == 4
    with argilla(stack) as http:
        for item in http.get(f"/datasets/{dataset_id(http, f'{name}-7')}/records").json()["items"]:
            fields = plain_fields(item["fields"])
            if "3?" not in fields["response_a"]:
                values = {question: {"value": value} for question, value in graded(fields).items()}
                body = {"status": "submitted", "values": values}
                http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()
    report = cli.json("sync", config)
    assert (report["changed"], report["withdrawn"], report["submitted"]) == (3, 0, 4)

    report = cli.json("publish", config)
    assert (report["rows"], report["dropped"]["dpo"]) == ({"dpo": 3, "reward": 3, "raw": 4}, {"tie": 1})
    expected = {
        f"Question {number}?": (f"A fine answer to {number}?", f"A plain answer to {number}?", gap, strength)
        for number, gap, strength in ((0, 1.0, 3.0), (1, 0.333333333, 1.0), (3, 1.0, None))
    }
    for config_name in ("dpo", "reward"):
        rows = published(stack, cli.folder, name, config_name)
        assert {
            text(row["prompt"]): (text(row["chosen"]), text(row["rejected"]), row["score_gap"], row["strength"])
            for row in rows
        } == expected
        assert {row.get("margin") == row["score_gap"] for row in rows} == {config_name == "reward"}
    raw = {text(row["prompt"]): row for row in published(stack, cli.folder, name, "raw")}
    for number in range(4):
        row = raw[f"Question {number}?"]
        [entry] = row["annotations"]
        texts = {candidate["id"]: candidate["text"] for candidate in row["candidates"]}
        # The sides of the page are told by what was shown.
        side = "a" if "fine" in texts[entry["shown"][0]] else "b"
        labels = {"aspect_honesty": ["tie"], "aspect_style": [side]} if number < 3 else {}
        strength = {0: 3, 1: 1, 2: 0, 3: None}[number]
        assert json.loads(entry["labels"]) == labels
        assert entry["reason"] == (f"Reason {number}." if number < 3 else None)
        assert entry["strength"] == (-strength if strength and side == "b" else strength)
