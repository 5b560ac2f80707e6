"""A record with its verdict: which answers have a score, which texts are edits, who wrote them, what they edit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from curation import ids
from curation.export import Edit, Resolved
from curation.types import HUMAN_EDIT, Annotation, Candidate
from tests.rows import Record, make_annotation, make_candidate, make_prompt, make_resolved, make_verdict

PROMPT = make_prompt()
ONE, TWO = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two"))


def answers(resolved: Resolved) -> list[tuple[str, float, int]]:
    """Return the id, score and place of every answer."""
    ids_of = [resolved.answer_ids[row] for row in resolved.row.tolist()]
    return [*zip(ids_of, resolved.score.tolist(), resolved.shown.tolist(), strict=True)]


def edits_by(*said: Annotation, texts: Sequence[str], candidates: Sequence[Candidate] = (ONE, TWO)) -> list[Edit]:
    """Return what the edits of a verdict with these texts are."""
    return [*make_resolved(Record(make_verdict(1.0, 0.0, edits=texts), candidates, said)).edits.values()]


def test_candidates_keep_their_place_on_the_page_and_their_row() -> None:
    resolved = make_resolved(Record(make_verdict(1.0), [TWO]), Record(make_verdict(0.25, 1.0), (ONE, TWO)))
    assert answers(resolved) == [(TWO.id, 1.0, 0), (ONE.id, 0.25, 0), (TWO.id, 1.0, 1)]
    assert resolved.row.tolist() == [0, 1, 2]
    assert resolved.record.tolist() == [0, 1, 1]
    assert not resolved.edited.any()


def test_a_candidate_without_a_score_is_no_answer_and_moves_no_other() -> None:
    resolved = make_resolved(Record(make_verdict(None, 1.0), (ONE, TWO)))
    assert answers(resolved) == [(TWO.id, 1.0, 1)]
    assert resolved.row.tolist() == [1]


@pytest.mark.parametrize("scores", [(1.0,), (1.0, 0.0, None)])
def test_a_verdict_scores_every_candidate_shown_and_no_other(scores: tuple[float | None, ...]) -> None:
    whole = Record(make_verdict(1.0, 0.0, None), (ONE, TWO, ONE))
    with pytest.raises(ValueError, match="every candidate"):
        make_resolved(whole, Record(make_verdict(*scores), (ONE, TWO)))


def test_an_edit_is_an_answer_of_its_own_behind_those_of_its_record() -> None:
    said = [make_annotation("ann", 1.0, 0.0, edit="Text two!")]
    edited = Record(make_verdict(1.0, 0.0, edits=["Text two!"]), (ONE, TWO), said)
    resolved = make_resolved(edited, Record(make_verdict(1.0), [ONE]))
    edit = ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Text two!")
    assert answers(resolved) == [(ONE.id, 1.0, 0), (TWO.id, 0.0, 1), (edit, 1.0, -1), (ONE.id, 1.0, 0)]
    assert resolved.record.tolist() == [0, 0, 0, 1]
    assert resolved.row.tolist() == [0, 1, 3, 2]
    assert resolved.edited.tolist() == [False, False, True, False]
    assert resolved.edits[3] == Edit(edit, "Text two!", frozenset({"ann"}), resolved.edits[3].edit_of)


def test_an_edit_names_the_most_similar_candidate_shown_whichever_was_preferred() -> None:
    [edit] = edits_by(make_annotation("ann", 1.0, 0.0, edit="Text two!"), texts=["Text two!"])
    # Nine characters each, of which eight are the same: 2 x 8 / 18.
    candidate, similarity = edit.edit_of
    assert candidate == TWO.id
    assert similarity == pytest.approx(8 / 9)


@pytest.mark.parametrize("text", ["Text one.", "Text two.", "Text two. ", "\r\nText two.\n"])
def test_an_edit_that_says_what_was_shown_is_none(text: str) -> None:
    assert edits_by(make_annotation("ann", 1.0, 0.0, edit=text), texts=[text]) == []


def test_an_edit_without_the_blanks_of_what_was_shown_is_none() -> None:
    padded = make_candidate(PROMPT, "\r\n Cafe\u0301. \n", generator="three")
    assert edits_by(make_annotation("ann", edit="Café."), texts=["Café."], candidates=(ONE, padded)) == []


def test_an_edit_that_says_what_a_shown_candidate_without_a_score_says_is_none() -> None:
    said = [make_annotation("ann", 1.0, 0.0, edit="Text two.")]
    resolved = make_resolved(Record(make_verdict(1.0, None, edits=["Text two."]), (ONE, TWO), said))
    assert answers(resolved) == [(ONE.id, 1.0, 0)]


def test_the_same_edit_of_several_reviewers_is_one_answer_of_all_of_them() -> None:
    first, second = edits_by(
        make_annotation("ann", 1.0, 0.0, edit="Better.\r\nMuch."),
        make_annotation("bob", 0.0, 1.0, edit=" Better.\nMuch.\n"),
        make_annotation("eva", 1.0, 0.0, edit="Other."),
        make_annotation("joe", 1.0, 0.0),
        texts=["Better.\nMuch.", "Better.\r\nMuch.", "Other."],
    )
    assert (first.text, first.authors) == ("Better.\nMuch.", frozenset({"ann", "bob"}))
    assert (second.text, second.authors) == ("Other.", frozenset({"eva"}))


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
    record = Record(make_verdict(*scores, edits=edits), (ONE, TWO), said)
    other = Record(make_verdict(1.0, 0.0), (ONE, TWO))
    assert make_resolved(other, record, other).tied().tolist() == [False, tied, False]
