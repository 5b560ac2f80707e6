"""The config sft: what was chosen and what was written, as conversations, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from curation import ids
from curation.export import (
    PairExporter,
    PairsPerPrompt,
    ScoredSets,
    SupervisedExporter,
    published_table,
    with_answers,
)
from curation.published_rows import SupervisedRow
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, Annotation, Drop, Message, Prompt, Verdict
from tests.rows import RECORD_ID, make_annotation, make_candidate, make_prompt, make_verdict
from tests.scored_sets import Record, make_scored, no_faults, published, reasons

PROMPT = make_prompt()
ONE, TWO, THREE = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two", "three"))
ANN = make_annotation("ann", 1.0, 0.0, edit="Text one!")


def exporter(scored: ScoredSets, pairs: PairsPerPrompt = "best-worst", *, min_gap: float = 0.25) -> SupervisedExporter:
    return SupervisedExporter(PairExporter("dpo", min_gap, no_faults, pairs).rows(scored))


def scored_record(verdict: Verdict, annotations: Sequence[Annotation] = (), **options: Any) -> ScoredSets:
    return make_scored(Record(verdict, (ONE, TWO, THREE)[: len(verdict.scores)], annotations), **options)


def rows_of(scored: ScoredSets, pairs: PairsPerPrompt = "best-worst") -> dict[str, Any]:
    """Return the rows of scored sets by the text of their answer."""
    rows = published(exporter(scored, pairs), scored).to_pylist()
    by_text = {row["messages"][-1]["content"]: row for row in rows}
    assert len(by_text) == len(rows)
    return by_text


def test_a_row_says_everything_about_what_was_chosen() -> None:
    scored = scored_record(make_verdict(0.25, 1.0, agreement=0.5), [make_annotation("ann", 0.0, 1.0)])
    assert published(exporter(scored), scored).to_pylist() == [
        {
            "id": ids.row_id("sft", PROMPT.id, TWO.id),
            "messages": [
                {"role": "user", "content": "Why is the sky blue?"},
                {"role": "assistant", "content": "Text two."},
            ],
            "prompt_id": PROMPT.id,
            "record_ids": [RECORD_ID],
            "score": 1.0,
            "model": "acme/two",
            "edit_similarity": None,
            "reviewers": 1,
            "agreement": 0.5,
            "label_source": "human",
            "source": "acme/prompts@abc",
            "language": None,
            "annotations": [{"reviewer": "NNA", "scores": [1.0], "status": "submitted"}],
        }
    ]


def test_an_edit_is_a_row_with_how_far_it_is_the_answer_that_it_edits() -> None:
    rows = rows_of(scored_record(make_verdict(1.0, 0.0, edits=["Text one!"]), [ANN]))
    assert list(rows) == ["Text one!"]
    edit = rows["Text one!"]
    # Nine characters each, of which eight are the same: 2 x 8 / 18.
    assert edit["edit_similarity"] == pytest.approx(8 / 9)
    assert (edit["model"], edit["annotations"][0]["scores"]) == (HUMAN_EDIT, [1.0])


def test_an_edit_is_a_row_even_where_no_pair_is() -> None:
    scored = scored_record(make_verdict(1.0, 1.0, edits=["Text one!"]), [ANN])
    assert list(rows_of(scored)) == ["Text one!"]
    assert reasons(exporter(scored), scored) == []


def test_an_edit_that_the_verdict_does_not_follow_is_none() -> None:
    assert list(rows_of(scored_record(make_verdict(0.0, 1.0), [ANN]))) == ["Text two."]


@pytest.mark.parametrize(
    ("scores", "reason"), [((1.0, 1.0), "tie"), ((0.5, 0.4), "gap"), ((1.0, None), "one_score"), ((0.0,), "one_score")]
)
def test_without_a_pair_or_an_edit_there_is_nothing_to_learn_from(
    scores: tuple[float | None, ...], reason: str
) -> None:
    scored = scored_record(make_verdict(*scores))
    assert rows_of(scored) == {}
    assert reasons(exporter(scored), scored) == [(0, reason)]


def test_what_several_pairs_chose_is_one_row() -> None:
    scored = scored_record(make_verdict(1.0, 0.5, 0.0))
    rows = rows_of(scored, "all")
    assert sorted(rows) == ["Text one.", "Text two."]
    assert len({row["id"] for row in rows.values()}) == 2
    assert list(rows_of(scored)) == ["Text one."]


def test_a_faulty_edit_falls_out_alone_and_what_was_chosen_beneath_it_stays() -> None:
    verdict = make_verdict(1.0, 0.0, edits=["Text one!"])
    scored = scored_record(verdict, [ANN], faults={"Text one!": "pii"})
    assert list(rows_of(scored)) == ["Text one."]
    assert reasons(exporter(scored), scored) == [(0, "pii")]


def test_a_chosen_answer_with_a_fault_is_no_row_and_why_is_said_once_a_pair() -> None:
    scored = scored_record(make_verdict(1.0, 0.0), faults={"Text one.": "refusal"})
    assert rows_of(scored) == {}
    assert reasons(exporter(scored), scored) == [(0, "refusal")]


def test_what_sets_of_a_prompt_chose_alike_is_a_row_of_the_last() -> None:
    old = Record(make_verdict(1.0, 0.0), (ONE, TWO), id="old", set_name="old")
    new = Record(make_verdict(1.0, 0.0), (ONE, THREE), id="new", set_name="new")
    scored = make_scored(old, new)
    assert exporter(scored).rows(scored).frame["set_no"].to_list() == [1]
    assert rows_of(scored)["Text one."]["record_ids"] == ["old", "new"]
    assert reasons(exporter(scored), scored) == [(0, "stands_twice")]


def test_the_same_pair_of_two_sets_is_a_row_of_the_last() -> None:
    records = [Record(make_verdict(1.0, 0.0), (ONE, TWO), id=name, set_name=name) for name in ("old", "new")]
    scored = make_scored(*records)
    assert exporter(scored).rows(scored).frame["set_no"].to_list() == [1]
    assert list(rows_of(scored)) == ["Text one."]
    assert reasons(exporter(scored), scored) == [(0, "stands_twice")]


def test_a_row_follows_the_records_of_its_answer_alone() -> None:
    chosen = Record(make_verdict(1.0), [ONE], [make_annotation("ann", 1.0)], id="of-one")
    rejected = Record(make_verdict(0.0, label_source="judge"), [TWO], [make_annotation("bob", 0.0)], id="of-two")
    row = rows_of(make_scored(chosen, rejected))["Text one."]
    assert (row["record_ids"], row["label_source"], row["reviewers"]) == (["of-one"], "human", 1)
    assert [entry["reviewer"] for entry in row["annotations"]] == ["NNA"]


def test_the_columns_are_those_of_the_type_and_no_more_with_rows_and_without() -> None:
    for verdict, count in ((make_verdict(1.0, 0.0), 1), (Drop(id="r", reason="unreviewed"), 0)):
        scored = make_scored(Record(verdict, (ONE, TWO)))
        table = published(exporter(scored), scored)
        assert (table.num_rows, table.schema) == (count, arrow_schema(SupervisedRow))


def talk(*contents: str) -> Prompt:
    """Return a prompt of these turns: the system's, then user and assistant by turns."""
    roles = ("system", "user", "assistant", "user", "assistant", "user")
    messages = tuple(Message(role=role, content=content) for role, content in zip(roles, contents, strict=False))
    return Prompt(id=ids.prompt_id(messages), messages=messages, source="acme/prompts@abc")


def test_messages_are_each_prompt_followed_by_its_answer_whatever_their_lengths() -> None:
    prompts = [
        make_prompt("First?"),
        talk("Be brief.", "Second?", "No.", "Why?"),
        make_prompt("Third?"),
        talk("S", "F"),
    ]
    records = [
        Record(
            make_verdict(1.0, 0.0),
            [make_candidate(prompt, f"Answer {number}."), make_candidate(prompt, "Worse.")],
            prompt=prompt,
        )
        for number, prompt in enumerate(prompts)
    ]
    order = [2, 1, 3, 0]
    scored = make_scored(*records)
    rows = with_answers(exporter(scored), exporter(scored).rows(scored).frame, scored)[order]
    table = published_table(exporter(scored), rows, extras={}, thinking=False)
    assert [row["messages"] for row in table.to_pylist()] == [
        [
            *(message.model_dump() for message in prompts[number].messages),
            {"role": "assistant", "content": f"Answer {number}."},
        ]
        for number in order
    ]
