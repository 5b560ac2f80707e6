"""The config sft: what was chosen and what was written, as conversations, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from curation import ids
from curation.export import Demonstrations, demonstrations_of, pairs_of, supervised_table
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, Annotation, Message, Prompt, SupervisedRow, Verdict
from tests.rows import (
    RECORD_ID,
    Record,
    make_annotation,
    make_candidate,
    make_columns,
    make_prompt,
    make_resolved,
    make_verdict,
)

PROMPT = make_prompt()
ONE, TWO, THREE = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two", "three"))
ANN = make_annotation("ann", 1.0, 0.0, edit="Text one!")


def rows(
    verdict: Verdict, annotations: Sequence[Annotation] = (), *, pairs: Any = "best-worst"
) -> list[dict[str, Any]]:
    record = Record(verdict, (ONE, TWO, THREE)[: len(verdict.scores)], annotations)
    found = demonstrations_of(pairs_of(make_resolved(record), min_gap=0.25, pairs=pairs))
    columns = make_columns(record, pseudonyms={one.reviewer: one.reviewer.upper() for one in annotations})
    return list(supervised_table(found, columns).to_pylist())


def said(found: list[dict[str, Any]]) -> list[str]:
    return [row["messages"][-1]["content"] for row in found]


def test_a_row_says_everything_about_what_was_chosen() -> None:
    verdict = make_verdict(0.25, 1.0, agreement=0.5)
    assert rows(verdict, [make_annotation("ann", 0.0, 1.0)]) == [
        {
            "id": ids.row_id("sft", RECORD_ID, TWO.id),
            "messages": [
                {"role": "user", "content": "Why is the sky blue?"},
                {"role": "assistant", "content": "Text two."},
            ],
            "prompt_id": PROMPT.id,
            "record_id": RECORD_ID,
            "score": 1.0,
            "model": "acme/two",
            "edit_similarity": None,
            "reviewers": 1,
            "agreement": 0.5,
            "label_source": "human",
            "source": "acme/prompts@abc",
            "language": None,
            "annotations": [{"reviewer": "ANN", "scores": [1.0], "status": "submitted"}],
        }
    ]


def test_an_edit_is_a_row_with_how_far_it_is_the_answer_that_it_edits() -> None:
    found = rows(make_verdict(1.0, 0.0, edits=["Text one!"]), [ANN])
    # Nine characters each, of which eight are the same: 2 x 8 / 18.
    assert said(found) == ["Text one!"]
    assert found[0]["edit_similarity"] == pytest.approx(8 / 9)
    assert (found[0]["model"], found[0]["annotations"][0]["scores"]) == (HUMAN_EDIT, [1.0])


def test_an_edit_is_a_row_even_where_no_pair_is() -> None:
    assert said(rows(make_verdict(1.0, 1.0, edits=["Text one!"]), [ANN])) == ["Text one!"]


def test_without_a_pair_or_an_edit_there_is_nothing_to_learn_from() -> None:
    assert rows(make_verdict(1.0, 1.0)) == []
    assert rows(make_verdict(0.5, 0.4)) == []


def test_what_several_pairs_chose_is_one_row() -> None:
    found = rows(make_verdict(1.0, 0.5, 0.0), pairs="all")
    assert said(found) == ["Text one.", "Text two."]
    assert len({row["id"] for row in found}) == 2


def test_the_columns_are_those_of_the_type_and_no_more_with_rows_and_without() -> None:
    for records in ([], [Record(make_verdict(1.0, 0.0), (ONE, TWO))]):
        found = demonstrations_of(pairs_of(make_resolved(*records), min_gap=0.25))
        table = supervised_table(found, make_columns(*records))
        assert (table.num_rows, table.schema) == (len(records), arrow_schema(SupervisedRow))


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
        Record(make_verdict(1.0), [make_candidate(prompt, f"Answer {row}.")], prompt=prompt)
        for row, prompt in enumerate(prompts)
    ]
    order = [2, 1, 3, 1, 0]
    found = supervised_table(Demonstrations(make_resolved(*records), np.array(order)), make_columns(*records))
    assert [row["messages"] for row in found.to_pylist()] == [
        [
            *(message.model_dump() for message in prompts[row].messages),
            {"role": "assistant", "content": f"Answer {row}."},
        ]
        for row in order
    ]
