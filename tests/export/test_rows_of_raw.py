"""The config raw: every set with all that was said of it, what it gave, and what it did not and why."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any

import polars as pl
import pytest

from curation import ids
from curation.derive.raw_rows import _raw_candidates
from curation.export import CompletionExporter, Exporter, PairExporter, raw_rows, raw_schema, raw_table
from curation.published_rows import RawRow
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, Annotation, Drop, Verdict
from tests.rows import SETTINGS, make_annotation, make_candidate, make_judgement, make_prompt, make_set, make_verdict
from tests.scored_sets import Record, make_scored, make_scoring, make_segment, no_faults, published

SET = make_set(ratings=(4.0, None, 2.0))
PROMPT = SET.prompt
FIRST, SECOND, THIRD = (
    candidate.model_copy(update={"finish_reason": "length", "thinking": f"Hm {number}."})
    for number, candidate in enumerate(SET.candidates)
)
JUDGEMENT = make_judgement(4.0, None, 2.0, order=(2, 0, 1), rationales=("Right.", None, "Wrong."))
ANN = make_annotation("ann", 0.0, 1.0, edit="Answer 0!")
BETTER = make_verdict(0.0, 1.0, edits=["Answer 0!"], agreement=0.5)


def record_of(verdict: Verdict | Drop, *annotations: Annotation, **options: Any) -> Record:
    """Return a record that shows the third candidate, then the first."""
    return Record(
        verdict,
        (THIRD, FIRST),
        annotations,
        holds=(FIRST, SECOND, THIRD),
        judgements=[JUDGEMENT],
        **{"id": "r", **options},
    )


def rows_of(
    *records: Record,
    shown: bool = True,
    rows: Sequence[tuple[int, str]] = (),
    dropped: Sequence[tuple[int, str]] = (),
    thinking: bool = False,
    reasons: bool = False,
    clean: Callable[[str], str] | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Return the rows of the sets that these records show, or would have shown; `rows` and `dropped` are by set_no."""
    _, texts = make_segment(*records, **options)
    scoring = make_scoring(*records, **options)
    raw = raw_rows(
        texts.sets,
        candidates=_raw_candidates(texts, scoring),
        records=scoring.records if shown else scoring.records.clear(),
        rows=pl.DataFrame(rows, schema={"set_no": pl.UInt32, "id": pl.String}, orient="row"),
        dropped=pl.DataFrame(dropped, schema={"set_no": pl.UInt32, "reason": pl.String}, orient="row"),
        scored=scoring.scored,
        reasons=reasons,
        clean=clean,
    )
    return list(raw_table(raw, thinking=thinking).to_pylist())


def row_of(*records: Record, **options: Any) -> dict[str, Any]:
    [row] = rows_of(*records, **options)
    return row


def candidate(number: int, *, rating: float | None, score: float | None) -> dict[str, Any]:
    return {
        "id": SET.candidates[number].id,
        "text": f"Answer {number}.",
        "generator": f"g{number}",
        "model": f"acme/g{number}",
        "finish_reason": "length",
        "rating": rating,
        "imported": None,
        "score": score,
        "annotations": "{}",
        "edit_of": None,
        "edit_similarity": None,
    }


def scores_of(row: Mapping[str, Any]) -> list[tuple[str, str, list[float | None]]]:
    return [(entry["reviewer"], entry["record_id"], entry["scores"]) for entry in row["annotations"]]


def test_a_row_says_everything_about_its_set() -> None:
    annotation = ANN.model_copy(update={"labels": {"errors": ("facts", "Stil")}, "flags": ("unsafe",)})
    given = [(0, "row-2"), (0, "row-1")]
    reasons = [(0, "kto:undecided"), (0, "dpo:pii")]
    assert row_of(record_of(BETTER, annotation), rows=given, dropped=reasons, languages=["en"]) == {
        "id": ids.row_id("raw", f"set-of-{PROMPT.id}"),
        "prompt": [{"role": "user", "content": "Why is the sky blue?"}],
        "prompt_id": PROMPT.id,
        "set_id": f"set-of-{PROMPT.id}",
        "settings": SETTINGS,
        "record_ids": ["r"],
        "candidates": [
            candidate(0, rating=4.0, score=1.0),
            candidate(1, rating=None, score=None),
            candidate(2, rating=2.0, score=0.0),
            {
                "id": ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Answer 0!"),
                "text": "Answer 0!",
                "generator": HUMAN_EDIT,
                "model": HUMAN_EDIT,
                "finish_reason": None,
                "rating": None,
                "imported": None,
                "score": 1.0,
                "annotations": "{}",
                "edit_of": FIRST.id,
                # Nine characters each, of which eight are the same: 2 x 8 / 18.
                "edit_similarity": pytest.approx(8 / 9),
            },
        ],
        "judgements": [
            {
                "judge": "judge",
                "aspect": "overall-rating",
                "scale": 5,
                "order": [2, 0, 1],
                "ratings": [4.0, None, 2.0],
                "rationales": ["Right.", None, "Wrong."],
            }
        ],
        "reviewers": 1,
        "agreement": 0.5,
        "label_source": "human",
        "rows": ["row-1", "row-2"],
        "dropped": ["kto:undecided", "dpo:pii"],
        "source": "acme/prompts@abc",
        "language": "en",
        "annotations": [
            {
                "reviewer": "NNA",
                "record_id": "r",
                "shown": [THIRD.id, FIRST.id],
                "scores": [1.0, None, 0.0, 1.0],
                "strength": None,
                "status": "submitted",
                "labels": '{"errors": ["facts", "Stil"]}',
                "flags": ["unsafe"],
                "reason": None,
                "adjudication": False,
            }
        ],
    }


