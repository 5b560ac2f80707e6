"""What publish refuses, TRL refuses or misreads: hand-written rows, shown to both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from curation.export import faults
from tests.train.apart import NEEDS_TRL, run_apart
from tests.train.refused import MISREAD, SOUND, STOPPED, Case

pytestmark = NEEDS_TRL


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What TRL did with each case; in a process of its own, because torch warns where we take warnings for errors."""
    folder = tmp_path_factory.mktemp("refused")
    run_apart("tests.train.refused", folder)
    return json.loads((folder / "outcomes.json").read_text())


def found(case: Case) -> list[str]:
    import pyarrow as pa

    return list(faults(case.config, pa.Table.from_pylist(list(case.rows))))


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", SOUND, ids=by_name)
def test_rows_as_they_should_be_have_no_faults_and_are_accepted(case: Case, outcomes: dict[str, Any]) -> None:
    assert found(case) == []
    assert outcomes[case.name]["raised"] == ""
    assert outcomes[case.name]["rows"] == 4


@pytest.mark.parametrize("case", STOPPED, ids=by_name)
def test_rows_that_stop_a_trainer_are_refused(case: Case, outcomes: dict[str, Any]) -> None:
    assert case.fault in found(case)
    assert outcomes[case.name]["raised"] in case.raises.split(" or "), outcomes[case.name]


@pytest.mark.parametrize("case", MISREAD, ids=by_name)
def test_rows_that_a_trainer_misreads_are_refused(case: Case, outcomes: dict[str, Any]) -> None:
    assert case.fault in found(case)
    # Nobody would notice: nothing is raised.
    assert outcomes[case.name]["raised"] == "", outcomes[case.name]


def test_a_margin_changes_the_loss_of_a_reward_model(outcomes: dict[str, Any]) -> None:
    assert outcomes["margin in pairs"]["loss"] > outcomes["reward: conversations"]["loss"] + 0.1
    assert outcomes["margin in pairs"]["loss"] == outcomes["reward: margin"]["loss"]


def test_pairs_beside_completions_make_two_rows_of_each(outcomes: dict[str, Any]) -> None:
    assert outcomes["pairs in kto"]["rows"] == 8


def test_a_text_beside_a_prompt_takes_the_end_of_the_answer(outcomes: dict[str, Any]) -> None:
    assert outcomes["sft: strings"]["texts"]["completion"] == " A good one.<|end|>"
    assert outcomes["text beside a prompt"]["texts"]["completion"] == " A good one."


def test_messages_are_not_read_beside_prompt_and_completion(outcomes: dict[str, Any]) -> None:
    assert "A good one." not in outcomes["both layouts"]["texts"]["whole completion"]


def test_a_whole_conversation_as_the_answer_says_the_prompt_twice(outcomes: dict[str, Any]) -> None:
    assert outcomes["dpo: conversations"]["texts"]["whole chosen"].count("What is it?") == 1
    assert outcomes["whole talk as answer"]["texts"]["whole chosen"].count("What is it?") == 2


def test_an_answer_of_the_user_teaches_the_users_words(outcomes: dict[str, Any]) -> None:
    assert "What is it?" in outcomes["the user answers"]["texts"]["completion"]
    assert outcomes["no answer"]["texts"]["completion"] == "<|begin|><|user|>What is it?<|end|>"


def test_a_prompt_that_ends_with_the_assistant_is_answered_by_the_assistant(outcomes: dict[str, Any]) -> None:
    whole = outcomes["the assistant asks"]["texts"]["whole chosen"]
    assert whole.endswith("<|assistant|>A bad one.<|end|><|assistant|>A good one.<|end|>")


def test_a_blank_answer_teaches_to_say_nothing(outcomes: dict[str, Any]) -> None:
    assert outcomes["blank answer"]["texts"]["chosen"] == "<|end|>"


def test_a_blank_prompt_gives_answers_to_nothing(outcomes: dict[str, Any]) -> None:
    assert outcomes["blank prompt"]["texts"]["prompt"].removeprefix("<|begin|>").strip() == ""


def test_a_pair_of_the_same_texts_is_kept_though_it_prefers_nothing(outcomes: dict[str, Any]) -> None:
    texts = outcomes["the same twice"]["texts"]
    assert texts["chosen"] == texts["rejected"]
    assert outcomes["the same twice"]["rows"] == 4
