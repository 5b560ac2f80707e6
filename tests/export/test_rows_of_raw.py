"""The config raw: every set with all that was said of it, what it gave, and what it did not and why."""

from __future__ import annotations

from typing import Any

import pytest

from curation import ids
from curation.export import raw_row
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, Annotation, RawRow, ReviewRecord
from tests.rows import Record, make_annotation, make_resolved, make_set, make_verdict

SET = make_set(ratings=(4.0, None, 2.0))
FIRST, SECOND, THIRD = SET.candidates
RECORD = ReviewRecord(id="r", task="pairwise", prompt_id=SET.prompt.id, set_id=SET.id, candidates=(THIRD.id, FIRST.id))
ANN = make_annotation("ann", 0.0, 1.0, edit="Answer 0!")
NAMES = {"ann": "reviewer-2", "bob": "reviewer-1"}


def resolved_row(*annotations: Annotation, edits: tuple[str, ...] = (), **options: Any) -> RawRow:
    """Return the row of a record that shows the third candidate, then the first, which is better."""
    verdict = make_verdict(0.0, 1.0, edits=edits, reviewers=1, agreement=0.5)
    resolved = make_resolved(Record(verdict, (THIRD, FIRST), annotations, prompt=SET.prompt))
    return raw_row(
        SET,
        RECORD,
        **{
            "verdict": verdict,
            "edits": [(edit, 1.0) for edit in resolved.edits.values()],
            "annotations": annotations,
            "rows": ["row-1"],
            "dropped": ["kto:undecided"],
            "language": "en",
            "pseudonyms": NAMES,
            "reviewers": 1,
            **options,
        },
    )


def bare_row(record: ReviewRecord | None, *annotations: Annotation) -> RawRow:
    return raw_row(
        SET,
        record,
        verdict=None,
        edits=(),
        annotations=annotations,
        rows=(),
        dropped=["draw"],
        language=None,
        pseudonyms=NAMES,
        reviewers=len(annotations),
    )


def test_a_row_says_everything_about_its_record() -> None:
    assert resolved_row(ANN, edits=("Answer 0!",)).model_dump() == {
        "id": ids.row_id("raw", "r"),
        "prompt": ({"role": "user", "content": "Why is the sky blue?"},),
        "prompt_id": SET.prompt.id,
        "record_id": "r",
        "candidates": (
            candidate(0, rating=4.0, score=1.0),
            candidate(1, rating=None, score=None),
            candidate(2, rating=2.0, score=0.0),
            {
                "id": ids.candidate_id(SET.prompt.id, HUMAN_EDIT, "Answer 0!"),
                "text": "Answer 0!",
                "generator": HUMAN_EDIT,
                "model": HUMAN_EDIT,
                "finish_reason": None,
                "rating": None,
                "score": 1.0,
                "edit_of": FIRST.id,
                "edit_similarity": pytest.approx(8 / 9),
                "thinking": None,
            },
        ),
        "reviewers": 1,
        "agreement": 0.5,
        "label_source": "human",
        "rows": ("row-1",),
        "dropped": ("kto:undecided",),
        "source": "acme/prompts@abc",
        "language": "en",
        "annotations": ({"reviewer": "reviewer-2", "scores": (1.0, None, 0.0, 1.0), "status": "submitted"},),
    }


def candidate(place: int, *, rating: float | None, score: float | None) -> dict[str, Any]:
    return {
        "id": SET.candidates[place].id,
        "text": f"Answer {place}.",
        "generator": f"g{place}",
        "model": f"acme/g{place}",
        "finish_reason": None,
        "rating": rating,
        "score": score,
        "edit_of": None,
        "edit_similarity": None,
        "thinking": None,
    }


def test_every_reviewer_is_there_with_scores_in_the_order_of_all_candidates() -> None:
    said = (ANN, make_annotation("bob", status="discarded"))
    assert [entry.model_dump() for entry in resolved_row(*said).annotations] == [
        {"reviewer": "reviewer-1", "scores": (None, None, None), "status": "discarded"},
        {"reviewer": "reviewer-2", "scores": (1.0, None, 0.0), "status": "submitted"},
    ]


def test_a_record_without_a_verdict_has_what_was_said_and_no_scores() -> None:
    row = bare_row(RECORD, ANN, make_annotation("bob", 1.0, 0.0))
    assert (row.record_id, row.reviewers, row.agreement, row.label_source) == ("r", 2, None, None)
    assert [one.score for one in row.candidates] == [None, None, None]
    assert [entry.scores for entry in row.annotations] == [(0.0, None, 1.0), (1.0, None, 0.0)]
    assert (row.rows, row.dropped) == ((), ("draw",))


def test_a_set_that_nobody_was_asked_about_is_a_row_of_its_own() -> None:
    row = bare_row(None)
    assert (row.id, row.record_id, row.annotations) == (ids.row_id("raw", SET.id), None, ())
    assert [one.text for one in row.candidates] == ["Answer 0.", "Answer 1.", "Answer 2."]


def test_every_text_is_cleaned_and_nothing_else() -> None:
    plain = resolved_row(ANN, edits=("Answer 0!",))
    clean = resolved_row(ANN, edits=("Answer 0!",), clean=str.upper)
    assert [message.content for message in clean.prompt] == ["WHY IS THE SKY BLUE?"]
    assert [one.text for one in clean.candidates] == ["ANSWER 0.", "ANSWER 1.", "ANSWER 2.", "ANSWER 0!"]
    without = {"prompt": (), "candidates": ()}
    assert clean.model_copy(update=without) == plain.model_copy(update=without)
    assert [one.id for one in clean.candidates] == [one.id for one in plain.candidates]


def test_no_username_is_in_a_row() -> None:
    for row in (resolved_row(ANN, edits=("Answer 0!",)), bare_row(RECORD, ANN)):
        assert "ann" not in row.model_dump_json().replace("annotations", "")


def test_what_was_asked_of_nobody_has_no_column_of_its_own() -> None:
    assert arrow_schema(RawRow).names == list(bare_row(None).model_dump())