def test_every_reviewer_is_there_with_scores_in_the_order_of_all_candidates() -> None:
    row = row_of(record_of(BETTER, ANN, make_annotation("bob", status="discarded"), make_annotation("eva", 1.0, None)))
    assert [(entry["reviewer"], entry["scores"], entry["status"]) for entry in row["annotations"]] == [
        ("AVE", [None, None, 1.0, None], "submitted"),
        ("BOB", [None, None, None, None], "discarded"),
        ("NNA", [1.0, None, 0.0, 1.0], "submitted"),
    ]
    assert row["reviewers"] == 2


def test_a_response_without_labels_and_flags_says_so() -> None:
    [entry] = row_of(record_of(BETTER, ANN))["annotations"]
    assert (json.loads(entry["labels"]), entry["flags"]) == ({}, [])


def test_a_reason_is_published_if_it_is_asked_for_without_personal_data() -> None:
    said = ANN.model_copy(update={"strength": -2, "reason": "Ask ann@example.org."})
    hidden, shown, cleaned = (
        row_of(record_of(BETTER, said), **options)["annotations"]
        for options in ({}, {"reasons": True}, {"reasons": True, "clean": lambda text: text.replace("ann@", "x@")})
    )
    assert [(entry["reason"], entry["strength"]) for entry in (*hidden, *shown, *cleaned)] == [
        (None, -2),
        ("Ask ann@example.org.", -2),
        ("Ask x@example.org.", -2),
    ]


def test_a_record_without_a_verdict_has_what_was_said_and_no_scores() -> None:
    drop = Drop(id="r", reason="draw")
    row = row_of(record_of(drop, make_annotation("ann", 0.0, 1.0), make_annotation("bob", 1.0, 0.0)))
    assert (row["record_ids"], row["reviewers"], row["agreement"], row["label_source"]) == (["r"], 2, None, None)
    assert [candidate["score"] for candidate in row["candidates"]] == [None, None, None]
    assert scores_of(row) == [("BOB", "r", [0.0, None, 1.0]), ("NNA", "r", [1.0, None, 0.0])]


def test_what_a_reviewer_wrote_is_there_even_where_nothing_follows_it() -> None:
    outvoted = make_annotation("bob", 1.0, 0.0, edit="Outvoted.")
    row = row_of(record_of(BETTER, outvoted, ANN))
    assert [(candidate["text"], candidate["score"]) for candidate in row["candidates"][3:]] == [
        ("Answer 0!", 1.0),
        ("Outvoted.", None),
    ]
    assert scores_of(row) == [("BOB", "r", [0.0, None, 1.0, None, 1.0]), ("NNA", "r", [1.0, None, 0.0, 1.0, None])]
    row = row_of(record_of(Drop(id="r", reason="draw"), ANN))
    assert [(candidate["text"], candidate["score"]) for candidate in row["candidates"][3:]] == [("Answer 0!", None)]


def test_an_edit_that_a_verdict_follows_comes_before_others_and_edits_what_its_record_shows() -> None:
    draw = Drop(id="draw", reason="draw")
    edit = make_annotation("bob", 1.0, 0.0, edit="Answer 1?")
    drawn = Record(draw, (THIRD, FIRST), [edit, make_annotation("eva", 0.0, 1.0, edit="Drawn.")], id="draw")
    followed = Record(make_verdict(0.0, 1.0, edits=["Answer 1?"]), (FIRST, SECOND), [edit], id="followed")
    edits = row_of(drawn, followed)["candidates"][3:]
    assert [(candidate["text"], candidate["score"], candidate["edit_of"]) for candidate in edits] == [
        ("Answer 1?", 1.0, SECOND.id),
        ("Drawn.", None, THIRD.id),
    ]


