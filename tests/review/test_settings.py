"""What reviewers are told is compared word for word: on values, and with everything that Argilla lets people change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from curation.errors import RefusedError
from curation.local import Stack
from curation.review import Field, LabelQuestion, PairwiseTask, TaskSpec, TextQuestion
from curation.review.settings import ArgillaSettings, differences, task_settings
from curation.review.shares import share_of
from tests.review.datasets import Dataset

TASK = PairwiseTask(guidelines="Be kind.\n\nBe fair.", flags=(), layout="fields").settings()
PREFERENCE, EDIT, COMMENT = TASK.questions
assert isinstance(PREFERENCE, LabelQuestion)
assert isinstance(EDIT, TextQuestion)


def question(**changes: Any) -> TaskSpec:
    return replace(TASK, questions=(replace(PREFERENCE, **changes), EDIT, COMMENT))


def told(task: TaskSpec) -> list[str]:
    """Return how a dataset of this task differs from TASK."""
    return list(differences(task_settings(task), TASK).values())


def test_the_same_settings_do_not_differ() -> None:
    assert told(TASK) == []
    assert told(replace(TASK, guidelines="\r\nBe kind.\r\n\r\nBe fair. \n")) == []


SWAPPED = {**PREFERENCE.labels, "a": "B is better", "b": "A is better"}
REORDERED = {value: PREFERENCE.labels[value] for value in ("b", "a", "both_good", "both_bad")}


@pytest.mark.parametrize(
    ("task", "sentences"),
    [
        (
            question(labels=SWAPPED),
            [
                "the text of value 'a' of question 'preference' is 'B is better', expected 'A is better'",
                "the text of value 'b' of question 'preference' is 'A is better', expected 'B is better'",
            ],
        ),
        (
            question(labels=REORDERED),
            [
                "the list of values of question 'preference' is b, a, both_good, both_bad, "
                "expected a, b, both_good, both_bad"
            ],
        ),
        (
            question(title="Which response is worse?"),
            ["the title of question 'preference' is 'Which response is worse?', expected 'Which response is better?'"],
        ),
        (
            replace(TASK, questions=(PREFERENCE, replace(EDIT, description=""), COMMENT)),
            [
                "the description of question 'edit' is empty, "
                "expected 'Optional: your improved version of the better response.'"
            ],
        ),
        (
            replace(TASK, questions=(*TASK.questions, replace(EDIT, name="why"))),
            ["the list of questions is preference, edit, comment, why, expected preference, edit, comment"],
        ),
        (
            replace(TASK, fields=(TASK.fields[0], TASK.fields[2], TASK.fields[1])),
            ["the list of fields is prompt, response_b, response_a, expected prompt, response_a, response_b"],
        ),
        (
            replace(TASK, fields=(Field("prompt", "Question", chat=True), *TASK.fields[1:])),
            ["the title of field 'prompt' is 'Question', expected 'Prompt'"],
        ),
        (
            replace(TASK, fields=(Field("prompt", "Prompt"), *TASK.fields[1:])),
            ["the kind of field 'prompt' is 'text', expected 'chat'"],
        ),
        (replace(TASK, guidelines=""), ["line 1 of the guidelines is empty, expected 'Be kind.'"]),
        (
            replace(TASK, guidelines="Be kind.\n\nBe strict."),
            ["line 3 of the guidelines is 'Be strict.', expected 'Be fair.'"],
        ),
        (replace(TASK, min_submitted=3), ["min_submitted is 3, expected 1"]),
    ],
    ids=lambda value: value[0].partition(" is ")[0] if isinstance(value, list) else "",
)
def test_what_differs_is_told_in_a_sentence(task: TaskSpec, sentences: list[str]) -> None:
    assert told(task) == sentences


def changed(kind: str, name: str, keys: Mapping[str, Any]) -> ArgillaSettings:
    """Return what Argilla's API gives for TASK, with some keys of one thing changed."""
    settings = task_settings(TASK)
    things = {"fields": settings.fields, "questions": settings.questions, "metadata": settings.metadata}
    things[kind] = tuple({**thing, **keys} if thing["name"] == name else thing for thing in things[kind])
    return ArgillaSettings(dataset=settings.dataset, **things)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            changed("questions", "comment", {"required": True}),
            "whether question 'comment' is required is true, expected false",
        ),
        (
            changed("fields", "response_b", {"required": False}),
            "whether field 'response_b' is required is false, expected true",
        ),
        (
            changed("questions", "comment", {"settings": {"type": "rating", "options": []}}),
            "the kind of question 'comment' is 'rating', expected 'text'",
        ),
        (
            changed("metadata", "share", {"visible_for_annotators": False}),
            "whether reviewers can filter by 'share' is false, expected true",
        ),
        (
            replace(task_settings(TASK), metadata=()),
            "whether reviewers can filter by 'share' is false, expected true",
        ),
    ],
)
def test_what_a_task_cannot_say_is_compared_too(settings: ArgillaSettings, sentence: str) -> None:
    assert list(differences(settings, TASK).values()) == [sentence]


def test_a_long_text_is_cut() -> None:
    [sentence] = told(question(title="w" * 500))
    assert f"'{'w' * 80}...'" in sentence
    assert len(sentence) < 250


