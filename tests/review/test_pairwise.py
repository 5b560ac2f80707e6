"""The pairwise task: which two answers are shown, in which order, and what a choice means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from curation import ids
from curation.errors import ConfigError, DataError
from curation.review import LabelQuestion, PairwiseTask, TextQuestion
from curation.types import Annotation, CandidateSet, Drop, Message, Prompt, Response, ReviewRecord, Status
from tests.rows import make_prompt, make_set

TASK = PairwiseTask()
FIELDS = PairwiseTask(layout="fields")
RECORD = ReviewRecord(id="r", task="pairwise", prompt_id="p", set_id="s", candidates=("c0", "c1"))


def record_of(candidate_set: CandidateSet) -> ReviewRecord:
    records = TASK.records(candidate_set)
    assert isinstance(records, tuple)
    [record] = records
    return record


def shown(candidate_set: CandidateSet) -> list[str]:
    """Return the generators of the shown candidates, in their order."""
    return [candidate_set.candidate(candidate).generator for candidate in record_of(candidate_set).candidates]


def response(values: dict[str, Any], status: Status = "submitted") -> Response:
    return Response(
        record_id="r",
        reviewer="ann",
        status=status,
        values=values,
        dataset_id="d",
        server_record_id="d-r",
        server_user_id="u",
    )


def answer(preference: object = "a", **values: Any) -> Annotation:
    given = {**({} if preference is None else {"preference": preference}), **values}
    return TASK.annotation(response(given), RECORD)


@pytest.mark.parametrize(
    ("ratings", "pair"),
    [
        ((3, 5, 1, 4), {"g1", "g2"}),
        ((1, 5), {"g0", "g1"}),
        ((4.5, 4, 3.5), {"g0", "g2"}),
        ((None, 5, 2), {"g1", "g2"}),
        ((2, None, 5, None), {"g0", "g2"}),
    ],
)
def test_the_judges_best_and_worst_are_shown(ratings: Sequence[float | None], pair: set[str]) -> None:
    for number in range(20):
        assert set(shown(make_set(make_prompt(f"Question {number}"), ratings))) == pair


@pytest.mark.parametrize(
    "ratings",
    [(None, None, None), (3, 3, 3), (5, None, None)],
    ids=["no ratings", "all the same", "one rating"],
)
def test_without_a_best_and_a_worst_any_two_may_be_shown(ratings: Sequence[float | None]) -> None:
    pairs = {frozenset(shown(make_set(make_prompt(f"Question {number}"), ratings))) for number in range(60)}
    assert pairs == {frozenset(pair) for pair in (("g0", "g1"), ("g0", "g2"), ("g1", "g2"))}


def test_two_tied_for_best_take_turns_against_the_worst() -> None:
    pairs = {frozenset(shown(make_set(make_prompt(f"Question {number}"), (5, 5, 1)))) for number in range(60)}
    assert pairs == {frozenset(("g0", "g2")), frozenset(("g1", "g2"))}


def test_two_candidates_are_always_both_shown() -> None:
    for ratings in ((None, None), (4, 4), (None, 3), (1, 5)):
        assert set(shown(make_set(ratings=ratings))) == {"g0", "g1"}


def test_the_record_follows_from_the_content_and_not_from_how_the_set_was_made() -> None:
    for number in range(30):
        made = make_set(make_prompt(f"Question {number}"), (None, None, None))
        turned = CandidateSet(
            id="another", prompt=made.prompt, candidates=made.candidates[::-1], settings="other", failures=made.failures
        )
        first, second = record_of(made), record_of(turned)
        assert (first.id, first.candidates) == (second.id, second.candidates)
        assert (first.set_id, second.set_id) == (made.id, "another")


def test_a_record_names_what_it_shows() -> None:
    made = make_set()
    record = record_of(made)
    assert record.id == ids.record_id("pairwise", made.prompt.id, [candidate.id for candidate in made.candidates])
    assert (record.task, record.prompt_id, record.set_id) == ("pairwise", made.prompt.id, made.id)


def test_the_order_on_the_page_depends_on_the_record_alone() -> None:
    # The judge's ratings decide the pair; swapping best and worst must not move them on the page.
    for number in range(40):
        prompt = make_prompt(f"Question {number}")
        orders = {tuple(shown(make_set(prompt, ratings))) for ratings in ((1, 5), (5, 1), (None, None))}
        assert len(orders) == 1


def test_each_model_is_a_about_half_of_the_time() -> None:
    firsts = [shown(make_set(make_prompt(f"Question {number}"), (5, 1)))[0] for number in range(1000)]
    assert 450 < firsts.count("g0") < 550


def test_the_fields_hold_the_prompt_and_both_texts() -> None:
    made = make_set(ratings=(5, 1))
    record = record_of(made)
    spec = FIELDS.spec(made, record)
    first, second = (made.candidate(candidate) for candidate in record.candidates)
    assert spec.record == record
    assert spec.fields == {
        "prompt": [{"role": "user", "content": "Why is the sky blue?"}],
        "response_a": first.text,
        "response_b": second.text,
    }


def test_nothing_that_reviewers_see_tells_which_model_wrote_it() -> None:
    spec = TASK.spec(made := make_set(ratings=(5, 1)), record_of(made))
    visible = json.dumps([spec.fields, spec.suggestions])
    assert not any(name in visible for name in ("g0", "g1", "acme/"))


def test_the_settings_are_those_of_the_contract() -> None:
    settings = PairwiseTask(min_submitted=3, guidelines="Be kind.", layout="fields").settings()
    assert [(field.name, field.chat) for field in settings.fields] == [
        ("prompt", True),
        ("response_a", False),
        ("response_b", False),
    ]
    preference, *texts = settings.questions
    assert isinstance(preference, LabelQuestion)
    assert (preference.name, list(preference.labels)) == ("preference", ["a", "b", "both_good", "both_bad"])
    assert [(text.name, isinstance(text, TextQuestion)) for text in texts] == [
        ("edit", True),
        ("comment", True),
        ("flags", False),
    ]
    assert (settings.min_submitted, settings.guidelines) == (3, "Be kind.")


def test_the_judges_opinion_is_not_shown_unless_asked_for() -> None:
    made = make_set(ratings=(5, 1))
    assert TASK.spec(made, record_of(made)).suggestions == {}


@pytest.mark.parametrize(
    ("ratings", "better"), [((5, 1), "g0"), ((1, 5), "g1"), ((3, 3), None), ((None, 3), None), ((None, None), None)]
)
def test_a_suggestion_names_the_place_of_the_judges_best(
    ratings: tuple[float | None, float | None], better: str | None
) -> None:
    task = PairwiseTask(show_suggestions=True)
    for number in range(20):
        made = make_set(make_prompt(f"Question {number}"), ratings)
        records = task.records(made)
        assert isinstance(records, tuple)
        assert records[0].suggested is (better is not None)
        suggestions = task.spec(made, records[0]).suggestions
        expected = {} if better is None else {"preference": "ab"[shown(made).index(better)]}
        assert suggestions == expected


@pytest.mark.parametrize("ratings", [(), (5,)])
def test_fewer_than_two_answers_cannot_be_compared(ratings: Sequence[float | None]) -> None:
    made = make_set(ratings=ratings)
    assert TASK.records(made) == Drop(id=made.id, reason="fewer_than_two_answers")


USER = Message(role="user", content="Hi")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([Message(role="user", content="x" * 20_000)], None),
        ([Message(role="user", content="x" * 20_001)], "prompt_too_long_to_show"),
        # Shown as "<", a character without width, "b>".
        ([Message(role="user", content="<b>" + "x" * 19_997)], "prompt_too_long_to_show"),
        ([Message(role="system", content=""), USER], "empty_turn"),
        ([USER, Message(role="assistant", content=""), USER], "empty_turn"),
        ([USER] * 500, None),
        ([USER] * 501, "too_many_turns_to_show"),
    ],
    ids=["long", "too long", "too long as shown", "empty system", "empty answer", "many turns", "too many turns"],
)
def test_a_prompt_that_argilla_would_refuse_is_dropped_with_a_reason(
    messages: list[Message], reason: str | None
) -> None:
    made = make_set(Prompt(id="p", messages=tuple(messages), source="s"))
    assert TASK.prompt_fault(messages) == reason
    if reason is None:
        assert record_of(made).set_id == made.id
    else:
        assert TASK.records(made) == Drop(id=made.id, reason=reason)


def test_a_record_of_another_set_is_refused() -> None:
    with pytest.raises(DataError, match=r"shows a candidate that its set \w+ lacks"):
        TASK.spec(make_set(), record_of(make_set(make_prompt("Another question"))))


@pytest.mark.parametrize(
    ("preference", "scores"),
    [("a", (1.0, 0.0)), ("b", (0.0, 1.0)), ("both_good", (1.0, 1.0)), ("both_bad", (0.0, 0.0))],
)
def test_an_answer_is_a_score_for_each_candidate(preference: str, scores: tuple[float, float]) -> None:
    assert answer(preference) == Annotation(reviewer="ann", status="submitted", scores=scores)


@pytest.mark.parametrize("edit", [None, "", "  \n", 7])
def test_an_edit_without_text_is_none(edit: object) -> None:
    assert answer("a", edit=edit).edit is None


def test_an_edit_is_kept_without_the_blanks_around_it() -> None:
    assert answer("a", edit="\n A better  text. \n").edit == "A better  text."


def test_a_comment_changes_no_score() -> None:
    commented = answer("a", comment=" I know the author.\n")
    assert commented == answer("a").model_copy(update={"comment": "I know the author."})


@pytest.mark.parametrize("preference", ["c", "A", "", None, 1, ["a"], {"value": "a"}, True])
def test_an_answer_of_neither_scale_is_an_error_that_names_it(preference: object) -> None:
    with pytest.raises(DataError) as caught:
        answer(preference)
    assert caught.value.message == (
        f"The response of ann to record r has preference {preference!r}; allowed are a, b, both_good, both_bad, "
        "a_much, a_clearly, a_slightly, same, b_slightly, b_clearly, b_much."
    )


@pytest.mark.parametrize("status", ["draft", "discarded"])
@pytest.mark.parametrize("values", [{}, {"preference": "a", "edit": "Better."}, {"preference": "nonsense"}])
def test_a_draft_or_a_discard_says_nothing_whatever_it_holds(status: Status, values: dict[str, Any]) -> None:
    assert TASK.annotation(response(values, status), RECORD) == Annotation(
        reviewer="ann", status=status, scores=(), edit=None
    )


GRADED = [
    ("a_much", "A is much better", 3, 1.0, 0.0),
    ("a_clearly", "A is clearly better", 2, 5 / 6, 1 / 6),
    ("a_slightly", "A is slightly better", 1, 2 / 3, 1 / 3),
    ("same", "About the same", 0, 0.5, 0.5),
    ("b_slightly", "B is slightly better", -1, 1 / 3, 2 / 3),
    ("b_clearly", "B is clearly better", -2, 1 / 6, 5 / 6),
    ("b_much", "B is much better", -3, 0.0, 1.0),
    ("both_bad", "Both are bad", None, 0.0, 0.0),
]


def meaning(task: PairwiseTask, **values: Any) -> Annotation:
    return task.annotation(response(values), RECORD)


@pytest.mark.parametrize(("answer", "name", "strength", "first", "second"), GRADED)
def test_a_graded_answer_scores_by_its_strength_whatever_the_scale_is_now(
    answer: str, name: str, strength: int | None, first: float, second: float
) -> None:
    for task in (PairwiseTask(scale=7), PairwiseTask()):
        said = meaning(task, preference=answer)
        assert said.scores == pytest.approx((first, second))
        assert said.strength == strength
    assert PairwiseTask(scale=7).answer_name(said.scores) == name
    assert PairwiseTask(scale=7).values(said.scores) == {"preference": answer}


@pytest.mark.parametrize("answer", ["a", "b", "both_good", "both_bad"])
def test_an_answer_of_four_keeps_its_meaning_on_the_scale_of_seven(answer: str) -> None:
    four, seven = (meaning(task, preference=answer) for task in (PairwiseTask(), PairwiseTask(scale=7)))
    assert four == seven
    assert four.strength is None
    assert PairwiseTask().values(four.scores) == {"preference": answer}
    # The scale of seven has no such answer, but a name for it.
    assert PairwiseTask(scale=7).answer_name((1.0, 1.0)) == "Both are good"


def test_the_scale_of_seven_asks_by_how_much_in_an_order_and_has_guidelines_of_its_own() -> None:
    task = PairwiseTask(scale=7)
    question = task.settings().questions[0]
    assert isinstance(question, LabelQuestion)
    assert list(question.labels.items()) == [(answer, name) for answer, name, *_ in GRADED]
    assert (task.level, PairwiseTask().level) == ("ordinal", "nominal")
    assert "**Much better**" in task.guidelines
    assert "**Both are good**" in PairwiseTask().guidelines
    assert PairwiseTask(scale=7, guidelines="Choose.").guidelines == "Choose."


@pytest.mark.parametrize(
    ("ratings", "scores"),
    [((5.0, 4.5), (2 / 3, 1 / 3)), ((1.0, 3.0), (1 / 6, 5 / 6)), ((5.0, 1.0), (1.0, 0.0)), ((3.0, 3.0), None)],
)
def test_the_judge_suggests_a_strength_by_the_difference_of_its_ratings(
    ratings: tuple[float, float], scores: tuple[float, float] | None
) -> None:
    suggested = PairwiseTask(scale=7).judge_scores(ratings)
    assert suggested == (None if scores is None else pytest.approx(scores))


def test_a_choice_by_aspect_and_a_reason_are_kept_beside_the_scores() -> None:
    task = PairwiseTask(aspects=("honesty", "follows_instructions"), reason=True)
    _, honesty, follows, reason, *_ = task.settings().questions
    assert [question.name for question in (honesty, follows, reason)] == [
        "aspect_honesty",
        "aspect_follows_instructions",
        "reason",
    ]
    assert isinstance(follows, LabelQuestion)
    assert (follows.title, follows.labels) == (
        "Follows instructions: which is better?",
        {"a": "A", "tie": "Tie", "b": "B"},
    )
    assert honesty.required
    assert reason.required
    said = meaning(task, preference="a", aspect_honesty="tie", aspect_follows_instructions="b", reason=" It lies.\n")
    assert said.labels == {"aspect_honesty": ("tie",), "aspect_follows_instructions": ("b",)}
    assert (said.scores, said.reason) == ((1.0, 0.0), "It lies.")
    # What was asked before is read when other aspects are asked, or none.
    assert meaning(PairwiseTask(), preference="a", aspect_honesty="tie").labels == {"aspect_honesty": ("tie",)}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scale": 5}, "scale = 5: must be 4 or 7"),
        ({"aspects": ["honesty", "honesty"]}, "must name each aspect once"),
        ({"aspects": list("abcdefg")}, "must name 6 aspects at most, not 7"),
        ({"aspects": ["Honesty!"]}, "aspects[1] = 'Honesty!': must be 1 to 64 of small letters"),
    ],
)
def test_options_that_the_page_cannot_show_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PairwiseTask(**options)
    assert sentence in caught.value.message