def test_a_set_that_nobody_was_asked_about_is_a_row_too() -> None:
    row = row_of(record_of(Drop(id="r", reason="unreviewed")), shown=False, dropped=[(0, "not_shown")])
    assert (row["id"], row["set_id"]) == (ids.row_id("raw", f"set-of-{PROMPT.id}"), f"set-of-{PROMPT.id}")
    nothing: dict[str, Any] = {name: [] for name in ("record_ids", "annotations", "rows")}
    assert nothing.items() <= row.items()
    assert (row["reviewers"], row["agreement"], row["label_source"]) == (0, None, None)
    assert [candidate["text"] for candidate in row["candidates"]] == ["Answer 0.", "Answer 1.", "Answer 2."]
    assert row["dropped"] == ["not_shown"]
    assert row["judgements"][0]["rationales"] == ["Right.", None, "Wrong."]


def test_a_set_has_one_row_with_all_its_records_together() -> None:
    first = record_of(
        make_verdict(0.0, 1.0, reviewers=2, agreement=1.0),
        make_annotation("ann", 0.0, 1.0),
        make_annotation("bob", 0.0, 1.0),
        id="first",
    )
    second = Record(
        make_verdict(0.5, 0.5, reviewers=6, agreement=0.5, label_source="simulated"),
        (FIRST, SECOND),
        [make_annotation("ann", status="draft"), make_annotation("simulated-1", 1.0, 0.0)],
        id="second",
    )
    annotations = [make_annotation("eva", 0.0, 1.0), make_annotation("ann", 1.0, 0.0)]
    third = Record(Drop(id="third", reason="draw"), (SECOND, THIRD), annotations, id="third")
    row = row_of(first, second, third)
    assert row["record_ids"] == ["first", "second", "third"]
    # (2 x 1 + 6 x 0.5) / 8; Ann, Bob, Eva and the program answered; of people and programs the lesser are named.
    assert (row["agreement"], row["reviewers"], row["label_source"]) == (0.625, 4, "simulated")
    assert [candidate["score"] for candidate in row["candidates"]] == [1.0, 0.5, 0.0]
    assert scores_of(row) == [
        ("1-DETALUMIS", "second", [1.0, 0.0, None]),
        ("AVE", "third", [None, 0.0, 1.0]),
        ("BOB", "first", [1.0, None, 0.0]),
        ("NNA", "first", [1.0, None, 0.0]),
        ("NNA", "second", [None, None, None]),
        ("NNA", "third", [None, 1.0, 0.0]),
    ]


def test_sets_of_one_prompt_and_of_others_have_each_their_row_in_their_order() -> None:
    other = make_prompt("Other?")
    records = [
        record_of(BETTER, ANN, set_name="old", id="a"),
        record_of(make_verdict(0.25, 0.75), set_name="new", id="b"),
        Record(make_verdict(1.0), [make_candidate(other, "Yes.")], [make_annotation("bob", 1.0)], id="c", prompt=other),
    ]
    rows = rows_of(*records, rows=[(2, "of-other"), (0, "of-old")], dropped=[(1, "dpo:gap")])
    assert [(row["set_id"], row["record_ids"], row["rows"], row["dropped"]) for row in rows] == [
        (f"old-of-{PROMPT.id}", ["a"], ["of-old"], []),
        (f"new-of-{PROMPT.id}", ["b"], [], ["dpo:gap"]),
        (f"set-of-{other.id}", ["c"], ["of-other"], []),
    ]
    # An answer of two sets has one score; the edit was written in the first.
    assert [[candidate["score"] for candidate in row["candidates"]] for row in rows] == [
        [0.875, None, 0.125, 1.0],
        [0.875, None, 0.125],
        [1.0],
    ]
    assert [[entry["reviewer"] for entry in row["annotations"]] for row in rows] == [["NNA"], [], ["BOB"]]
    assert [len(row["judgements"]) for row in rows] == [1, 1, 0]


def test_every_text_is_cleaned_and_nothing_else() -> None:
    plain, clean = (
        row_of(record_of(BETTER, ANN), thinking=True, rows=[(0, "row")], dropped=[(0, "gap")], clean=clean)
        for clean in (None, str.upper)
    )
    assert [message["content"] for message in clean["prompt"]] == ["WHY IS THE SKY BLUE?"]
    assert [candidate["text"] for candidate in clean["candidates"]] == [
        "ANSWER 0.",
        "ANSWER 1.",
        "ANSWER 2.",
        "ANSWER 0!",
    ]
    assert [candidate["thinking"] for candidate in clean["candidates"]] == ["HM 0.", "HM 1.", "HM 2.", None]
    assert clean["judgements"][0]["rationales"] == ["RIGHT.", None, "WRONG."]
    assert clean["prompt"][0]["role"] == "user"
    texts = {"content", "text", "thinking", "rationales"}

    def without_texts(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without_texts(item) for name, item in value.items() if name not in texts}
        return [without_texts(item) for item in value] if isinstance(value, list) else value

    assert without_texts(clean) == without_texts(plain)


