"""The card: YAML that the Hub reads, numbers that a reader needs, and nothing that names a person."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from curation.store.card import CardFacts, FunnelStep, render_card

FACTS = CardFacts(
    name="helpful",
    repo_id="acme/helpful",
    source="acme/prompts@0123abc",
    prompts=20,
    models=(("cool", "acme/small", 19), ("warm", "acme/small", 18)),
    judges=("acme/large (overall-rating)",),
    judge_lines=("Judge acme/large: 97 % of ratings read, best and worst tied in 5 % of sets; ratings 1: 3, 5: 9.",),
    cost="74 answered requests, 12,345 tokens: $1.25, $0.1042 a dpo row",
    guidelines="Choose the *better* one.",
    rows={("dpo", "train"): 11, ("dpo", "test"): 1, ("kto", "train"): 25},
    funnel=(
        FunnelStep("prompts kept", 18, {"duplicate": 1, "empty": 1}),
        FunnelStep("verdicts", 13, {"draw": 2, "unreviewed": 3}),
        FunnelStep("dpo rows", 12, {}),
    ),
    reviewers={"reviewer-0123456789abcdef": 12, "reviewer-fedcba9876543210": 7},
    agreement=0.875,
    agreed_records=8,
    label_sources=frozenset({"human"}),
    kto_true=15,
    kto_false=10,
    kto_weights=(1.0, 1.5),
)
PATHS = {
    "dpo/train": "dpo/train-0.parquet",
    "dpo/test": "dpo/test-1.parquet",
    "kto/train": "kto/train-2.parquet",
}


def card(paths: dict[str, str] = PATHS, **changes: Any) -> str:
    return render_card(replace(FACTS, **changes), paths)


def front(text: str) -> dict[str, Any]:
    """Return the YAML between the first two lines of dashes."""
    _, head, body = text.split("---\n", 2)
    assert text.startswith("---\n")
    assert body.startswith("\n# ")
    return dict(yaml.safe_load(head))


def table(text: str, title: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, the head and its rule left out."""
    lines = text.partition(f"\n## {title}\n")[2].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def test_the_yaml_lists_every_file_by_config_and_split() -> None:
    assert front(card())["configs"] == [
        {
            "config_name": "dpo",
            "data_files": [
                {"split": "train", "path": "dpo/train-0.parquet"},
                {"split": "test", "path": "dpo/test-1.parquet"},
            ],
        },
        {"config_name": "kto", "data_files": [{"split": "train", "path": "kto/train-2.parquet"}]},
    ]


def test_the_yaml_lists_no_config_or_split_without_a_file() -> None:
    text = card({"kto/train": "kto/train-2.parquet"})
    assert [config["config_name"] for config in front(text)["configs"]] == ["kto"]
    assert "dpo = load_dataset" not in text
    assert "DPOTrainer" not in text


def test_the_yaml_names_the_source_its_revision_and_the_usual_tags() -> None:
    head = front(card())
    assert head["source_datasets"] == ["acme/prompts"]
    assert head["curation"] == {"source": "acme/prompts", "revision": "0123abc"}
    assert head["pretty_name"] == "helpful"
    assert {"dpo", "kto", "preference", "human-feedback", "argilla", "distilabel"} <= set(head["tags"])
    # A stale dataset_info keeps `load_dataset` from loading at all.
    assert "dataset_info" not in head


def test_a_file_as_source_is_no_dataset_of_the_hub() -> None:
    head = front(card(source="prompts.jsonl@0123abc"))
    assert "source_datasets" not in head
    assert head["curation"] == {"source": "prompts.jsonl", "revision": "0123abc"}


@pytest.mark.parametrize("name", ["no", "null", "1e3", "2026-01-01", "a.b-c_d"])
def test_a_name_that_yaml_would_read_as_something_else_stays_a_name(name: str) -> None:
    assert front(card(name=name))["pretty_name"] == name


def test_the_tables_hold_every_count() -> None:
    text = card()
    assert table(text, "Rows") == [["dpo", "train", "11"], ["dpo", "test", "1"], ["kto", "train", "25"]]
    assert table(text, "Models") == [["cool", "acme/small", "19"], ["warm", "acme/small", "18"]]
    assert table(text, "From prompts to rows") == [
        ["prompts kept", "18", "1 duplicate, 1 empty"],
        ["verdicts", "13", "2 draw, 3 unreviewed"],
        ["dpo rows", "12", "-"],
    ]
    assert table(text, "Reviewers and agreement") == [
        ["reviewer-0123456789abcdef", "12"],
        ["reviewer-fedcba9876543210", "7"],
    ]


