"""The gold file: what a line must be, and the sentence for each line that is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.config import Config, load_config
from curation.errors import ConfigError, DataError, MissingError
from curation.gold import read_gold
from curation.gold.file import answers_shown
from tests.derive.stores import make_config

LINE: dict[str, Any] = {"prompt": "What is 2 + 2?", "answers": ["4", "5"], "expected": "a"}


def with_gold(folder: Path, *lines: object, text: str | None = None, **review: Any) -> Config:
    path = folder / "gold.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) if text is None else text, encoding="utf-8")
    return make_config(review={"gold": str(path), **review})


def test_a_line_is_a_prompt_with_answers_and_the_score_that_each_should_get(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    second = {"prompt": turns, "answers": ["No.", "Yes."], "expected": "b", "category": "edge_case"}
    first, item = read_gold(with_gold(tmp_path, LINE, second))
    assert (first.line, first.answers, first.expected) == (1, ("4", "5"), (1.0, 0.0))
    assert (item.line, item.expected, item.prompt.category) == (2, (0.0, 1.0), "edge_case")
    assert [message.content for message in item.prompt.messages] == ["Be brief.", "Why?"]
    assert item.prompt.source == "gold.jsonl"


def test_without_a_gold_file_there_is_no_gold() -> None:
    assert read_gold(make_config()) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"expected": "c"}, "expects 'c', which is no answer to the task pairwise: it must be \"a\""),
        ({"expected": None}, "expects None, which is no answer"),
        ({"answers": ["4"]}, "has 1 answers, and a record of this curation shows 2"),
        ({"answers": ["4", "5", "6"]}, "has 3 answers, and a record of this curation shows 2"),
        ({"answers": "4"}, "has answers that are not a list of texts"),
        ({"answers": ["4", " "]}, "has answers that are not a list of texts, none of them empty"),
        ({"answers": ["4", 5]}, "has answers that are not a list of texts"),
        ({"answers": ["4", "a\0b"]}, "has answers that are not a list of texts"),
        ({"answers": ["4", " 4\n"]}, "has the same answer twice"),
        ({"prompt": ""}, "does not end with a text of the user"),
        ({"prompt": [{"role": "assistant", "content": "4"}]}, "does not end with a text of the user"),
        ({"prompt": [{"role": "judge", "content": "4"}]}, "has a prompt that is none: unknown_role"),
        ({"prompt": None}, "has a prompt that is none"),
        ({"prompt": "x" * 20_001}, "cannot show: prompt_too_long_to_show"),
        ({"note": "hard"}, "has 'note', which is not known: a line has prompt, answers, expected"),
        ({"category": 3}, "has a category that is not a text"),
    ],
)
def test_a_line_that_is_no_gold_record_is_named_with_its_file(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    config = with_gold(tmp_path, LINE | {"prompt": "Before?"}, LINE | change)
    with pytest.raises(DataError) as error:
        read_gold(config)
    assert str(error.value).startswith(f"{tmp_path / 'gold.jsonl'}, line 2 ")
    assert sentence in str(error.value)
    assert "Nothing was pushed" in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no gold record"),
        ("\n\n", "has no gold record"),
        ('{"prompt": "a"\n', "line 1 is not JSON"),
        ("[1]\n", "line 1 is not a JSON object"),
        ('{"prompt": "a", "answers": ["b", "c"]}\n', "line 1 has no 'expected'"),
    ],
)
def test_a_file_that_holds_no_gold_says_so(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match="gold") as error:
        read_gold(with_gold(tmp_path, text=text))
    assert sentence in str(error.value)


def test_a_prompt_that_repeats_is_refused_with_both_lines(tmp_path: Path) -> None:
    config = with_gold(tmp_path, LINE, LINE | {"prompt": "Other?"}, LINE | {"prompt": "What is 2 + 2?\n"})
    with pytest.raises(DataError, match="line 3 repeats the prompt of line 1"):
        read_gold(config)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = make_config(review={"gold": str(tmp_path / "gold.jsonl")})
    with pytest.raises(MissingError, match=r"There is no gold file .*gold.jsonl. Correct `gold` under \[review\]"):
        read_gold(config)


@pytest.mark.parametrize(
    ("review", "generators", "shown"),
    [
        ({"task": "pairwise"}, 3, (2,)),
        ({"task": "binary"}, 3, (1,)),
        ({"task": "safety"}, 3, (1,)),
        ({"task": "safety", "pairwise": True}, 3, (1, 2)),
        ({"task": "rating"}, 3, (3,)),
        ({"task": "rating", "candidates": 2}, 3, (1, 2)),
        ({"task": "ranking"}, 7, (3, 4)),
    ],
)
def test_a_gold_record_shows_as_many_answers_as_others(
    review: dict[str, Any], generators: int, shown: tuple[int, ...]
) -> None:
    models: Any = [{"model_id": "acme/g", "name": f"g{number}"} for number in range(generators)]
    config = make_config(review=review).model_copy(update={"generators": ()})
    assert config.generators == ()
    values = config.model_dump(mode="json") | {"generators": models}
    values["review"] = review
    assert answers_shown(Config.model_validate(values)) == shown


@pytest.mark.parametrize(
    ("review", "sentence"),
    [
        ('gold = "gold.csv"', "': must end in .jsonl, .ndjson, .json, or in .gz behind one of these."),
        ('gold = "gold.jsonl"\ngold_share = 0', "review.gold_share = 0: must be greater than 0 and at most 0.5"),
        ('gold = "gold.jsonl"\ngold_share = 0.6', "must be greater than 0 and at most 0.5"),
        ('gold = "gold.jsonl"\ncalibration = -1', "review.calibration = -1: must be at least 0"),
        ("calibration = 10", "calibration needs gold"),
    ],
)
def test_keys_of_gold_that_make_no_sense_are_refused(tmp_path: Path, review: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(written(tmp_path, review))
    assert sentence in str(error.value).replace(f"{tmp_path}/", "")


def test_the_gold_file_lies_beside_the_config(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, 'gold = "gold.jsonl"')).review.gold == tmp_path / "gold.jsonl"


def written(folder: Path, review: str) -> Path:
    path = folder / "demo.toml"
    path.write_text(
        'name = "demo"\n[prompts]\ntype = "hub"\nrepo_id = "acme/prompts"\n'
        '[[generators]]\nmodel_id = "a"\n[[generators]]\nmodel_id = "b"\n'
        f'[review]\n{review}\n[publish]\nrepo_id = "acme/demo"\n[store]\nrepo_id = "acme/demo-store"\n'
    )
    return path