@pytest.mark.slow
def test_no_username_is_in_a_row() -> None:
    ann = make_annotation("ann-the-annotator", 0.0, 1.0, edit="Answer 0!")
    for verdict in (BETTER, Drop(id="r", reason="draw")):
        assert ann.reviewer not in json.dumps(row_of(record_of(verdict, ann)))


def test_what_reviewers_say_of_the_aspects_of_a_candidate_stands_beside_it() -> None:
    # The record shows the third candidate at place 1, and the first at place 2.
    ann = ANN.model_copy(
        update={"labels": {"honesty_1": ("1",), "honesty_2": ("5",), "criteria_2": ("brief", "clear")}}
    )
    bob = make_annotation("bob", 0.0, 1.0).model_copy(
        update={"labels": {"honesty_2": ("4",), "criteria_2": ("brief",)}}
    )
    lost = make_annotation("eve", status="draft").model_copy(update={"labels": {"honesty_2": ("1",)}})
    row = row_of(record_of(BETTER, ann, bob, lost))
    assert {one["id"]: json.loads(one["annotations"]) for one in row["candidates"][:3]} == {
        FIRST.id: {
            "criteria": {"shares": {"brief": 1.0, "clear": 0.5}, "reviewers": 2},
            "honesty": {"rating": 4.5, "reviewers": 2},
        },
        SECOND.id: {},
        THIRD.id: {"honesty": {"rating": 1.0, "reviewers": 1}},
    }


def test_the_columns_are_those_of_the_type_and_thoughts_are_there_only_if_they_are_kept() -> None:
    assert raw_schema(thinking=True) == arrow_schema(RawRow)
    assert raw_schema(thinking=False).names == arrow_schema(RawRow).names
    row = row_of(record_of(BETTER, ANN), thinking=True)
    assert list(row) == list(RawRow.model_fields)
    assert [candidate["thinking"] for candidate in row["candidates"]] == ["Hm 0.", "Hm 1.", "Hm 2.", None]
    read = [{**candidate, "annotations": json.loads(candidate["annotations"])} for candidate in row["candidates"]]
    row_without_json = {**row, "candidates": read, "annotations": [], "judgements": []}
    assert RawRow.model_validate(row_without_json).set_id == row["set_id"]
    assert "thinking" not in row_of(record_of(BETTER, ANN))["candidates"][0]


def random_records(seed: int) -> list[Record]:
    """Return records of 20 sets of three answers, two records each, with edits, drops and answers without a score."""
    chance = random.Random(seed)
    records = []
    for number in range(20):
        prompt = make_prompt(f"Question {number}?")
        answers = [make_candidate(prompt, f"Text {name} {number}.", generator=name) for name in "abc"]
        for name in ("one", "two"):
            edit = f"Better {number}." if chance.random() < 0.3 else None
            scores = [chance.choice([0.0, 0.25, 0.5, 0.75, 1.0, None]) for _ in range(2)]
            verdict: Verdict | Drop = make_verdict(*scores, edits=[edit] if edit else [])
            if chance.random() < 0.2:
                verdict = Drop(id="r", reason="draw")
            annotations = [make_annotation("ann", *scores, edit=edit)]
            records.append(
                Record(verdict, chance.sample(answers, 2), annotations, id=f"{name}-{number}", prompt=prompt)
            )
    return records


@pytest.mark.slow
def test_the_rows_of_other_configs_can_be_made_of_raw_alone() -> None:
    records = random_records(5)
    scored = make_scored(*records)
    pairs: Exporter = PairExporter("dpo", 0.25, no_faults, "all")
    labels, preferences = set(), set()
    for row in rows_of(*records):
        known = [candidate for candidate in row["candidates"] if candidate["score"] is not None]
        labels |= {
            (
                ids.row_id("kto", row["prompt_id"], candidate["id"]),
                candidate["text"],
                candidate["score"] > 0.5,
                candidate["model"],
            )
            for candidate in known
            if candidate["score"] != 0.5
        }
        preferences |= {
            (ids.row_id("dpo", row["prompt_id"], good["id"], bad["id"]), good["text"], bad["text"])
            for good, bad in permutations(known, 2)
            if good["score"] - bad["score"] >= 0.25
        }
    completions = published(CompletionExporter(), scored).to_pylist()
    assert len(completions) > 20
    assert labels == {(row["id"], row["completion"][0]["content"], row["label"], row["model"]) for row in completions}
    against = published(pairs, scored).to_pylist()
    assert len(against) > 20
    assert preferences == {(row["id"], row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in against}
