"""What every review task keeps to, whatever it asks: the same tests for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from pydantic import JsonValue

from curation.errors import ConfigError, DataError, RefusedError
from curation.local import Stack
from curation.review import (
    TASKS,
    BinaryTask,
    LabelQuestion,
    MultiLabelQuestion,
    PairwiseTask,
    Question,
    RankingQuestion,
    RankingTask,
    RatingQuestion,
    RatingTask,
    RecordSpec,
    SafetyTask,
    TextQuestion,
    reading_task,
)
from curation.review.page import plain_fields
from curation.review.settings import differences, task_settings
from curation.types import CandidateSet, Drop, Message, Response, ReviewRecord, Status
from tests.review.datasets import Dataset
from tests.rows import make_prompt, make_set

Task = PairwiseTask | BinaryTask | RatingTask | RankingTask | SafetyTask

EVERY: list[Task] = [
    PairwiseTask(),
    PairwiseTask(scale=7),
    PairwiseTask(aspects=("honesty", "style"), reason=True, flags=()),
    BinaryTask(),
    RatingTask(),
    RatingTask(candidates=2),
    RatingTask(candidates=2, aspects=("honesty", "instruction-following")),
    RankingTask(),
    RankingTask(candidates=2),
    SafetyTask(),
    SafetyTask(pairwise=True),
]
MODELS = ("generator-quartz", "generator-basalt", "generator-slate", "generator-chalk")

every_task = pytest.mark.parametrize(
    "task",
    EVERY,
    ids=lambda task: "-".join(
        [
            task.task,
            *(str(getattr(task, name)) for name in ("candidates", "aspects", "pairwise") if getattr(task, name, None)),
        ]
    ),
)


def sets() -> Iterator[CandidateSet]:
    """Yield sets of two to seven answers, with and without ratings, and one of one answer."""
    for count in (1, 2, 3, 5, 6, 7):
        for rated in (False, True):
            ratings = [1.0 + number % 5 if rated else None for number in range(count)]
            yield make_set(make_prompt(f"Question {count} {rated}?"), ratings)


def records_of(task: Task, candidate_set: CandidateSet) -> tuple[ReviewRecord, ...]:
    records = task.records(candidate_set)
    return () if isinstance(records, Drop) else records


def respond(
    record: ReviewRecord, values: dict[str, JsonValue], *, status: Status = "submitted", reviewer: str = "ann"
) -> Response:
    return Response(
        record_id=record.id,
        reviewer=reviewer,
        status=status,
        values=values,
        dataset_id="d",
        server_record_id="s",
        server_user_id="u",
    )


def choices(question: Question) -> list[JsonValue]:
    """Return every value that an answer to a question may have; None if it may be left out."""
    left_out: list[JsonValue] = [] if question.required else [None]
    match question:
        case LabelQuestion():
            return [*left_out, *question.labels]
        case RatingQuestion():
            return [*left_out, *question.values]
        case RankingQuestion():
            places = range(1, len(question.options) + 1)
            return [
                [{"value": value, "rank": rank} for value, rank in zip(question.options, ranks, strict=True)]
                for ranks in product(places, repeat=len(question.options))
            ]
        case MultiLabelQuestion():
            first, *_, last = question.labels
            return [*left_out, [first], [last, first]]
        case TextQuestion():
            return left_out or ["Because."]
    raise AssertionError(f"no task asks a {type(question).__name__} yet")


def answers(task: Task) -> Iterator[dict[str, JsonValue]]:
    """Yield the answers that the page of a task lets a reviewer submit, without texts, and with up to two flags."""
    questions = task.settings().questions
    for values in product(*map(choices, questions)):
        named = zip(questions, values, strict=True)
        yield {question.name: value for question, value in named if value is not None}


def small(task: Task) -> Task:
    """Return a task with a page of at most three places, so that all its answers can be gone through."""
    return task.for_answers(3)


def test_every_task_is_tested_here_and_known_by_its_name() -> None:
    assert {task.task for task in EVERY} == set(TASKS)
    for task in EVERY:
        assert type(reading_task(task.task)) is type(task)


def test_a_task_that_is_not_known_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(DataError, match=r"the task 'song'; known are pairwise, binary, rating, ranking, safety\."):
        reading_task("song")


@every_task
def test_records_follow_from_the_content_and_not_from_how_the_set_was_made(task: Task) -> None:
    for made in sets():
        turned = made.model_copy(update={"candidates": made.candidates[::-1], "settings": "f" * 16})
        assert task.records(made) == task.records(made)
        assert records_of(task, turned) == records_of(task, made)


@every_task
def test_the_id_of_a_record_is_that_of_what_it_shows(task: Task) -> None:
    shown: dict[str, tuple[str, str, frozenset[str]]] = {}
    for made in sets():
        for record in records_of(task, made):
            assert shown.setdefault(record.id, (record.task, record.prompt_id, frozenset(record.candidates))) == (
                task.task,
                made.prompt.id,
                frozenset(record.candidates),
            )
    assert len(set(shown.values())) == len(shown) > 5


@every_task
def test_a_record_shows_candidates_of_its_set_each_once(task: Task) -> None:
    for made in sets():
        records = records_of(task, made)
        shown = [candidate for record in records for candidate in record.candidates]
        assert len(set(shown)) == len(shown)
        assert set(shown) <= {candidate.id for candidate in made.candidates}
        assert {record.set_id for record in records} <= {made.id}


@every_task
def test_a_set_is_shown_if_it_has_as_many_candidates_as_the_task_needs(task: Task) -> None:
    for count in range(4):
        made = make_set(ratings=[None] * count)
        records = task.records(made)
        assert isinstance(records, Drop) is (count < task.min_candidates)
        if isinstance(records, Drop):
            assert records.id == made.id
            assert records.reason == task.too_few == ("no_answer", "fewer_than_two_answers")[task.min_candidates - 1]
        else:
            assert records


@every_task
def test_a_prompt_that_argilla_cannot_show_is_not_shown(task: Task) -> None:
    empty = make_prompt().model_copy(update={"messages": (Message(role="user", content=""),)})
    made = make_set().model_copy(update={"prompt": empty})
    assert task.prompt_fault(empty.messages) == "empty_turn"
    assert task.records(made) == Drop(id=made.id, reason="empty_turn")


@every_task
def test_no_model_is_always_at_the_same_place(task: Task) -> None:
    first = set()
    for number in range(40):
        made = make_set(make_prompt(f"Question {number}?"), (1.0, 5.0))
        first.add(made.candidate(records_of(task, made)[0].candidates[0]).generator)
    assert first == {"g0", "g1"}


def named(made: CandidateSet) -> CandidateSet:
    candidates = (
        one.model_copy(update={"generator": model, "model": model})
        for one, model in zip(made.candidates, MODELS, strict=False)
    )
    return made.model_copy(update={"candidates": tuple(candidates)})


@every_task
def test_what_is_shown_has_every_candidate_and_names_no_model(task: Task) -> None:
    settings = task.settings()
    made = named(make_set(ratings=(1.0, 5.0, 3.0)))
    for record in records_of(task, made):
        spec = task.spec(made, record)
        assert spec.record == record
        assert set(spec.fields) <= {field.name for field in settings.fields}
        assert {field.name for field in settings.fields if field.required} <= set(spec.fields)
        fields = plain_fields(spec.fields)
        texts = [value for name, value in fields.items() if name != "prompt"]
        assert texts == [made.candidate(candidate).text for candidate in record.candidates]
        assert fields["prompt"] == [{"role": "user", "content": "Why is the sky blue?"}]
        assert not [model for model in MODELS if model in str(spec.fields) + str(spec.suggestions)]
        assert suggests_nothing(spec)


def suggests_nothing(spec: RecordSpec) -> bool:
    """Whether a record suggests nothing of what it shows: a ranking may only say where to put what it lacks."""
    [ranking] = list(spec.suggestions.values()) or [[]]
    assert isinstance(ranking, list)
    return all(isinstance(item, dict) and item["value"] not in plain_fields(spec.fields) for item in ranking)


@every_task
def test_a_card_shows_what_fields_would_and_is_the_layout_where_answers_are_compared(task: Task) -> None:
    card, plain = (task.model_copy(update={"layout": layout}) for layout in ("card", "fields"))
    made = make_set(ratings=(1.0, 5.0, 3.0))
    for record in records_of(task, made):
        on_card, in_fields = card.spec(made, record), plain.spec(made, record)
        assert plain_fields(on_card.fields) == in_fields.fields
        assert on_card.suggestions == in_fields.suggestions
        expected = on_card if len(record.candidates) > 1 else in_fields
        assert task.spec(made, record) == expected or len(record.candidates) == 1
    assert [field.name for field in card.settings().fields] == ["card"]
    assert len(plain.settings().fields) > 1
    assert card.settings().questions == plain.settings().questions


@every_task
def test_a_record_of_another_set_is_refused(task: Task) -> None:
    [record, *_] = records_of(task, make_set(make_prompt("Another question?")))
    with pytest.raises(DataError, match=r"shows a candidate that its set \w+ lacks"):
        task.spec(make_set(), record)


@pytest.mark.slow
@every_task
def test_every_answer_has_a_score_or_none_for_each_candidate_and_a_name(task: Task) -> None:
    task = small(task)
    given = list(answers(task))
    assert given
    for record in records_of(task, make_set(ratings=[None] * 3)):
        names: dict[tuple[float | None, ...], str] = {}
        for values in given:
            annotation = task.annotation(respond(record, values), record)
            scores = annotation.scores
            assert len(scores) == len(record.candidates)
            assert all(score is None or 0 <= score <= 1 for score in scores)
            assert any(score is not None for score in scores)
            assert (annotation.reviewer, annotation.status) == ("ann", "submitted")
            assert (annotation.edit, annotation.comment) == (None, None)
            name = task.answer_name(scores)
            assert name
            assert names.setdefault(scores, name) == name
        assert len(set(names.values())) == len(names) > 1


@pytest.mark.slow
@every_task
def test_answers_lean_to_either_side(task: Task) -> None:
    task = small(task)
    for record in records_of(task, make_set(ratings=[None] * 3)):
        given = (task.annotation(respond(record, values), record).scores for values in answers(task))
        assert {task.leaning.to(scores) for scores in given} >= {True, False}
    assert task.leaning.title


@pytest.mark.slow
@every_task
def test_the_values_of_scores_are_the_answer_that_means_them(task: Task) -> None:
    task = small(task)
    for record in records_of(task, make_set(ratings=[None] * 3)):
        for values in answers(task):
            scores = task.annotation(respond(record, values), record).scores
            assert task.annotation(respond(record, task.values(scores)), record).scores == scores


@pytest.mark.slow
@every_task
def test_a_response_is_read_by_the_name_of_the_task_alone(task: Task) -> None:
    task = small(task)
    for record in records_of(task, make_set(ratings=[None] * 3)):
        other = record.model_copy(update={"id": "f" * 16, "prompt_id": "p", "set_id": "s"})
        for values in answers(task):
            response = respond(record, {**values, "edit": "Better.", "comment": "Hm."})
            assert reading_task(record.task).annotation(response, other) == task.annotation(response, record)


@every_task
@pytest.mark.parametrize("status", ["draft", "discarded"])
def test_a_draft_or_a_discard_scores_nothing_whatever_it_holds(task: Task, status: Status) -> None:
    [record, *_] = records_of(task, make_set())
    some = next(answers(task))
    for values in ({}, {**some, "edit": "Better."}, dict.fromkeys(some, "nonsense")):
        annotation = task.annotation(respond(record, {**values, "comment": " I cannot tell. "}, status=status), record)
        assert (annotation.status, annotation.scores, annotation.edit) == (status, (), None)
        assert annotation.comment == "I cannot tell."


@every_task
@pytest.mark.parametrize("value", ["nonsense", "", 0, 6, 1.5, True, ["a"], {"value": "a"}])
def test_a_value_that_is_no_answer_is_an_error_that_names_reviewer_and_record(task: Task, value: Any) -> None:
    [record, *_] = records_of(task, make_set())
    questions = task.settings().questions
    for name in (one.name for one in questions if one.required and not isinstance(one, TextQuestion)):
        with pytest.raises(DataError) as caught:
            task.annotation(respond(record, {**next(answers(task)), name: value}), record)
        assert caught.value.message.startswith(f"The response of ann to record {record.id} has {name} {value!r}; ")


@every_task
def test_a_submitted_response_without_an_answer_is_an_error(task: Task) -> None:
    [record, *_] = records_of(task, make_set())
    with pytest.raises(DataError, match=f"The response of ann to record {record.id} "):
        task.annotation(respond(record, {"edit": "Better."}), record)


@every_task
def test_an_edit_and_a_comment_are_kept_without_the_blanks_around_them(task: Task) -> None:
    [record, *_] = records_of(task, make_set())
    plain = next(answers(task))
    values: dict[str, JsonValue] = {**plain, "edit": "\n A better  text. \n", "comment": " Look. "}
    annotation = task.annotation(respond(record, values), record)
    assert (annotation.edit, annotation.comment) == ("A better  text.", "Look.")
    assert annotation.scores == task.annotation(respond(record, plain), record).scores
    for empty in ("", " \n", None, 7):
        assert task.annotation(respond(record, {**plain, "edit": empty}), record).edit is None


@every_task
@pytest.mark.parametrize("status", ["submitted", "discarded", "draft"])
def test_flags_are_kept_unless_the_response_is_a_draft(task: Task, status: Status) -> None:
    [record, *_] = records_of(task, make_set())
    plain = next(answers(task))
    given: list[tuple[JsonValue, tuple[str, ...]]] = [
        (["unsafe", "broken_prompt"], ("broken_prompt", "unsafe")),
        # An answer keeps its meaning when the configuration names other flags.
        (["of_an_earlier_configuration"], ("of_an_earlier_configuration",)),
        ([], ()),
        (None, ()),
    ]
    for values, flags in given:
        annotation = task.annotation(respond(record, {**plain, "flags": values}, status=status), record)
        assert annotation.flags == (() if status == "draft" else flags)
        assert annotation.scores == task.annotation(respond(record, plain, status=status), record).scores


@every_task
def test_the_questions_that_end_the_page_are_asked_unless_they_are_not_wanted(task: Task) -> None:
    def asked(**options: Any) -> list[str]:
        questions = type(task)(**options).settings().questions
        return [question.name for question in questions if not question.required]

    every = asked()
    assert every[-3:] == ["edit", "comment", "flags"]
    assert asked(edit=False) == [*every[:-3], "comment", "flags"]
    assert asked(edit=False, comment=False, flags=()) == every[:-3]


@every_task
def test_reviewers_read_the_flags_of_the_configuration_in_words(task: Task) -> None:
    *_, flags = type(task)().settings().questions
    assert isinstance(flags, MultiLabelQuestion)
    assert flags.labels == {
        "unsafe": "Unsafe",
        "personal_data": "Personal data",
        "wrong_language": "Wrong language",
        "broken_prompt": "Broken prompt",
    }
    *_, flags = type(task)(flags=("advert", "not_our_subject")).settings().questions
    assert isinstance(flags, MultiLabelQuestion)
    assert flags.labels == {"advert": "Advert", "not_our_subject": "Not our subject"}


@every_task
@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("unsafe",), "must name 2 to 9 flags, or none, not 1"),
        (tuple(f"flag_{number}" for number in range(10)), "must name 2 to 9 flags, or none, not 10"),
        (("unsafe", "unsafe"), "must name each flag once"),
        (("unsafe", "Not Ours"), "'Not Ours'"),
    ],
)
def test_flags_that_the_page_cannot_show_are_refused(task: Task, flags: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        type(task)(flags=flags)


@every_task
def test_what_the_judge_would_answer_is_an_answer_and_is_suggested(task: Task) -> None:
    suggesting = task.model_copy(update={"show_suggestions": True})
    for made in sets():
        for record in records_of(suggesting, made):
            ratings = [made.candidate(candidate).rating for candidate in record.candidates]
            scores = suggesting.judge_scores(ratings)
            if all(rating is None for rating in ratings):
                assert scores is None
            spec = suggesting.spec(made, record)
            suggested = spec.suggestions
            if scores is None:
                assert suggests_nothing(spec)
            else:
                assert suggested == suggesting.values(scores)
                assert suggesting.annotation(respond(record, suggested), record).scores == scores


@every_task
def test_settings_that_differ_in_anything_that_gives_an_answer_its_meaning_are_told_apart(task: Task) -> None:
    settings = task.settings()
    assert differences(task_settings(settings), settings) == {}
    for place, question in enumerate(settings.questions):
        for changed in _changes(question):
            other = replace(
                settings, questions=(*settings.questions[:place], changed, *settings.questions[place + 1 :])
            )
            assert differences(task_settings(other), settings)


def _changes(question: Question) -> Iterator[Question]:
    yield replace(question, title="Another title")
    yield replace(question, description="Another description.")
    yield replace(question, required=not question.required)
    if isinstance(question, LabelQuestion | MultiLabelQuestion):
        yield replace(question, labels={**question.labels, "more": "More"})
        yield replace(question, labels=dict(reversed(question.labels.items())))
        yield replace(question, labels=dict.fromkeys(question.labels, "The same"))
    if isinstance(question, RatingQuestion):
        yield replace(question, values=(*question.values, 6))
        yield replace(question, values=question.values[::-1])
    if isinstance(question, RankingQuestion):
        yield replace(question, options={**question.options, "more": "More"})
        yield replace(question, options=dict(reversed(question.options.items())))
        yield replace(question, options=dict.fromkeys(question.options, "The same"))


KINDS: tuple[Question, ...] = (
    LabelQuestion("better", "Which is better?", {"a": "A", "b": "B"}),
    MultiLabelQuestion("flags", "What is wrong?", {f"flag_{n}": f"Flag {n}" for n in range(8)}, "Any number."),
    RatingQuestion("useful", "How useful is it?", (0, 1, 2, 3)),
    RankingQuestion("order", "In which order?", {"one": "One", "two": "Two", "three": "Three"}),
    TextQuestion("why", "Why?", "In a sentence.", required=True),
    RatingQuestion("clear", "How clear is it?", (1, 2), required=False),
)
ANSWERED: dict[str, JsonValue] = {
    "better": "b",
    "flags": ["flag_7", "flag_0"],
    "useful": 0,
    "order": [{"value": "one", "rank": 1}, {"value": "three", "rank": 1}, {"value": "two", "rank": 3}],
    "why": "Because.",
}


@pytest.mark.stack
@every_task
def test_a_dataset_of_the_task_takes_its_records_and_answers_and_gives_them_back(task: Task, stack: Stack) -> None:
    suggesting = task.model_copy(update={"show_suggestions": True}).for_answers(3)
    settings = suggesting.settings()
    made = make_set(ratings=(1.0, 5.0, 4.0))
    records = records_of(suggesting, made)
    with closing(Dataset(stack, task=settings)) as dataset, dataset.review(stack.argilla.url) as review:
        review.check(settings)
        assert review.push([suggesting.spec(made, record) for record in records]).added == len(records)
        record = records[-1]
        [item] = [item for item in dataset.items() if item["external_id"] == record.id]
        for values in _some(list(answers(suggesting))):
            body = {
                "status": "submitted",
                "values": {name: {"value": value} for name, value in {**values, "edit": "Better."}.items()},
            }
            answered = dataset.http.post(f"/records/{item['id']}/responses", json=body).raise_for_status().json()
            [answer] = review.pull().answers
            response = respond(record, answer.values)
            expected = suggesting.annotation(respond(record, {**values, "edit": "Better."}), record)
            assert suggesting.annotation(response, record) == expected
            dataset.http.delete(f"/responses/{answered['id']}").raise_for_status()


def _some(given: Sequence[dict[str, JsonValue]]) -> Sequence[dict[str, JsonValue]]:
    """Return up to five answers, the first and the last among them."""
    return given if len(given) <= 5 else [given[number * (len(given) - 1) // 4] for number in range(5)]


@pytest.mark.stack
def test_questions_of_every_kind_come_back_as_they_were_asked_and_their_answers_as_they_were_given(
    stack: Stack,
) -> None:
    settings = replace(PairwiseTask(layout="fields").settings(), questions=KINDS)
    with closing(Dataset(stack, records=1, task=settings)) as dataset, dataset.review(stack.argilla.url) as review:
        review.check(settings)
        [item] = dataset.items()
        body = {"status": "submitted", "values": {name: {"value": value} for name, value in ANSWERED.items()}}
        dataset.http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()
        [answer] = review.pull().answers
        assert answer.values == ANSWERED
        for place, question in enumerate(KINDS):
            for changed in _changes(question):
                other = replace(settings, questions=(*KINDS[:place], changed, *KINDS[place + 1 :]))
                with pytest.raises(RefusedError, match="has other settings than the config"):
                    review.check(other)


@pytest.mark.slow
@every_task
def test_nulls_and_values_of_a_question_that_no_longer_exists_change_nothing(task: Task) -> None:
    asked = {question.name for question in task.settings().questions}
    for record in records_of(small(task), make_set(ratings=[None] * 3)):
        for plain in answers(small(task)):
            nulls = dict.fromkeys(asked - plain.keys())
            former: dict[str, JsonValue] = {"quality_of_1999": "good", "former_flags": ["unsafe"], "nothing": None}
            expected = small(task).annotation(respond(record, plain), record)
            assert small(task).annotation(respond(record, {**plain, **nulls, **former}), record) == expected
