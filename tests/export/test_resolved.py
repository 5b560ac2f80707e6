"""A record with its verdict: which answers have a score, which texts are edits, who wrote them, what they edit."""

from __future__ import annotations

import pytest

from curation import ids
from curation.types import HUMAN_EDIT
from tests.rows import make_annotation, make_candidate, make_prompt, make_resolved, make_verdict

PROMPT = make_prompt()
ONE, TWO = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two"))


def test_candidates_keep_their_place_on_the_page_and_their_row() -> None:
    texts = ["before"]
    first, second = make_resolved(make_verdict(0.25, 1.0), (ONE, TWO), texts=texts).answers
    assert (first.id, first.row, first.score, first.shown) == (ONE.id, 1, 0.25, 0)
    assert (second.id, second.row, second.score, second.shown) == (TWO.id, 2, 1.0, 1)
    assert not first.edited


def test_a_candidate_without_a_score_is_no_answer_and_moves_no_other() -> None:
    [only] = make_resolved(make_verdict(None, 1.0), (ONE, TWO), texts=[]).answers
    assert (only.id, only.row, only.shown) == (TWO.id, 1, 1)


def test_an_edit_is_an_answer_of_its_own_with_its_text_at_the_end() -> None:
    texts: list[str] = []
    said = [make_annotation("ann", 1.0, 0.0, edit="Text two!")]
    *_, edit = make_resolved(make_verdict(1.0, 0.0, edits=["Text two!"]), (ONE, TWO), said, texts=texts).answers
    assert texts[edit.row] == "Text two!"
    assert texts == ["Text one.", "Text two.", "Text two!"]
    assert edit.id == ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Text two!")
    assert (edit.score, edit.shown, edit.authors, edit.edited) == (1.0, None, {"ann"}, True)


def test_an_edit_names_the_most_similar_candidate_shown_whichever_was_preferred() -> None:
    said = [make_annotation("ann", 1.0, 0.0, edit="Text two!")]
    *_, edit = make_resolved(make_verdict(1.0, 0.0, edits=["Text two!"]), (ONE, TWO), said, texts=[]).answers
    assert edit.edit_of is not None
    assert edit.edit_of[0] == TWO.id
    # Nine characters each, of which eight are the same: 2 x 8 / 18.
    assert edit.edit_of[1] == pytest.approx(8 / 9)


@pytest.mark.parametrize("text", ["Text one.", "Text two.", "Text two. ", "\r\nText two.\n"])
def test_an_edit_that_says_what_was_shown_is_none(text: str) -> None:
    texts: list[str] = []
    said = [make_annotation("ann", 1.0, 0.0, edit=text)]
    found = make_resolved(make_verdict(1.0, 0.0, edits=[text]), (ONE, TWO), said, texts=texts)
    assert [answer.id for answer in found.answers] == [ONE.id, TWO.id]
    assert len(texts) == 2


def test_an_edit_without_the_blanks_of_what_was_shown_is_none() -> None:
    padded = make_candidate(PROMPT, "\r\n Cafe\u0301. \n", generator="three")
    said = [make_annotation("ann", 1.0, 0.0, edit="Café.")]
    found = make_resolved(make_verdict(1.0, 0.0, edits=["Café."]), (ONE, padded), said, texts=[])
    assert [answer.id for answer in found.answers] == [ONE.id, padded.id]


def test_an_edit_that_says_what_a_shown_candidate_without_a_score_says_is_none() -> None:
    said = [make_annotation("ann", 1.0, 0.0, edit="Text two.")]
    found = make_resolved(make_verdict(1.0, None, edits=["Text two."]), (ONE, TWO), said, texts=[])
    assert [answer.id for answer in found.answers] == [ONE.id]


def test_the_same_edit_of_several_reviewers_is_one_answer_of_all_of_them() -> None:
    said = [
        make_annotation("ann", 1.0, 0.0, edit="Better.\r\nMuch."),
        make_annotation("bob", 0.0, 1.0, edit=" Better.\nMuch.\n"),
        make_annotation("eva", 1.0, 0.0, edit="Other."),
        make_annotation("joe", 1.0, 0.0),
    ]
    verdict = make_verdict(1.0, 0.0, edits=["Better.\nMuch.", "Better.\r\nMuch.", "Other."])
    texts: list[str] = []
    *_, first, second = make_resolved(verdict, (ONE, TWO), said, texts=texts).answers
    assert (first.authors, second.authors) == ({"ann", "bob"}, {"eva"})
    assert texts[2:] == ["Better.\nMuch.", "Other."]


@pytest.mark.parametrize(
    ("scores", "edits", "tied"),
    [
        ((1.0, 1.0), (), True),
        ((0.5, 0.5), (), True),
        ((1.0, 0.0), (), False),
        ((1.0, None), (), True),
        ((0.0, 0.0), ("Better.",), False),
        ((1.0, 1.0), ("Better.",), True),
    ],
)
def test_a_record_is_tied_if_no_answer_is_better_than_another(
    scores: tuple[float | None, ...], edits: tuple[str, ...], tied: bool
) -> None:
    said = [make_annotation("ann", 1.0, 0.0, edit=text) for text in edits]
    assert make_resolved(make_verdict(*scores, edits=edits), (ONE, TWO), said, texts=[]).tied is tied