@pytest.fixture
def dataset(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack, task=TASK)) as made:
        yield made


def resource(dataset: Dataset, kind: str, name: str) -> Mapping[str, Any]:
    listed = dataset.http.get(f"/datasets/{dataset.id}/{kind}").raise_for_status().json()["items"]
    [wanted] = [item for item in listed if item["name"] == name]
    return dict(wanted)


def option(value: str, text: str) -> dict[str, str]:
    return {"value": value, "text": text}


CHANGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "the text of value 'a'": (
        "questions",
        "preference",
        {
            "settings": {
                "type": "label_selection",
                "options": [option(value, text) for value, text in SWAPPED.items()],
            }
        },
    ),
    "the list of values": (
        "questions",
        "preference",
        {
            "settings": {
                "type": "label_selection",
                "options": [option(value, text) for value, text in REORDERED.items()],
            }
        },
    ),
    "the number of values": (
        "questions",
        "preference",
        {"settings": {"type": "label_selection", "visible_options": 3}},
    ),
    "the title of question": ("questions", "preference", {"title": "Which response is worse?"}),
    "the description of question": ("questions", "preference", {"description": "The worse one."}),
    "the title of field": ("fields", "response_a", {"title": "Response B"}),
    "whether field 'response_a' is Markdown": (
        "fields",
        "response_a",
        {"settings": {"type": "text", "use_markdown": False}},
    ),
    "whether question 'edit' is Markdown": ("questions", "edit", {"settings": {"type": "text", "use_markdown": True}}),
}


@pytest.mark.stack
def test_everything_that_argilla_lets_people_change_is_noticed(dataset: Dataset, stack: Stack) -> None:
    with dataset.review(stack.argilla.url) as review:
        review.check(TASK)
        for subject, (kind, name, body) in CHANGES.items():
            before = resource(dataset, kind, name)
            back = {key: before[key] for key in body}
            dataset.http.patch(f"/{kind}/{before['id']}", json=body).raise_for_status()
            with pytest.raises(RefusedError, match="Answers would mean something else") as refused:
                review.check(TASK)
            assert subject in refused.value.message
            dataset.http.patch(f"/{kind}/{before['id']}", json=back).raise_for_status()
            review.check(TASK)


@pytest.mark.stack
def test_guidelines_and_min_submitted_may_be_brought_in_step(dataset: Dataset, stack: Stack) -> None:
    later = replace(TASK, guidelines="Be kind.\n\nBe strict.", min_submitted=2)
    with dataset.review(stack.argilla.url) as review:
        with pytest.raises(RefusedError, match=r"line 3 of the guidelines is 'Be fair\.'.*--update-settings"):
            review.check(later)
        review.update(later)
        review.check(later)
        with pytest.raises(RefusedError, match="min_submitted is 2, expected 1"):
            review.check(TASK)
        review.update(replace(TASK, guidelines=""))
        review.check(replace(TASK, guidelines=""))


@pytest.mark.stack
def test_records_that_lost_their_share_get_it_back(stack: Stack) -> None:
    of_record: dict[str | None, str | None] = {name: share_of(name) for name in ("r0", "r1", "r2")}
    with closing(Dataset(stack, records=3, task=TASK)) as dataset, dataset.review(stack.argilla.url) as review:
        listed = f"/me/datasets/{dataset.id}/metadata-properties"
        for change in ("hidden", "deleted"):
            [share] = dataset.http.get(listed).raise_for_status().json()["items"]
            path = f"/metadata-properties/{share['id']}"
            if change == "hidden":
                dataset.http.patch(path, json={"visible_for_annotators": False}).raise_for_status()
            else:
                dataset.http.delete(path).raise_for_status()
                [server_id, *_] = [item["id"] for item in dataset.items()]
                dataset.http.patch(f"/records/{server_id}", json={"metadata": {}}).raise_for_status()
                dataset.add(None)
            with pytest.raises(RefusedError, match=r"can filter by 'share' is false.*--update-settings"):
                review.check(TASK)
            review.update(TASK)
            review.check(TASK)
            shares = {item["external_id"]: (item["metadata"] or {}).get("share") for item in dataset.items()}
            assert shares == (of_record if change == "hidden" else {**of_record, None: None})
            assert dataset.items()[0]["fields"]["response_a"] == "A"


@pytest.mark.stack
def test_another_page_of_the_card_is_noticed_and_may_be_brought_in_step(stack: Stack) -> None:
    now = PairwiseTask().settings()
    before = replace(now, fields=(replace(now.fields[0], template="<p>An earlier page.</p>"),))
    with closing(Dataset(stack, task=before)) as dataset, dataset.review(stack.argilla.url) as review:
        with pytest.raises(RefusedError, match=r"the page of field 'card' is 'version .*--update-settings"):
            review.create(now)
        review.update(now)
        review.check(now)


@pytest.mark.stack
def test_questions_that_were_added_are_noticed(stack: Stack) -> None:
    more = replace(TASK, questions=(*TASK.questions, replace(EDIT, name="why")))
    refusal = pytest.raises(RefusedError, match="the list of questions is preference, edit, comment, why")
    with closing(Dataset(stack, task=more)) as dataset, dataset.review(stack.argilla.url) as review, refusal:
        review.create(TASK)
