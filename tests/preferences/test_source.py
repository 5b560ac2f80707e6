"""Rows with answers as prompts: rows of one prompt are one set, and nothing is lost without a name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.config import parse_config
from curation.errors import ConfigError, DataError
from curation.generation import given_set_id, settings_id
from curation.preferences import AnsweredPrompts, AnswerPrompts, PreferencePrompts
from curation.review import PairwiseTask
from curation.types import AnsweredPrompt, CandidateSet, Drop, ReviewRecord

ENDPOINT = "http://127.0.0.1:9"


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def loaded(options: AnsweredPrompts) -> list[AnsweredPrompt | Drop]:
    source = options.resolve(endpoint=ENDPOINT, token=None)
    prompts = list(options.load(source, endpoint=ENDPOINT, token=None))
    assert all(isinstance(prompt, AnsweredPrompt | Drop) for prompt in prompts)
    return prompts  # type: ignore[return-value]


def preferences(folder: Path, *rows: dict[str, Any], **options: Any) -> list[AnsweredPrompt | Drop]:
    return loaded(PreferencePrompts(path=written(folder, *rows), **options))


def pair(chosen: str, rejected: str, prompt: str = "Why?", **columns: Any) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **columns}


def answers(prompt: AnsweredPrompt | Drop) -> list[tuple[str, str, float | None]]:
    assert isinstance(prompt, AnsweredPrompt), prompt
    assert {answer.generator for answer in prompt.answers} == {"imported"}
    return [(answer.text, answer.model, answer.imported) for answer in prompt.answers]


def test_rows_with_the_same_prompt_are_one_prompt_with_all_answers(tmp_path: Path) -> None:
    prompts = preferences(
        tmp_path,
        pair("Rain.", "Sun.", chosen_model="large", rejected_model="small"),
        pair("Yes.", "No.", prompt="Is it?"),
        pair("Wind.", "Rain."),
        pair("Rain.", "Sun."),
    )
    first, joined, again, second = prompts
    # "Rain." is chosen twice and rejected once.
    assert answers(first) == [("Rain.", "large", 0.666666667), ("Sun.", "small", 0.0), ("Wind.", "unknown", 1.0)]
    assert answers(second) == [("Yes.", "unknown", 1.0), ("No.", "unknown", 0.0)]
    assert isinstance(joined, Drop)
    assert isinstance(again, Drop)
    assert joined.reason == again.reason == "joined_to_same_prompt"


def test_a_row_of_equal_answers_is_dropped_by_name(tmp_path: Path) -> None:
    [dropped] = preferences(tmp_path, pair("Rain.", "Rain. \n"))
    assert isinstance(dropped, Drop)
    assert dropped.reason == "answers_are_equal"


def test_rows_of_different_layouts_may_stand_in_one_file(tmp_path: Path) -> None:
    labelled = {"prompt": "Is it?", "completion": "Yes.", "label": False}
    first, second = preferences(tmp_path, pair("Rain.", "Sun."), labelled)
    assert answers(first) == [("Rain.", "unknown", 1.0), ("Sun.", "unknown", 0.0)]
    assert answers(second) == [("Yes.", "unknown", 0.0)]


def test_the_first_row_says_what_the_source_lacks_and_a_later_one_is_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no columns of a known layout, only prompt, text.*docs/recipes/import\.md"):
        preferences(tmp_path, {"prompt": "Why?", "text": "Rain."})
    dropped, kept = preferences(tmp_path, pair("Rain.", "Sun."), {"text": "Rain."})
    assert isinstance(dropped, Drop)
    assert dropped.reason == "unknown_layout"
    assert len(answers(kept)) == 2
    with pytest.raises(DataError, match="no column 'kind'; it has 'prompt', 'chosen', 'rejected'"):
        preferences(tmp_path, pair("Rain.", "Sun."), category_column="kind")


def test_a_prompt_that_does_not_end_with_the_user_is_none(tmp_path: Path) -> None:
    row = {"prompt": [{"role": "assistant", "content": "Why?"}], "chosen": "Rain.", "rejected": "Sun."}
    [dropped] = preferences(tmp_path, row)
    assert isinstance(dropped, Drop)
    assert dropped.reason == "does_not_end_with_the_user"


def test_categories_come_along_and_a_limit_counts_rows(tmp_path: Path) -> None:
    rows = [pair("Rain.", "Sun.", prompt=f"Why {number}?", kind="weather") for number in range(3)]
    prompts = preferences(tmp_path, *rows, category_column="kind", limit=2)
    assert [prompt.category for prompt in prompts if isinstance(prompt, AnsweredPrompt)] == ["weather", "weather"]


def test_answers_have_no_label_whatever_their_source_says(tmp_path: Path) -> None:
    named = {"q": "Why?", "texts": ["Rain.", "Sun."], "by": ["large", None], "scores": [5, 1]}
    options = AnswerPrompts(path=written(tmp_path, named), column="q", answers_column="texts", models_column="by")
    assert answers(loaded(options)[0]) == [("Rain.", "large", None), ("Sun.", "unknown", None)]
    assert answers(loaded(AnswerPrompts(path=written(tmp_path, pair("Rain.", "Sun."))))[0]) == [
        ("Rain.", "unknown", None),
        ("Sun.", "unknown", None),
    ]
    with pytest.raises(DataError, match="no column 'answers'"):
        loaded(AnswerPrompts(path=written(tmp_path, named), column="q", answers_column="answers"))


def test_reviewers_are_shown_neither_labels_nor_models(tmp_path: Path) -> None:
    [prompt] = preferences(tmp_path, pair("Rain.", "Sun.", chosen_model="large", rejected_model="small"))
    assert isinstance(prompt, AnsweredPrompt)
    task = PairwiseTask()
    shown = CandidateSet(id="s", prompt=prompt.alone, candidates=prompt.answers, settings="")
    records = task.records(shown)
    assert not isinstance(records, Drop)
    [record] = records
    assert isinstance(record, ReviewRecord)
    spec = str(task.spec(shown, record))
    assert "Rain." in spec
    assert not any(word in spec for word in ("large", "small", "1.0", "0.0"))


def test_the_order_on_the_page_does_not_follow_the_labels(tmp_path: Path) -> None:
    prompts = preferences(tmp_path, *(pair("Rain.", "Sun.", prompt=f"Why {number}?") for number in range(60)))
    first = 0
    for prompt in prompts:
        assert isinstance(prompt, AnsweredPrompt)
        shown = CandidateSet(id=prompt.id, prompt=prompt.alone, candidates=prompt.answers, settings="")
        records = PairwiseTask().records(shown)
        assert not isinstance(records, Drop)
        first += records[0].candidates[0] == prompt.answers[0].id
    # With a fair coin fewer than 15 or more than 45 of 60 happen less than once in 10,000 times.
    assert 15 <= first <= 45


CONFIG: dict[str, Any] = {
    "name": "reviewed",
    "prompts": {"type": "preferences", "path": "pairs.jsonl"},
    "publish": {"repo_id": "acme/reviewed"},
    "store": {"repo_id": "acme/reviewed-store"},
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"generators": [{"model_id": "one"}]}, "generators: must be left out: with prompts.type = 'preferences'"),
        (
            {"evolve": [{"model_id": "one"}]},
            r"\[\[evolve\]\] rewrites answers, and with prompts.type = 'preferences' they stay",
        ),
        ({"prompts": {"type": "preferences"}}, "needs either path or repo_id, and not both"),
        ({"prompts": {"type": "preferences", "path": "pairs.pdf"}}, "must end in .jsonl"),
        (
            {"prompts": {"type": "answers", "path": "a.jsonl"}, "labels": {"accept_imported": True}},
            'accept_imported = true needs prompts.type = "preferences"',
        ),
        ({"labels": {"judge_fallback": True}}, r"judge_fallback = true needs a \[judge\]"),
        ({"prompts": {"type": "hub", "repo_id": "acme/prompts"}}, "generators is missing"),
    ],
)
def test_a_config_with_answers_that_exist_asks_no_generator(changes: dict[str, Any], sentence: str) -> None:
    assert parse_config(CONFIG).models.stages == {}
    with pytest.raises(ConfigError, match=sentence):
        parse_config(CONFIG | changes)


def test_a_set_is_known_by_its_answers_so_that_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    settings = settings_id(parse_config(CONFIG).models)
    [before] = preferences(tmp_path, pair("Rain.", "Sun."))
    [same] = preferences(tmp_path, pair("Rain. ", "Sun.", chosen_model="large"))
    [after] = preferences(tmp_path, pair("Rain.", "Wind."))
    assert isinstance(before, AnsweredPrompt)
    assert isinstance(same, AnsweredPrompt)
    assert isinstance(after, AnsweredPrompt)
    assert before.id == after.id
    assert given_set_id(before, settings) == given_set_id(same, settings) != given_set_id(after, settings)
