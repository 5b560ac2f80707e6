"""From verdicts to scored answers: which answers have a score, what all records of a set say, who wrote what."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from curation import ids
from curation.derive.edits import EDITS
from curation.derive.scoring import score
from curation.errors import DataError
from curation.types import HUMAN_EDIT, SIMULATED_EDIT, Annotation, Candidate, Drop, Verdict
from tests.rows import make_annotation, make_candidate, make_prompt, make_verdict
from tests.scored_sets import Record, make_scored, make_scoring, make_segment

PROMPT = make_prompt()
ONE, TWO, THREE = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two", "three"))


def answers(*records: Record, **options: Any) -> list[tuple[int, str, float]]:
    """Return the set, the text and the score of every answer, the worst of each set first."""
    return make_scored(*records, **options).answers.select("set_no", "text", "score").rows()


def edits_by(*annotations: Annotation, verdict: Verdict, candidates: Sequence[Candidate] = (ONE, TWO)) -> pl.DataFrame:
    """Return what reviewers of a record wrote."""
    return make_scoring(Record(verdict, candidates, annotations)).edits


def rated(candidate: Candidate, rating: float | None) -> Candidate:
    return candidate.model_copy(update={"rating": rating})


def test_each_candidate_has_the_score_of_its_place_on_the_page() -> None:
    other = make_prompt("Other?")
    forth = Record(make_verdict(0.25, 1.0), (ONE, TWO))
    back = Record(make_verdict(0.75, 0.5), (TWO, ONE), prompt=other)
    assert answers(forth, back) == [
        (0, "Text one.", 0.25),
        (0, "Text two.", 1.0),
        (1, "Text one.", 0.5),
        (1, "Text two.", 0.75),
    ]


def test_a_candidate_without_a_score_or_that_was_not_shown_is_no_answer() -> None:
    assert answers(Record(make_verdict(None, 1.0), (ONE, TWO), holds=[THREE, ONE, TWO])) == [(0, "Text two.", 1.0)]


def test_a_record_without_a_verdict_gives_no_answer_and_says_why() -> None:
    dropped = Record(Drop(id="r", reason="draw"), (ONE, TWO), [make_annotation("ann", 1.0, 0.0, edit="Better.")])
    scoring = make_scoring(dropped)
    assert scoring.scored.answers.is_empty()
    assert scoring.scored.sets.is_empty()
    assert scoring.records["reason"].to_list() == ["draw"]
    # What a reviewer wrote is known all the same.
    assert scoring.edits.select("text", "score").rows() == [("Better.", None)]


@pytest.mark.parametrize("scores", [(1.0,), (1.0, 0.0, None)])
def test_a_verdict_scores_every_candidate_shown_and_no_other(scores: tuple[float | None, ...]) -> None:
    whole = Record(make_verdict(1.0, 0.0, None), (ONE, TWO, THREE), set_name="whole")
    with pytest.raises(ValueError, match="every candidate"):
        make_scoring(whole, Record(make_verdict(*scores), (ONE, TWO)))


def test_a_record_that_shows_what_its_set_does_not_hold_is_an_error() -> None:
    segment, texts = make_segment(Record(make_verdict(1.0, 0.0), (ONE, TWO)))
    without = replace(texts, candidates=texts.candidates.filter(pl.col("text") != "Text two."))
    with pytest.raises(DataError, match="show 1 candidates that their sets do not hold"):
        score(segment, without, judge_fallback=False, pseudonyms={})


def test_all_records_about_a_candidate_count_together_by_how_many_people_answered() -> None:
    first = Record(make_verdict(1.0, 0.0, reviewers=1), (ONE, TWO), id="first")
    second = Record(make_verdict(0.0, 0.5, reviewers=3), (ONE, THREE), id="second")
    # One person says 1 of the first text, three say 0: 1 / 4.
    assert answers(first, second) == [(0, "Text two.", 0.0), (0, "Text one.", 0.25), (0, "Text three.", 0.5)]
    scored = make_scored(first, second)
    assert dict(scored.answers.select("text", "records").iter_rows()) == {
        "Text one.": [0, 1],
        "Text two.": [0],
        "Text three.": [1],
    }


def test_the_mean_of_scores_is_what_a_person_would_write_down() -> None:
    # (0.1 + 0.2) / 2 is 0.15000000000000002.
    halves = [Record(make_verdict(score, 0.0), (ONE, TWO), id=str(score)) for score in (0.1, 0.2)]
    assert answers(*halves) == [(0, "Text two.", 0.0), (0, "Text one.", 0.15)]
    records = [Record(make_verdict(0.1, 0.0, reviewers=3), (ONE, TWO), id=str(number)) for number in range(3)]
    assert answers(*records) == [(0, "Text two.", 0.0), (0, "Text one.", 0.1)]


@pytest.mark.parametrize("seed", range(3))
def test_people_count_before_programs_in_their_place_and_these_before_the_judge(seed: int) -> None:
    human = Record(make_verdict(0.0, 1.0), (ONE, TWO), id="human")
    simulated = Record(make_verdict(1.0, 0.25, label_source="simulated"), (ONE, THREE), id="simulated")
    judge = Record(make_verdict(0.75, 0.75, reviewers=0, label_source="judge"), (TWO, THREE), id="judge")
    records = [human, simulated, judge]
    random.Random(seed).shuffle(records)
    assert answers(*records) == [(0, "Text one.", 0.0), (0, "Text three.", 0.25), (0, "Text two.", 1.0)]
    scored = make_scored(*records)
    names = dict(scored.records.select("record_no", "record_id").iter_rows())
    assert {text: [names[number] for number in of] for text, of in scored.answers.select("text", "records").rows()} == {
        "Text one.": ["human"],
        "Text two.": ["human"],
        "Text three.": ["simulated"],
    }


def test_an_answer_that_stands_in_several_sets_of_its_prompt_has_one_score_in_all() -> None:
    old = Record(make_verdict(1.0, 0.0), (ONE, TWO), id="old", set_name="old")
    new = Record(make_verdict(0.0, 1.0), (ONE, THREE), id="new", set_name="new")
    assert answers(old, new) == [
        (0, "Text two.", 0.0),
        (0, "Text one.", 0.5),
        (1, "Text one.", 0.5),
        (1, "Text three.", 1.0),
    ]
    stranger = Record(make_verdict(0.0, 1.0), (ONE, THREE), id="new", prompt=make_prompt("Other?"))
    assert (0, "Text one.", 1.0) in answers(old, stranger)


def test_of_equal_scores_an_edit_is_better_then_the_higher_rating_then_the_greater_id() -> None:
    low, high = sorted((make_candidate(PROMPT, f"Same {name}.", generator=name) for name in "ab"), key=lambda c: c.id)
    shown = [rated(ONE, 4.0), rated(TWO, 2.0), high, rated(low, 3.0)]
    verdict = make_verdict(1.0, 1.0, 1.0, 1.0, edits=["Ann's text."])
    record = Record(verdict, shown, [make_annotation("ann", 1.0, 1.0, 1.0, 1.0, edit="Ann's text.")])
    # An answer without a rating counts as one with the middle of the judge's scale, 3.
    assert [text for _, text, _ in answers(record)] == ["Text two.", low.text, high.text, "Text one.", "Ann's text."]
    worse = make_verdict(1.0, 0.0, 0.5, 0.25)
    assert [text for _, text, _ in answers(Record(worse, shown))] == ["Text two.", low.text, high.text, "Text one."]


def test_with_the_fallback_the_judge_decides_where_nobody_answered_and_nowhere_else() -> None:
    shown = (rated(ONE, 5.0), rated(TWO, 2.0))
    nobody, discarded = Drop(id="r", reason="unreviewed"), Drop(id="r", reason="discarded")
    people = make_verdict(0.0, 1.0)
    verdicts: tuple[Verdict | Drop, ...] = (nobody, discarded, people, nobody)
    records = [
        Record(verdict, shown, prompt=make_prompt(f"Question {number}?")) for number, verdict in enumerate(verdicts)
    ]
    # Ratings from 1 to 5 are scores from 0 to 1.
    judged = [(0, "Text two.", 0.25), (0, "Text one.", 1.0)]
    again = [(3, text, score) for _, text, score in judged]
    of_people = [(2, "Text one.", 0.0), (2, "Text two.", 1.0)]
    assert answers(*records, judge_fallback=True) == [*judged, *of_people, *again]
    assert answers(*records) == of_people
    scoring = make_scoring(*records, judge_fallback=True)
    assert scoring.records.select("reason", "source", "voters").rows() == [
        (None, 3, 0),
        ("discarded", None, None),
        (None, 1, 1),
        (None, 3, 0),
    ]


def test_an_edit_is_an_answer_of_its_own() -> None:
    annotations = [make_annotation("ann", 1.0, 0.0, edit="Text two!")]
    scored = make_scored(Record(make_verdict(1.0, 0.0, edits=["Text two!"]), (ONE, TWO), annotations))
    assert scored.answers.select("text", "score", "is_edit").rows() == [
        ("Text two.", 0.0, False),
        ("Text one.", 1.0, False),
        ("Text two!", 1.0, True),
    ]
    assert scored.answers.row(2, named=True) == {
        "answer_no": 2,
        "set_no": 0,
        "prompt_no": 0,
        "candidate_id": ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Text two!"),
        "score": 1.0,
        "records": [0],
        "text": "Text two!",
        "model": HUMAN_EDIT,
        "rating": None,
        # What a person wrote ends where that person stopped.
        "finish_reason": "stop",
        "thinking": None,
        "edit_of": TWO.id,
        "edit_similarity": pytest.approx(8 / 9),
        "is_edit": True,
        "fault_if_chosen": None,
        "fault_if_rejected": None,
    }


def test_an_edit_names_the_most_similar_candidate_shown_whichever_was_preferred() -> None:
    annotation = make_annotation("ann", 1.0, 0.0, edit="Text two!")
    edits = edits_by(annotation, verdict=make_verdict(1.0, 0.0, edits=["Text two!"]))
    # Nine characters each, of which eight are the same: 2 x 8 / 18.
    assert edits.select("edit_of", "edit_similarity").rows() == [(TWO.id, pytest.approx(8 / 9))]


@pytest.mark.parametrize("text", ["Text one.", "Text two.", "Text two. ", "\r\nText two.\n"])
def test_an_edit_that_says_what_was_shown_is_none(text: str) -> None:
    annotation = make_annotation("ann", 1.0, 0.0, edit=text)
    assert edits_by(annotation, verdict=make_verdict(1.0, 0.0, edits=[text])).is_empty()


def test_an_edit_without_the_blanks_of_what_was_shown_is_none() -> None:
    padded = make_candidate(PROMPT, "\r\n Cafe\u0301. \n", generator="three")
    annotation = make_annotation("ann", 1.0, 0.0, edit="Café.")
    assert edits_by(annotation, verdict=make_verdict(1.0, 0.0, edits=["Café."]), candidates=(ONE, padded)).is_empty()


def test_an_edit_that_says_what_a_shown_candidate_without_a_score_says_is_none() -> None:
    annotations = [make_annotation("ann", 1.0, 0.0, edit="Text two.")]
    record = Record(make_verdict(1.0, None, edits=["Text two."]), (ONE, TWO), annotations)
    assert answers(record) == [(0, "Text one.", 1.0)]


def test_the_same_edit_of_several_reviewers_is_one_answer_of_all_of_them() -> None:
    edits = edits_by(
        make_annotation("ann", 1.0, 0.0, edit="Better.\r\nMuch."),
        make_annotation("bob", 0.0, 1.0, edit=" Better.\nMuch.\n"),
        make_annotation("eva", 1.0, 0.0, edit="Other."),
        make_annotation("joe", 1.0, 0.0),
        verdict=make_verdict(1.0, 0.0, edits=["Better.\nMuch.", "Better.\r\nMuch.", "Other."]),
    )
    assert edits.columns == list(EDITS)
    assert edits.select("text", "authors", "score").rows() == [
        ("Better.\nMuch.", [0, 1], 1.0),
        ("Other.", [2], 1.0),
    ]


def test_the_same_edit_in_two_records_of_a_set_is_one_answer() -> None:
    records = [
        Record(
            make_verdict(1.0, 0.0, edits=["Better."]),
            shown,
            [make_annotation(name, 1.0, 0.0, edit="Better.")],
            id=name,
        )
        for name, shown in (("ann", (ONE, TWO)), ("bob", (ONE, THREE)))
    ]
    scored = make_scored(*records)
    assert scored.answers.filter("is_edit").select("text", "score", "records").rows() == [("Better.", 1.0, [0, 1])]


def test_an_edit_scores_as_much_as_a_shown_candidate_that_is_certainly_good() -> None:
    verdict = make_verdict(0.9, 0.1, edits=["Better."]).model_copy(update={"edit_score": 0.95})
    record = Record(verdict, (ONE, TWO), [make_annotation("ann", 1.0, 0.0, edit="Better.")])
    assert answers(record)[-1] == (0, "Better.", 0.95)


def test_an_edit_that_the_verdict_does_not_follow_is_known_and_no_answer() -> None:
    annotations = [
        make_annotation("ann", 1.0, 0.0, edit="Better."),
        make_annotation("bob", 0.0, 1.0, edit="Outvoted."),
        make_annotation("eva", status="discarded", edit="Discarded."),
    ]
    record = Record(make_verdict(1.0, 0.0, edits=["Better."]), (ONE, TWO), annotations)
    scoring = make_scoring(record)
    assert scoring.edits.select("text", "score", "authors").rows() == [
        ("Better.", 1.0, [0]),
        ("Outvoted.", None, [1]),
        ("Discarded.", None, [2]),
    ]
    assert scoring.scored.answers.filter("is_edit")["text"].to_list() == ["Better."]


@pytest.mark.parametrize(
    ("authors", "model"),
    [
        (["ann"], HUMAN_EDIT),
        (["simulated-1"], SIMULATED_EDIT),
        (["ann", "simulated-1"], HUMAN_EDIT),
        (["simulated-1", "simulated-2"], SIMULATED_EDIT),
    ],
)
def test_what_programs_wrote_is_never_a_persons(authors: list[str], model: str) -> None:
    annotations = [make_annotation(name, 1.0, 0.0, edit="Better.") for name in authors]
    edits = edits_by(*annotations, verdict=make_verdict(1.0, 0.0, edits=["Better."]))
    assert edits.select("model", "candidate_id").rows() == [(model, ids.candidate_id(PROMPT.id, model, "Better."))]


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
def test_a_set_is_tied_if_no_answer_that_was_compared_is_better_than_another(
    scores: tuple[float | None, ...], edits: tuple[str, ...], tied: bool
) -> None:
    annotations = [make_annotation("ann", 1.0, 0.0, edit=text) for text in edits]
    before, after = (
        Record(make_verdict(1.0, 0.0), (ONE, TWO), prompt=make_prompt(f"Question {number}?")) for number in range(2)
    )
    record = Record(make_verdict(*scores, edits=edits), (ONE, TWO), annotations)
    tied_of_set = dict(make_scored(before, record, after).sets.select("set_no", "tied").iter_rows())
    assert tied_of_set == {0: False, 1: tied, 2: False}


def test_answers_that_were_shown_one_by_one_are_no_tie() -> None:
    apart = [Record(make_verdict(1.0), [candidate], id=candidate.id) for candidate in (ONE, TWO)]
    assert make_scored(*apart).sets["tied"].to_list() == [False]


def test_a_response_says_of_each_answer_what_its_record_shows_and_of_its_own_edit_that_it_is_good() -> None:
    annotations = [
        make_annotation("ann", 0.0, 1.0, edit="Better."),
        make_annotation("bob", 1.0, None),
        make_annotation("eva", status="discarded"),
        make_annotation("simulated-1", 0.5, 0.5),
    ]
    record = Record(make_verdict(0.0, 1.0, edits=["Better."]), (TWO, ONE), annotations)
    scored = make_scored(record)
    entries = scored.entries.select("reviewer", "pseudonym", "status", "counted").rows()
    # People answered, so that the program does not count.
    assert entries == [
        ("ann", "NNA", "submitted", True),
        ("bob", "BOB", "submitted", True),
        ("eva", "AVE", "discarded", False),
        ("simulated-1", "1-DETALUMIS", "submitted", False),
    ]
    edit_id = ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Better.")
    joined = scored.entry_scores.join(scored.entries, on="entry_no")
    assert set(joined.drop_nulls("score").select("reviewer", "candidate_id", "score").rows()) == {
        ("ann", TWO.id, 0.0),
        ("ann", ONE.id, 1.0),
        ("ann", edit_id, 1.0),
        ("bob", TWO.id, 1.0),
        ("simulated-1", TWO.id, 0.5),
        ("simulated-1", ONE.id, 0.5),
    }