def test_the_sentences_hold_the_rest() -> None:
    text = card()
    assert (
        "20 prompts from acme/prompts@0123abc were answered by 2 generators, rated by acme/large (overall-rating),"
        in text
    )
    assert "reviewed by 2 reviewers." in text
    assert "over 8 records with two or more reviewers: **0.88**" in text
    assert "Choose the *better* one." in text


def test_one_reviewer_is_not_called_reviewers() -> None:
    assert "reviewed by 1 reviewer." in card(reviewers={"reviewer-1": 3})


def test_agreement_that_is_not_defined_is_not_a_number() -> None:
    text = card(agreement=None, agreed_records=0)
    assert "Agreement: not defined" in text
    assert "None" not in text


def test_every_judge_is_named_with_what_its_ratings_were_like() -> None:
    lines = ("Judge a: 97 % of ratings read.", "Judge b: 12 % of ratings read.")
    text = card(judges=("acme/a (honesty)", "acme/b (helpfulness, honesty)"), judge_lines=lines)
    assert "rated by acme/a (honesty), acme/b (helpfulness, honesty), and reviewed by" in text
    assert "Judged by acme/a (honesty), acme/b (helpfulness, honesty), UltraFeedback (" in text
    assert "\n".join(lines) in text


def test_the_card_says_what_the_models_cost() -> None:
    assert "What the models cost: 74 answered requests, 12,345 tokens: $1.25, $0.1042 a dpo row." in card()


def test_without_a_judge_there_is_none() -> None:
    text = card(judges=(), judge_lines=())
    assert "No judge." in text
    assert "UltraFeedback" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ({"human"}, ()),
        ({"simulated"}, ("**Simulated labels.**",)),
        ({"human", "judge"}, ("**Judge labels.**",)),
        ({"human", "judge", "simulated"}, ("**Simulated labels.**", "**Judge labels.**")),
    ],
)
def test_labels_that_no_person_gave_are_announced(sources: set[str], said: tuple[str, ...]) -> None:
    text = card(label_sources=frozenset(sources))
    assert [mark for mark in ("**Simulated labels.**", "**Judge labels.**") if mark in text] == list(said)


def test_the_weights_of_kto_are_said_and_used() -> None:
    text = card()
    assert "15 true, 10 false. Suggested weights: `desirable_weight=1.0, undesirable_weight=1.5`" in text
    assert "KTOConfig(per_device_train_batch_size=4, desirable_weight=1.0, undesirable_weight=1.5)" in text


def test_without_weights_the_card_says_what_is_missing() -> None:
    text = card(kto_weights=None, kto_true=5, kto_false=0)
    assert "KTO labels: 5 true, 0 false: KTO needs both." in text
    assert "KTOConfig(per_device_train_batch_size=4)" in text


def test_the_loading_snippet_is_python_that_loads_each_config() -> None:
    [load, *train] = re.findall(r"```python\n(.*?)```", card(), flags=re.DOTALL)
    assert 'dpo = load_dataset("acme/helpful", "dpo")' in load
    assert 'kto = load_dataset("acme/helpful", "kto")' in load
    for code in (load, *train):
        compile(code, "card", "exec")
    assert len(train) == 2


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("a|b", r"a\|b"),
        ("two\nlines", "two lines"),
        ("tab\tand\r\nreturn", "tab and return"),
        (r"back\slash|", r"back\\slash\|"),
        ("{{ 7 * 7 }}", "{{ 7 * 7 }}"),
        ("👩\u200d👧 مرحبا", "👩\u200d👧 مرحبا"),
    ],
)
def test_an_odd_name_stays_in_its_cell(name: str, cell: str) -> None:
    text = card(models=((name, name, 3), ("warm", "acme/small", 18)))
    assert table(text, "Models") == [[cell, cell, "3"], ["warm", "acme/small", "18"]]


def test_the_same_facts_give_the_same_card() -> None:
    assert card() == card()


def test_nothing_is_left_of_the_template() -> None:
    assert not re.search(r"\{\{|\{%|%\}|\}\}", card())
    assert "\n\n\n\n" not in card()
